// One row per reason why a machine is no subscriber, and what is no reason.
import { describe, expect, it } from '@jest/globals';
import { aJob, noon, type SpecOverrides } from '../../../test/builders/job.ts';
import { aMachine, anOtherPod, lostTaint, type MachineOverrides } from '../../../test/builders/node.ts';
import type { Pod, Taint } from '../api/kubernetes.ts';
import { poolOf } from '../model/pool.ts';
import { requirementOf, subscribers, type Requirement } from './subscribe.ts';

interface World {
  readonly machine?: MachineOverrides;
  /** Beside the machine that is asked about. */
  readonly others?: MachineOverrides[];
  readonly pods?: Pod[];
  readonly running?: Requirement['running'];
}

/** Why `pc` does not get the job; undefined when it could. */
function obstacle(spec: SpecOverrides, { machine = {}, others = [], pods = [], running }: World): string | undefined {
  const nodes = [aMachine('pc', machine), ...others.map((other, index) => aMachine(`other-${index}`, other))];
  const pool = poolOf({ nodes, jobs: [], vms: [], vmis: [], migrations: [], otherPods: pods }, { nowMs: noon });
  const wanted = requirementOf(aJob('j', spec).job);
  const verdict = subscribers(pool, running ? { ...wanted, running } : wanted, { nowMs: noon });
  const found = verdict.obstacles.find((each) => each.machine.name === 'pc');
  return found && `${found.reason}${found.forEver ? ' for ever' : ''}`;
}

const taint = (key: string, effect: Taint['effect'] = 'NoSchedule'): { taints: Taint[] } => ({
  taints: [{ key, effect }],
});
const label = (key: string, value: string) => ({ labels: { [key]: value } });
const gpus = (count: string) => ({ gpus: 4, memoryMiB: 4096, allocatable: { 'nvidia.com/gpu': count } });
const placed = (placement: Partial<NonNullable<SpecOverrides['placement']>>): SpecOverrides => ({
  placement: { dedicatedOnly: false, ...placement },
});

describe('a machine', () => {
  it.each<[string, SpecOverrides, World, string | undefined]>([
    ['takes a job that fits', {}, {}, undefined],
    ['must be approved', {}, { machine: { approved: false } }, 'NotApproved for ever'],
    ['must not wait for approval', {}, { machine: taint('idlewild.dev/pending-approval') }, 'NotApproved for ever'],
    ['must have the architecture', {}, { machine: { architecture: 'arm64' } }, 'WrongArchitecture for ever'],
    ['must be in a wanted room', placed({ rooms: ['lab-b', 'lab-c'] }), {}, 'WrongRoom for ever'],
    ['may be in any of the wanted rooms', placed({ rooms: ['lab-b', 'lab-a'] }), {}, undefined],
    ['must have the wanted labels', placed({ nodeSelector: { ssd: 'yes' } }), {}, 'LabelMismatch for ever'],
    [
      'takes a job whose labels it has',
      placed({ nodeSelector: { ssd: 'yes' } }),
      { machine: label('ssd', 'yes') },
      undefined,
    ],
    ['must have no owner where that is wanted', placed({ dedicatedOnly: true }), {}, 'NotDedicated for ever'],
    ['must lend', {}, { machine: label('idlewild.dev/pool', 'off') }, 'NotLending'],
    ['must be without its owner', {}, { machine: label('idlewild.dev/presence', 'present') }, 'OwnerPresent'],
    ['must be without the taint of its owner', {}, { machine: taint('idlewild.dev/owner-present') }, 'OwnerPresent'],
    ['must lend the cores', { resources: { cores: 3 } }, {}, 'InsufficientCores for ever'],
    ['must lend the memory with overhead', { resources: { memory: '2Gi' } }, {}, 'InsufficientMemory for ever'],
    ['must lend the disk', { resources: { disk: '21Gi' } }, {}, 'InsufficientDisk for ever'],
    ['must lend graphics memory', { resources: { graphicsMemory: '64Mi' } }, {}, 'InsufficientGraphicsMemory for ever'],
    [
      'takes a screen that it has graphics memory for',
      { resources: { graphicsMemory: '64Mi' } },
      { machine: { graphicsMiB: 64 } },
      undefined,
    ],
    ['must lend processors', { resources: { gpus: 1 } }, { machine: { memoryMiB: 4096 } }, 'InsufficientGpus for ever'],
    [
      'must have the processors that it lends',
      { resources: { gpus: 2 } },
      { machine: gpus('1') },
      'InsufficientGpus for ever',
    ],
    ['takes a job that its processors suffice for', { resources: { gpus: 2 } }, { machine: gpus('2') }, undefined],
    [
      'must have a gigabyte more for a processor',
      { resources: { gpus: 1 } },
      { machine: { ...gpus('1'), memoryMiB: 1200 } },
      'InsufficientMemory for ever',
    ],
    ['must not be lost', {}, { machine: { taints: [lostTaint] } }, 'MachineLost'],
    ['must be ready', {}, { machine: { ready: false } }, 'NotReady'],
    [
      'must not be unreachable, though guests tolerate that for a while',
      {},
      { machine: taint('node.kubernetes.io/unreachable', 'NoExecute') },
      'NotReady',
    ],
    ['must not be not-ready by its taint either', {}, { machine: taint('node.kubernetes.io/not-ready') }, 'NotReady'],
    ['must not be cordoned', {}, { machine: { cordoned: true } }, 'Cordoned'],
    ['must not have the taint of a cordon', {}, { machine: taint('node.kubernetes.io/unschedulable') }, 'Cordoned'],
    ['must have no taint that we do not know', {}, { machine: taint('maintenance', 'NoExecute') }, 'Tainted'],
    ['must not be drained by KubeVirt', {}, { machine: taint('kubevirt.io/drain') }, 'Tainted'],
    [
      'may have a taint that only asks to look elsewhere first',
      {},
      { machine: taint('maintenance', 'PreferNoSchedule') },
      undefined,
    ],
    ['may have the taint that guests tolerate', {}, { machine: taint('idlewild.dev/volatile') }, undefined],
    [
      'must have KubeVirt at work',
      {},
      { machine: label('kubevirt.io/schedulable', 'false') },
      'VirtualizationNotReady',
    ],
    [
      'must have the processor model that the others start guests with',
      {},
      { machine: { cpuModels: ['Penryn'] }, others: [{}, {}] },
      'CpuModelMissing',
    ],
    ['may report no models while no other does', {}, { machine: { cpuModels: [] } }, undefined],
    [
      'may have another model than machines outside the pool',
      {},
      { machine: { cpuModels: ['Penryn'] }, others: [{ approved: false }, { approved: false }] },
      undefined,
    ],
    ['must have the model of a guest that comes', {}, { running: { cpuModel: 'Haswell' } }, 'CpuModelMissing'],
    [
      'may lack the model of the pool for a guest that comes with another',
      {},
      { machine: { cpuModels: ['Penryn'] }, others: [{}, {}], running: { cpuModel: 'Penryn' } },
      undefined,
    ],
    ['must be of the vendor of a guest that comes', {}, { running: { cpuVendor: 'Intel' } }, 'CpuModelMissing'],
    ['must have the board of a guest that comes', {}, { running: { machineType: 'pc-q35-9.0' } }, 'CpuModelMissing'],
    ['must not be held down', {}, { machine: { hold: { until: noon + 1 } } }, 'HeldDown'],
    ['may have been held down', {}, { machine: { hold: { until: noon } } }, undefined],
    [
      'lends no more than Kubernetes may give away',
      {},
      { machine: { allocatable: { cpu: '900m' } } },
      'InsufficientCores for ever',
    ],
    [
      'lends no more than other pods leave',
      {},
      { machine: { allocatable: { cpu: '2' } }, pods: [anOtherPod('x', 'pc', { cpu: '1100m' })] },
      'InsufficientCores',
    ],
    [
      'lends the same whatever finished pods asked for',
      {},
      { machine: { allocatable: { cpu: '2' } }, pods: [anOtherPod('x', 'pc', { cpu: '2' }, 'Succeeded')] },
      undefined,
    ],
    [
      'lends the same whatever pods elsewhere ask for',
      {},
      { machine: { allocatable: { cpu: '2' } }, pods: [anOtherPod('x', 'other', { cpu: '2' })] },
      undefined,
    ],
  ])('%s', (_what, spec, world, expected) => {
    expect(obstacle(spec, world)).toBe(expected);
  });
});

describe('the requirement of a job', () => {
  it('is the same object as long as its spec is, so that it need not be compared', () => {
    const { job } = aJob('j');
    expect(requirementOf({ ...job, status: { phase: 'Waiting' } })).toBe(requirementOf(job));
    expect(requirementOf({ ...job, spec: { ...job.spec } })).not.toBe(requirementOf(job));
  });

  it('may come with machines to avoid, which are then no subscribers', () => {
    const pool = poolOf({ nodes: [aMachine('a'), aMachine('b')], jobs: [], vms: [], vmis: [], migrations: [] });
    const wanted = { ...requirementOf(aJob('j').job), heldAgainst: new Set(['a']) };
    const { fitting, obstacles } = subscribers(pool, wanted, { nowMs: noon, reserved: new Set(['b']) });
    expect(fitting).toEqual([]);
    expect(obstacles.map(({ machine, reason }) => [machine.name, reason])).toEqual([
      ['a', 'HeldAgainst'],
      ['b', 'ReservedForEarlier'],
    ]);
  });
});
