// Migrations: phases, the target pod, the queue, endings. Expectations as recorded from KubeVirt's controller.
import { describe, expect, it } from '@jest/globals';
import type { Node } from '../../../model/node.ts';
import {
  EVACUATION_ANNOTATION,
  migrationDefaults,
  type Migration,
  type MigrationState,
} from '../../model/migration.ts';
import { NOW, aMigration, aPod, aState, aVmi, at, condition } from '../../played/builders.ts';
import { decideMigration, type MigrationObserved } from './decide.ts';
import { evacuationBackoffMs, hasRoom, superfluous } from './queue.ts';
import { pinnedImage, targetPod } from './target-pod.ts';

const source = aPod({ node: 'pc-1', phase: 'Running' });
const target = aPod({ uid: 'b', node: 'pc-2', phase: 'Running', migration: 'mig' });
const pending = aPod({ uid: 'b', migration: 'mig' });
const homeless = aPod({
  uid: 'b',
  migration: 'mig',
  conditions: [condition('PodScheduled', 'False', 'Unschedulable')],
});
const guest = (migrationState?: MigrationState) =>
  aVmi('Running', { status: { nodeName: 'pc-1', ...(migrationState ? { migrationState } : {}) } });

function look(migration: Migration, more: Partial<MigrationObserved> = {}) {
  return decideMigration({
    ...{ migration, vmi: guest(), pods: [source], sourceNode: undefined, all: [migration] },
    ...{ sourceNodeOf: () => 'pc-1', configuration: migrationDefaults, now: NOW },
    ...more,
  });
}
const phaseOf = (migration: Migration, more?: Partial<MigrationObserved>) => look(migration, more).next.status?.phase;

describe('the phases of a migration', () => {
  const both = [source, target];
  const cases: [string, string, Migration, Partial<MigrationObserved>][] = [
    ['begins', 'Pending', aMigration(undefined), {}],
    ['makes its pod', 'Scheduling', aMigration('Pending'), {}],
    ['waits for the guest to run', 'Pending', aMigration('Pending'), { vmi: aVmi('Scheduling') }],
    [
      'waits while two pods of the guest live',
      'Pending',
      aMigration('Pending'),
      { pods: [source, aPod({ uid: 'z', node: 'pc-3' })] },
    ],
    [
      'waits without a word for the digest of an image',
      'Pending',
      aMigration('Pending'),
      { pods: [aPod({ node: 'pc-1', phase: 'Running', digest: '' })] },
    ],
    ['takes up a pod made before a crash', 'Scheduling', aMigration('Pending'), { pods: [source, pending] }],
    ['waits for the pod', 'Scheduling', aMigration('Scheduling'), { pods: [source, pending] }],
    ['sees the pod ready', 'Scheduled', aMigration('Scheduling'), { pods: both }],
    ['hands off', 'PreparingTarget', aMigration('Scheduled'), { pods: both }],
    ['waits for the target', 'PreparingTarget', aMigration('PreparingTarget'), { pods: both, vmi: guest(aState()) }],
    [
      'sees the target listen',
      'TargetReady',
      aMigration('PreparingTarget'),
      { pods: both, vmi: guest(aState({ targetNodeAddress: 'x' })) },
    ],
    [
      'sees the source send',
      'Running',
      aMigration('TargetReady'),
      { pods: both, vmi: guest(aState({ startTimestamp: at(0) })) },
    ],
    [
      'waits for the source',
      'Running',
      aMigration('Running'),
      { pods: both, vmi: guest(aState({ startTimestamp: at(0) })) },
    ],
    [
      'succeeds',
      'Succeeded',
      aMigration('Running'),
      { pods: both, vmi: guest(aState({ endTimestamp: at(1), completed: true })) },
    ],
    [
      'fails as the source says',
      'Failed',
      aMigration('Running'),
      { pods: both, vmi: guest(aState({ endTimestamp: at(1), completed: true, failed: true })) },
    ],
    [
      'fails when the target is gone',
      'Failed',
      aMigration('Running'),
      { vmi: guest(aState({ startTimestamp: at(0) })) },
    ],
    [
      'fails when the target is going',
      'Failed',
      aMigration('Running'),
      {
        pods: [source, { ...target, metadata: { ...target.metadata, deletionTimestamp: at(0) } }],
        vmi: guest(aState()),
      },
    ],
    ['fails when the guest ended', 'Failed', aMigration('Running'), { pods: both, vmi: aVmi('Failed') }],
    ['fails when the instance is gone', 'Failed', aMigration('Scheduling'), { vmi: undefined, pods: [] }],
    ['waits for a machine', 'Scheduling', aMigration('Scheduling'), { pods: [source, homeless], now: NOW + 299_000 }],
    [
      'gives up after 300 s without a machine',
      'Failed',
      aMigration('Scheduling'),
      { pods: [source, homeless], now: NOW + 300_000 },
    ],
    ['gives a slow pod 900 s', 'Scheduling', aMigration('Scheduling'), { pods: [source, pending], now: NOW + 899_000 }],
    ['gives up a pod after 900 s', 'Failed', aMigration('Scheduling'), { pods: [source, pending], now: NOW + 900_000 }],
    [
      'gives up after its own time',
      'Failed',
      aMigration('Scheduling', { annotations: { 'kubevirt.io/migrationUnschedulablePodTimeoutSeconds': '25' } }),
      { pods: [source, homeless], now: NOW + 25_000 },
    ],
  ];
  it.each(cases)('%s', (_name, wanted, migration, more) => expect(phaseOf(migration, more)).toBe(wanted));

  it('tells both machines at the hand-off, in place of what an earlier migration left', () => {
    const vmi = guest(
      aState({ migrationUid: 'old', endTimestamp: at(0), completed: true, failed: true, abortRequested: true }),
    );
    const decision = look(aMigration('Scheduled'), { pods: [source, target], vmi });
    expect(decision.vmi?.metadata.labels).toMatchObject({ 'kubevirt.io/migrationTargetNodeName': 'pc-2' });
    expect(decision.vmi?.status?.migrationState).toEqual({
      migrationUid: 'mig',
      sourceNode: 'pc-1',
      sourcePod: 'virt-launcher-job-a',
      targetNode: 'pc-2',
      targetPod: 'virt-launcher-job-b',
      migrationConfiguration: migrationDefaults,
    });
  });
  it('deletes the pod that found no machine', () => {
    expect(
      look(aMigration('Scheduling'), { pods: [source, homeless], now: NOW + 300_000 }).deletePod?.metadata.uid,
    ).toBe('b');
  });
  it('says "completed" for a source that is dead after the hand-over', () => {
    const vmi = aVmi('Running', { status: { nodeName: 'pc-2', migrationState: aState({ endTimestamp: at(1) }) } });
    expect(look(aMigration('Running'), { vmi, pods: [target] }).vmi?.status?.migrationState?.completed).toBe(true);
  });
});

describe('a migration that is called off', () => {
  it('takes its pod with it while nothing has been sent', () => {
    const decision = look(aMigration('Scheduling', { deleting: true }), { pods: [source, pending] });
    expect(decision).toMatchObject({ next: { status: { phase: 'Failed' } }, deletePod: { metadata: { uid: 'b' } } });
  });
  it('asks the source to stop once it sends, and only once', () => {
    const sending = aState({ startTimestamp: at(0) });
    const decision = look(aMigration('Running', { deleting: true }), { pods: [source, target], vmi: guest(sending) });
    expect(decision.vmi?.status?.migrationState?.abortRequested).toBe(true);
    const again = look(aMigration('Running', { deleting: true }), {
      pods: [source, target],
      vmi: guest({ ...sending, abortRequested: true }),
    });
    expect(again.vmi).toBeUndefined();
    expect(again.next.status?.phase).toBe('Running');
  });
});

describe('a migration that has ended', () => {
  it('ends the state of the instance after a failure', () => {
    const decision = look(aMigration('Failed'), { vmi: guest(aState({ startTimestamp: at(0) })) });
    expect(decision.vmi?.status?.migrationState).toMatchObject({
      completed: true,
      failed: true,
      failureReason: 'Target pod is down',
    });
  });
  it('keeps a copy of the state and lets go', () => {
    const state = aState({ endTimestamp: at(1), completed: true });
    const { next } = look(aMigration('Succeeded'), { vmi: guest(state) });
    expect(next.metadata.finalizers).toEqual([]);
    expect(next.status?.migrationState).toEqual(state);
  });
  it('goes when its instance is gone', () => {
    expect(look(aMigration('Succeeded'), { vmi: undefined }).deleteSelf).toBe(true);
  });
});

describe('the target pod', () => {
  const node: Node = { metadata: { name: 'pc-1', uid: 'n', labels: { 'cpu-vendor.node.kubevirt.io/AMD': 'true' } } };
  const vmi = aVmi('Running', {
    status: { nodeName: 'pc-1', machine: { type: 'pc-q35-7.2' } },
    labels: { 'kubevirt.io/nodeName': 'pc-1' },
  });
  const pod = targetPod(
    aMigration('Pending', { addedNodeSelector: { 'kubernetes.io/hostname': 'pc-2', 'kubernetes.io/arch': 'arm64' } }),
    vmi,
    source,
    node,
  );
  it('goes to a machine like the source, and what is added can only narrow', () => {
    expect(pod?.spec.nodeSelector).toEqual({
      'cpu-model.node.kubevirt.io/qemu64': 'true',
      'cpu-vendor.node.kubevirt.io/AMD': 'true',
      'kubernetes.io/arch': 'amd64',
      'kubernetes.io/hostname': 'pc-2',
      'kubevirt.io/schedulable': 'true',
      'machine-type.node.kubevirt.io/pc-q35-7.2': 'true',
    });
  });
  it('keeps off the machine of the source', () => {
    expect(pod?.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution).toEqual([
      {
        labelSelector: { matchLabels: { 'kubevirt.io/created-by': 'vmi-uid' } },
        topologyKey: 'kubernetes.io/hostname',
      },
    ]);
  });
  it('runs exactly the image that the source runs', () => {
    const image = `lab/tiny@sha256:${'ab'.repeat(32)}`;
    expect(pod?.spec.volumes).toContainEqual({ name: 'root', image: { reference: image, pullPolicy: 'IfNotPresent' } });
    expect(pod?.spec.initContainers.map((each) => each['name'])).toEqual(['guest-console-log']);
    expect(pinnedImage('registry:5000/a/b:tag', 'root', source)).toBe(`registry:5000/a/b@sha256:${'ab'.repeat(32)}`);
  });
  it('names its migration', () => {
    expect(pod?.metadata.labels).toMatchObject({
      'kubevirt.io/migrationJobUID': 'mig',
      'kubevirt.io/nodeName': 'pc-1',
    });
    expect(pod?.metadata.annotations).toMatchObject({ 'kubevirt.io/migrationJobName': 'mig' });
  });
});

describe('the queue of migrations', () => {
  const one = aMigration('Pending');
  const busy = (count: number) =>
    Array.from({ length: count }, (_, i) => aMigration('Running', { uid: `r${i}`, vmi: `r${i}` }));
  it.each([
    ['room for the first', 0, () => 'pc-1', true],
    ['room for the second out of a node', 1, () => 'pc-1', true],
    ['no room for the third out of a node', 2, () => 'pc-1', false],
    ['room out of another node', 4, (each: Migration) => each.metadata.uid, true],
    ['no room for the sixth in the cluster', 5, (each: Migration) => each.metadata.uid, false],
  ])('has %s', (_name, count, sourceNodeOf, wanted) => {
    expect(hasRoom(one, [one, ...busy(count)], sourceNodeOf, migrationDefaults)).toBe(wanted);
  });
  it('does not count what waits or has ended', () => {
    const others = [
      aMigration('Pending', { uid: 'p' }),
      aMigration('Failed', { uid: 'f' }),
      aMigration('Succeeded', { uid: 's' }),
    ];
    expect(hasRoom(one, [one, ...others, ...busy(1)], () => 'pc-1', migrationDefaults)).toBe(true);
  });
  it('makes an evacuation that failed wait 20 s, then twice as long each time', () => {
    const annotations = { [EVACUATION_ANNOTATION]: 'pc-1' };
    const next = aMigration('Pending', { annotations });
    const failed = (uid: string, ended: number) => aMigration('Failed', { uid, ended, annotations });
    expect(evacuationBackoffMs(next, [next], NOW)).toBe(0);
    expect(evacuationBackoffMs(next, [failed('a', 0)], NOW)).toBe(20_000);
    expect(evacuationBackoffMs(next, [failed('a', -60), failed('b', 0)], NOW + 1_000)).toBe(39_000);
    expect(evacuationBackoffMs(aMigration('Pending'), [failed('a', 0)], NOW)).toBe(0);
  });
  it('forgets failures before a success', () => {
    const annotations = { [EVACUATION_ANNOTATION]: 'pc-1' };
    const history = [
      aMigration('Failed', { uid: 'a', ended: -100, annotations }),
      aMigration('Succeeded', { uid: 'b', ended: -50, annotations }),
    ];
    expect(evacuationBackoffMs(aMigration('Pending', { annotations }), history, NOW)).toBe(0);
  });
  it('keeps the five newest that ended', () => {
    const seven = Array.from({ length: 7 }, (_, i) => aMigration('Succeeded', { uid: `m${i}`, created: i }));
    expect(
      superfluous([...seven, aMigration('Running', { uid: 'live', created: -9 })]).map((each) => each.metadata.uid),
    ).toEqual(['m1', 'm0']);
  });
});
