// Edits by hand: ours are undone, everybody else's stand.
import { describe, expect, it } from '@jest/globals';
import { aVm } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import type { Affinity } from '../api/kubernetes.ts';
import type { VirtualMachine, VirtualMachineInstanceSpec } from '../api/kubevirt.ts';
import { pinnedTo, poolAffinity } from '../render/virtual-machine.ts';
import { restorationOf } from './own-fields.ts';

const { job } = aJob('j').published().claimedBy('pc-1');
const attempt = job.status?.attempts?.[0] as never;
const restored = (vm: VirtualMachine) => restorationOf(vm, job, attempt);
const withTemplate = (change: Partial<VirtualMachineInstanceSpec>): VirtualMachine => {
  const vm = aVm(job);
  return {
    ...vm,
    spec: { ...vm.spec, template: { ...vm.spec.template, spec: { ...vm.spec.template.spec, ...change } } },
  };
};

describe('a virtual machine', () => {
  it.each<[string, VirtualMachine]>([
    ['as we made it', aVm(job)],
    ['released', aVm(job, { released: true })],
    ["with somebody else's tolerations", withTemplate({ tolerations: [{ key: 'x', operator: 'Exists' }] })],
    ['with more memory', withTemplate({ domain: { devices: {}, memory: { guest: '4Gi' } } })],
    ['that somebody stopped', { ...aVm(job), spec: { ...aVm(job).spec, runStrategy: 'Halted' } }],
    [
      'whose affinity came back in another order and with empty fields',
      withTemplate({
        affinity: { podAffinity: undefined, nodeAffinity: pinnedTo('pc-1').nodeAffinity } as never as Affinity,
      }),
    ],
  ])('%s is left as it is', (_name, vm) => {
    expect(restored(vm)).toBeUndefined();
  });

  it.each<[string, VirtualMachine, string[], unknown]>([
    [
      'a strategy that would run the script again',
      { ...aVm(job), spec: { ...aVm(job).spec, runStrategy: 'Always' } },
      ['spec.runStrategy'],
      { spec: { runStrategy: 'Once' } },
    ],
    [
      'an eviction strategy that would move the guest behind our back',
      withTemplate({ evictionStrategy: 'LiveMigrate' }),
      ['spec.template.spec.evictionStrategy'],
      { spec: { template: { spec: { evictionStrategy: 'External' } } } },
    ],
    [
      'a label that we find it by',
      {
        ...aVm(job),
        metadata: { ...aVm(job).metadata, labels: { 'idlewild.dev/job': 'j', 'idlewild.dev/attempt': '1' } },
      },
      ['metadata.labels.app.kubernetes.io/managed-by'],
      { metadata: { labels: { 'app.kubernetes.io/managed-by': 'idlewild' } } },
    ],
  ])('%s is brought back, and nothing else is in the patch', (_name, vm, fields, patch) => {
    expect(restored(vm)).toEqual({ fields, patch });
  });

  it.each<[string, Affinity]>([
    ['another machine', pinnedTo('pc-9')],
    ['any machine at all', {}],
    [
      'ours and a wish of somebody else',
      {
        nodeAffinity: {
          ...poolAffinity.nodeAffinity,
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: {} }],
        },
      },
    ],
  ])('bound to %s is bound to its own again', (_name, affinity) => {
    const found = restored(withTemplate({ affinity }));
    expect(found?.fields).toEqual(['spec.template.spec.affinity']);
    expect(found?.patch).toMatchObject({
      spec: { template: { spec: { affinity: { nodeAffinity: pinnedTo('pc-1').nodeAffinity, podAffinity: null } } } },
    });
  });
});
