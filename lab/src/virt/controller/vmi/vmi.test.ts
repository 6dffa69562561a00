// An instance and its pods: phases, Ready, the launcher pod. Expectations as recorded from KubeVirt's controller.
import { describe, expect, it } from '@jest/globals';
import { conditionOf } from '../../../model/meta.ts';
import type { VirtualMachineInstance } from '../../model/instance.ts';
import type { LauncherPod } from '../../model/launcher-pod.ts';
import { NOW, aPod, aVmi, condition, spec } from '../../played/builders.ts';
import { decideVmi } from './decide.ts';
import { launcherPod } from './launcher-pod.ts';
import { inMebibytes, memoryOverheadBytes } from './overhead.ts';
import { nextInstance } from './status.ts';

const on1 = { status: { nodeName: 'pc-1' } };
const unpaused = condition('kubevirt.io/virtual-machine-unpaused');
const podReady = { node: 'pc-1', phase: 'Running', conditions: [unpaused, condition('Ready')] };

describe('the phase and Ready of an instance', () => {
  const cases: [string, VirtualMachineInstance, LauncherPod[], string, string | undefined][] = [
    ['stays Pending without a pod', aVmi('Pending'), [], 'Pending', undefined],
    ['fails when deleted before it had a pod', aVmi('Pending', { deleting: true }), [], 'Failed', 'PodNotExists'],
    ['is Scheduling when it has a pod', aVmi('Pending'), [aPod()], 'Scheduling', 'GuestNotRunning'],
    [
      'stays Scheduling while containers start',
      aVmi('Scheduling'),
      [aPod({ node: 'pc-1' })],
      'Scheduling',
      'GuestNotRunning',
    ],
    ['is Scheduled when containers are ready', aVmi('Scheduling'), [aPod(podReady)], 'Scheduled', 'GuestNotRunning'],
    [
      'is not Scheduled by half a pod',
      aVmi('Scheduling'),
      [aPod({ ...podReady, ready: false })],
      'Scheduling',
      'GuestNotRunning',
    ],
    ['fails when its pod is deleted early', aVmi('Scheduling'), [aPod({ deleting: true })], 'Failed', 'PodTerminating'],
    ['fails when its pod ends early', aVmi('Scheduling'), [aPod({ phase: 'Failed' })], 'Failed', 'PodTerminating'],
    ['fails when its pod is gone early', aVmi('Scheduling'), [], 'Failed', 'PodNotExists'],
    ['fails when its pod is gone before the guest runs', aVmi('Scheduled', on1), [], 'Failed', 'PodNotExists'],
    ['fails when its pod is gone while it runs', aVmi('Running', on1), [], 'Failed', 'PodNotExists'],
    [
      'keeps running under a pod that is being deleted',
      aVmi('Running', on1),
      [aPod({ ...podReady, deleting: true })],
      'Running',
      'PodTerminating',
    ],
    ['is ready when its pod is', aVmi('Running', on1), [aPod(podReady)], 'Running', undefined],
    [
      'ignores the pod of a migration',
      aVmi('Running', on1),
      [aPod({ node: 'pc-2', migration: 'm' })],
      'Failed',
      'PodNotExists',
    ],
    ['stays Succeeded', aVmi('Succeeded', on1), [aPod(podReady)], 'Succeeded', 'GuestNotRunning'],
  ];
  it.each(cases)('%s', (_name, vmi, pods, phase, reason) => {
    const next = nextInstance(vmi, pods, NOW);
    expect(next.status?.phase).toBe(phase);
    expect(conditionOf(next.status?.conditions, 'Ready')?.reason).toBe(reason);
  });

  it('gets its place with Scheduled', () => {
    const next = nextInstance(aVmi('Scheduling'), [aPod(podReady)], NOW);
    expect(next.metadata.labels).toMatchObject({ 'kubevirt.io/nodeName': 'pc-1' });
    expect(next.status).toMatchObject({
      nodeName: 'pc-1',
      activePods: { a: 'pc-1' },
      volumeStatus: [{ name: 'root', target: '' }],
      interfaces: [{ name: 'default', podInterfaceName: 'eth0' }],
    });
  });
  it('copies a pod that is not ready without any reason', () => {
    const pod = aPod({ ...podReady, conditions: [{ type: 'Ready', status: 'False' }] });
    const next = nextInstance(aVmi('Running', on1), [pod], NOW);
    expect(conditionOf(next.status?.conditions, 'Ready')).toMatchObject({ status: 'False' });
    expect(conditionOf(next.status?.conditions, 'Ready')?.reason).toBeUndefined();
  });
  it('shows the verdict of the scheduler, and takes it away when it is placed', () => {
    const waiting = nextInstance(
      aVmi('Scheduling'),
      [aPod({ conditions: [condition('PodScheduled', 'False', 'Unschedulable')] })],
      NOW,
    );
    expect(conditionOf(waiting.status?.conditions, 'PodScheduled')?.reason).toBe('Unschedulable');
    const placed = nextInstance(waiting, [aPod({ node: 'pc-1' })], NOW);
    expect(conditionOf(placed.status?.conditions, 'PodScheduled')).toBeUndefined();
  });
  it('shows an image that cannot be pulled', () => {
    const next = nextInstance(aVmi('Scheduling'), [aPod({ node: 'pc-1', waiting: 'ErrImagePull' })], NOW);
    expect(conditionOf(next.status?.conditions, 'Synchronized')).toMatchObject({
      status: 'False',
      reason: 'ErrImagePull',
    });
  });
  it('is marked while it is to be evacuated', () => {
    const marked = nextInstance(
      aVmi('Running', { status: { nodeName: 'pc-1', evacuationNodeName: 'pc-1' } }),
      [aPod(podReady)],
      NOW,
    );
    expect(conditionOf(marked.status?.conditions, 'EvictionRequested')?.message).toBe('VMI is marked for eviction');
    const { evacuationNodeName: _gone, ...status } = marked.status ?? {};
    const cleared = nextInstance({ ...marked, status }, [aPod(podReady)], NOW);
    expect(conditionOf(cleared.status?.conditions, 'EvictionRequested')).toBeUndefined();
  });
  it('does not change when nothing has happened', () => {
    const settled = nextInstance(aVmi('Running', on1), [aPod(podReady)], NOW);
    expect(nextInstance(settled, [aPod(podReady)], NOW + 60_000)).toEqual(settled);
  });
});

describe('the actions for an instance', () => {
  const kinds = (vmi: VirtualMachineInstance, pods: LauncherPod[] = [], migrationUnderWay = false) =>
    decideVmi({ vmi, pods, migrationUnderWay }).map((action) => action.kind);
  const settled = aPod({ ...podReady, labels: { 'kubevirt.io/nodeName': 'pc-1' } });
  const cases: [string, string[], VirtualMachineInstance, LauncherPod[]?, boolean?][] = [
    ['make a pod', ['createPod'], aVmi('Pending')],
    ['wait with the pod while a migration runs', [], aVmi('Pending'), [], true],
    ['make no second pod', [], aVmi('Pending'), [aPod({ conditions: [unpaused] })]],
    ['make no pod for a guest that is lost', [], aVmi('Running', on1)],
    ['open the gate of a new pod', ['setGate'], aVmi('Scheduling'), [aPod()]],
    [
      'shut the gate of a paused guest',
      ['setGate'],
      aVmi('Running', { status: { nodeName: 'pc-1', conditions: [condition('Paused')] } }),
      [settled],
    ],
    ['label the pod with its node', ['markPod'], aVmi('Running', on1), [aPod(podReady)]],
    ['leave a settled pod alone', [], aVmi('Running', on1), [settled]],
    [
      'mark the pod of an evacuation',
      ['markPod'],
      aVmi('Running', { status: { nodeName: 'pc-1', evacuationNodeName: 'pc-1' } }),
      [settled],
    ],
    [
      'delete every pod of a deleted instance',
      ['deletePod', 'deletePod'],
      aVmi('Running', { deleting: true }),
      [aPod(), aPod({ uid: 'b' })],
    ],
    ['wait for pods that go', [], aVmi('Failed', { deleting: true }), [aPod({ deleting: true })]],
    ['let go when no pod is left', ['removeFinalizer'], aVmi('Succeeded', { deleting: true })],
    ['hold on until the instance is final', [], aVmi('Running', { deleting: true })],
    [
      'leave a final instance and its pod alone',
      [],
      aVmi('Succeeded', on1),
      [aPod({ node: 'pc-1', phase: 'Succeeded' })],
    ],
  ];
  for (const [name, wanted, vmi, pods, migrating] of cases) {
    it(name, () => expect(kinds(vmi, pods, migrating)).toEqual(wanted));
  }
});

describe('the launcher pod', () => {
  const pod = launcherPod(aVmi('Pending', { labels: { job: 'job', 'kubevirt.io/migrationTargetNodeName': 'pc-2' } }));
  const container = (index: number) =>
    pod.spec.containers[index] as { resources: { requests: object; limits: object } };
  it('asks for the guest and what surrounds it: 296 MiB for two vCPUs, a tenth of a core each', () => {
    expect(inMebibytes(memoryOverheadBytes(aVmi('Pending').spec))).toBe('296Mi');
    expect(container(0).resources.requests).toEqual({
      cpu: '200m',
      memory: '2344Mi',
      'ephemeral-storage': '50M',
      'devices.kubevirt.io/tun': '1',
      'devices.kubevirt.io/vhost-net': '1',
    });
    expect(container(0).resources.limits).toEqual({
      'devices.kubevirt.io/tun': '1',
      'devices.kubevirt.io/vhost-net': '1',
    });
  });
  it('needs less without a screen', () => {
    const domain = { ...spec.domain, devices: { ...spec.domain.devices, autoattachGraphicsDevice: false } };
    expect(inMebibytes(memoryOverheadBytes({ ...spec, domain }))).toBe('264Mi');
  });
  it('goes only where the guest can run', () => {
    expect(pod.spec.nodeSelector).toEqual({
      'cpu-model.node.kubevirt.io/qemu64': 'true',
      'kubernetes.io/arch': 'amd64',
      'kubevirt.io/schedulable': 'true',
      'machine-type.node.kubevirt.io/q35': 'true',
    });
  });
  it('carries KubeVirt labels and its owner', () => {
    expect(pod.metadata.generateName).toBe('virt-launcher-job-');
    expect(pod.metadata.labels).toEqual({
      job: 'job',
      'kubevirt.io': 'virt-launcher',
      'kubevirt.io/created-by': 'vmi-uid',
      'vm.kubevirt.io/name': 'job',
      'vmi.kubevirt.io/id': 'job',
    });
    expect(pod.metadata.ownerReferences).toMatchObject([
      { kind: 'VirtualMachineInstance', uid: 'vmi-uid', controller: true },
    ]);
  });
  it('logs the console beside the guest, gives it 30 s more to end, and mounts the cloud-init secret', () => {
    const withInit = {
      ...spec,
      volumes: [...(spec.volumes ?? []), { name: 'init', cloudInitNoCloud: { secretRef: { name: 's' } } }],
    };
    const made = launcherPod(aVmi('Pending', { spec: withInit }));
    expect(made.spec.initContainers.map((each) => [each['name'], each['restartPolicy']])).toEqual([
      ['guest-console-log', 'Always'],
      ['volumeroot', undefined],
    ]);
    expect(made.spec['terminationGracePeriodSeconds']).toBe(60);
    expect(made.spec.volumes).toContainEqual({ name: 'init-udata', secret: { secretName: 's' } });
  });
});
