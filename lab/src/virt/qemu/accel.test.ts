import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kvmHindrance, probeAccel } from './accel.ts';

const folder = await mkdtemp(join(tmpdir(), 'idlewild-accel-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
const log = { info: () => undefined };

describe('what speaks against KVM', () => {
  it.each([
    ['nothing', true, 'flags\t\t: fpu vmx sse'],
    ['nothing', true, 'flags\t\t: fpu svm'],
    ['/dev/kvm does not exist or may not be used by this user', false, 'flags\t\t: fpu vmx sse'],
    ['the processor of this host offers no virtualization (neither vmx nor svm)', true, 'flags\t\t: fpu hypervisor'],
    [
      'the processor of this host offers no virtualization (neither vmx nor svm)',
      true,
      'flags\t\t: fpu vmxnet\nmodel name: svm',
    ],
    ['the processor of this host offers no virtualization (neither vmx nor svm)', true, ''],
  ])('is "%s" with device %s and "%s"', (words, kvmDevice, cpuInfo) => {
    expect(kvmHindrance({ kvmDevice, cpuInfo }) ?? 'nothing').toBe(words);
  });
});

describe('the choice of the accelerator', () => {
  const host = { bootId: 'one', cpuInfo: 'flags : fpu', kvmDevice: true };

  it('falls back to translation and remembers that until the host boots again', async () => {
    const cacheFile = join(folder, 'accel.json');
    const probe = { kernel: '/nonexistent', cacheFile, log };
    const translation = { accel: 'tcg', why: expect.stringContaining('no virtualization') };
    expect(await probeAccel(probe, host)).toEqual(translation);
    let asked = false;
    const watched = {
      ...host,
      get cpuInfo() {
        asked = true;
        return '';
      },
    };
    expect(await probeAccel(probe, watched)).toEqual(translation);
    expect(asked).toBe(false);
    const otherBoot = { ...host, bootId: 'two', kvmDevice: false };
    expect((await probeAccel(probe, otherBoot)).why).toContain('/dev/kvm does not exist');
  });
});
