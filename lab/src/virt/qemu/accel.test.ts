import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mayHaveKvm, probeAccel } from './accel.ts';

const folder = await mkdtemp(join(tmpdir(), 'idlewild-accel-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
const log = { info: () => undefined };

describe('whether KVM is worth a try', () => {
  it.each([
    [true, true, 'flags\t\t: fpu vmx sse'],
    [true, true, 'flags\t\t: fpu svm'],
    [false, false, 'flags\t\t: fpu vmx sse'],
    [false, true, 'flags\t\t: fpu hypervisor'],
    [false, true, 'flags\t\t: fpu vmxnet\nmodel name: svm'],
    [false, true, ''],
  ])('is %s with device %s and "%s"', (answer, kvmDevice, cpuInfo) => {
    expect(mayHaveKvm({ kvmDevice, cpuInfo })).toBe(answer);
  });
});

describe('the choice of the accelerator', () => {
  const host = { bootId: 'one', cpuInfo: 'flags : fpu', kvmDevice: true };

  it('falls back to translation and remembers that until the host boots again', async () => {
    const cacheFile = join(folder, 'accel.json');
    const probe = { kernel: '/nonexistent', cacheFile, log };
    expect(await probeAccel(probe, host)).toBe('tcg');
    let asked = false;
    const watched = {
      ...host,
      get cpuInfo() {
        asked = true;
        return '';
      },
    };
    expect(await probeAccel(probe, watched)).toBe('tcg');
    expect(asked).toBe(false);
    expect(await probeAccel(probe, { ...host, bootId: 'two', cpuInfo: 'flags : fpu' })).toBe('tcg');
  });
});
