// What is rendered for an attempt, as whole files. After a wanted change: IDLEWILD_GOLDEN=write npm run jest -- operator/src/render
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { aJob, type SpecOverrides } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { machineOf } from '../model/machine.ts';
import { baselineModel } from '../model/cpu-model.ts';
import { renderUserData } from './user-data.ts';
import { isPinned, pinnedTo, poolAffinity, renderSecret, renderVirtualMachine } from './virtual-machine.ts';

const nonce = '0123456789abcdef';

function matchesGolden(name: string, text: string): void {
  const file = join(import.meta.dirname, 'golden', name);
  if (process.env.IDLEWILD_GOLDEN === 'write') writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

function rendered(name: string, spec: SpecOverrides, cpuModel: string | undefined) {
  const { job } = aJob(name, spec).published().claimedBy('pc-1');
  const attempt = job.status?.attempts?.[0];
  if (!attempt) throw new Error('claimed jobs have an attempt');
  return { job, attempt, vm: renderVirtualMachine({ job, attempt, nonce, cpuModel }) };
}

describe('the virtual machine of an attempt', () => {
  it.each<[string, SpecOverrides, string | undefined]>([
    ['batch', {}, 'Nehalem'],
    ['without-network', { network: 'None' }, 'Nehalem'],
    ['open-network', { network: 'Open' }, 'Nehalem'],
    ['batch-with-disk', { resources: { cores: 2, memory: '2Gi', disk: '10Gi' }, console: 'None' }, 'Nehalem'],
    [
      'with-processors-and-graphics',
      { resources: { cores: 4, memory: '8Gi', gpus: 2, graphicsMemory: '64Mi' }, console: 'VNC' },
      'Nehalem',
    ],
    [
      'session-with-screen',
      { mode: 'Session', console: 'VNC', image: { containerDisk: 'registry.example/desktop:1.0' } },
      undefined,
    ],
  ])('of kind %s', (name, spec, cpuModel) => {
    matchesGolden(
      `${name}.yaml`,
      stringify(rendered(name, spec, cpuModel).vm, { aliasDuplicateObjects: false, singleQuote: true }),
    );
  });

  it('comes with a Secret that belongs to the job and holds the user-data', () => {
    const { job, attempt } = rendered('batch', {}, undefined);
    expect(renderSecret(job, attempt, 'c2NyaXB0')).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: 'batch-1-cloudinit',
        namespace: 'default',
        labels: {
          'idlewild.dev/job': 'batch',
          'idlewild.dev/attempt': '1',
          'app.kubernetes.io/managed-by': 'idlewild',
        },
        ownerReferences: [{ apiVersion: 'idlewild.dev/v1alpha1', kind: 'ComputeJob', name: 'batch', uid: 'uid-batch' }],
      },
      type: 'Opaque',
      data: { userdata: 'c2NyaXB0' },
    });
  });

  it('says on the guest that a second copy of it is tolerated, beside what else is said there', () => {
    const shared = { interruption: { exclusive: false }, resources: { graphicsMemory: '64Mi' } };
    expect(rendered('shared', shared, undefined).vm.spec.template.metadata?.annotations).toEqual({
      'idlewild.dev/exclusive': 'false',
      'idlewild.dev/graphics-memory-mib': '64',
    });
    expect(rendered('batch', {}, undefined).vm.spec.template.metadata).not.toHaveProperty('annotations');
  });

  it('has a pointer that tells where it is, not how it moved, if it has a screen', () => {
    const inputs = (spec: SpecOverrides) => rendered('j', spec, undefined).vm.spec.template.spec.domain.devices.inputs;
    expect(inputs({ console: 'VNC' })).toEqual([{ name: 'tablet', type: 'tablet', bus: 'usb' }]);
    expect([inputs({ console: 'Serial' }), inputs({ console: 'None' })]).toEqual([undefined, undefined]);
  });

  it('is prepared for no more processors than it has: four times 64 would be more than QEMU starts', () => {
    const { cpu } = rendered('j', { resources: { cores: 64 } }, undefined).vm.spec.template.spec.domain;
    expect(cpu).toEqual({ cores: 64, sockets: 1, threads: 1, maxSockets: 1 });
  });

  it('has the longest name that a job may have within what a label can hold', () => {
    const { vm } = rendered('j'.repeat(43), {}, undefined);
    expect(vm.metadata.name.length).toBeLessThanOrEqual(50);
  });
});

describe('the user-data', () => {
  it('of a batch job with everything', () => {
    const data = {
      nonce,
      mode: 'Batch',
      scratch: true,
      script: '#!/bin/bash\necho hello\n',
      files: [{ path: '/etc/motd', base64: Buffer.from('welcome\n').toString('base64'), mode: '0644' }],
    } as const;
    matchesGolden(
      'batch-user-data.sh',
      renderUserData(data, (text) => Buffer.from(text).toString('base64')),
    );
  });

  it('of a session without a script', () => {
    const data = { nonce, mode: 'Session', scratch: false, files: [] } as const;
    matchesGolden(
      'session-user-data.sh',
      renderUserData(data, () => ''),
    );
  });
});

describe('the pin', () => {
  it('binds to one machine, and its release to the pool', () => {
    expect([isPinned(pinnedTo('pc-1')), isPinned(poolAffinity), isPinned(undefined)]).toEqual([true, false, false]);
  });
});

describe('the processor model', () => {
  const model = (...lists: string[][]) =>
    baselineModel(
      lists.map((cpuModels, index) => machineOf(aMachine(`pc-${index}`, { cpuModels }))),
      'amd64',
    );

  it.each<[string, string[][], string | undefined]>([
    [
      'the best that all machines have',
      [
        ['qemu64', 'Haswell', 'EPYC'],
        ['EPYC', 'qemu64', 'Haswell', 'EPYC-Rome'],
      ],
      'EPYC',
    ],
    [
      'an older one for the sake of an old machine',
      [
        ['Haswell', 'Nehalem'],
        ['Nehalem', 'qemu64'],
      ],
      'Nehalem',
    ],
    [
      'one that we do not know only when there is no other',
      [
        ['zeta', 'alpha', 'kvm64'],
        ['kvm64', 'alpha', 'zeta'],
      ],
      'kvm64',
    ],
    [
      'that of most machines when they have nothing in common',
      [['Haswell'], ['EPYC'], ['Haswell', 'Penryn']],
      'Haswell',
    ],
    ['that of the machines that report any', [['Haswell'], []], 'Haswell'],
    ['none in an empty pool', [], undefined],
  ])('is %s', (_name, lists, expected) => {
    expect(model(...lists)).toBe(expected);
  });

  it('takes no account of machines outside the pool or of another architecture', () => {
    const machines = [
      aMachine('a', { cpuModels: ['Haswell'] }),
      aMachine('b', { cpuModels: ['Penryn'], approved: false }),
      aMachine('c', { cpuModels: ['cortex-a72'], architecture: 'arm64' }),
    ].map((node) => machineOf(node));
    expect(baselineModel(machines, 'amd64')).toBe('Haswell');
  });
});
