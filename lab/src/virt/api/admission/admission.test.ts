// Admission: what is refused, in the words of KubeVirt, and what is filled in.
import { describe, expect, it } from '@jest/globals';
import type { VirtualMachine, VirtualMachineInstance, VmiSpec } from '../../model/instance.ts';
import type { Migration } from '../../model/migration.ts';
import { NOW, aMigration, aPod, aVm, aVmi, condition, spec } from '../../played/builders.ts';
import { decideEviction } from './eviction.ts';
import { mutateInstance, validateInstanceUpdate, validateNewInstance } from './instance.ts';
import { mutateMachine, validateMachine } from './machine.ts';
import { mutateMigration, validateMigrationUpdate, validateNewMigration } from './migration.ts';
import { responseOf, type AdmissionRequest, type Verdict } from './verdict.ts';

const admin = { username: 'lab-admin', groups: ['system:masters'] };
const controller = { username: 'lab-controlplane' };
const request = (object: unknown, more: Partial<AdmissionRequest> = {}): AdmissionRequest => ({
  ...{ uid: 'r', operation: 'CREATE' as const, namespace: 'lab', userInfo: admin, object },
  ...more,
});
const words = (verdict: Verdict): string =>
  verdict.kind === 'invalid'
    ? verdict.causes.map((cause) => cause.message).join(', ')
    : verdict.kind === 'denied'
      ? verdict.message
      : 'allowed';
const domain = (part: object): Partial<VmiSpec> => ({ domain: { ...spec.domain, ...part } });
const devices = (part: object): Partial<VmiSpec> => domain({ devices: { ...spec.domain.devices, ...part } });
const cloudInit = (source: object): Partial<VmiSpec> => ({
  volumes: [...(spec.volumes ?? []), { name: 'init', cloudInitNoCloud: source }],
});
const root = { name: 'root', disk: { bus: 'virtio' } };

describe('a virtual machine', () => {
  const p = 'spec.template.spec';
  const cases: [string, Partial<VmiSpec>, string][] = [
    ['nothing wrong', {}, 'allowed'],
    [
      'a volume without a disk',
      { volumes: [...(spec.volumes ?? []), { name: 'x', emptyDisk: { capacity: '1Gi' } }] },
      'allowed',
    ],
    [
      'a disk without a volume',
      devices({ disks: [root, { name: 'nope' }] }),
      `${p}.domain.devices.disks[1].Name 'nope' not found.`,
    ],
    [
      'two disks of one name',
      devices({ disks: [root, root] }),
      `${p}.domain.devices.disks[1] and ${p}.domain.devices.disks[0] must not have the same Name.`,
    ],
    [
      'two volumes of one name',
      { volumes: [...(spec.volumes ?? []), ...(spec.volumes ?? [])] },
      `${p}.volumes[1] and ${p}.volumes[0] must not have the same Name.`,
    ],
    [
      'a volume with two sources',
      { volumes: [{ name: 'root', containerDisk: {}, emptyDisk: {} }] },
      `${p}.volumes[0] must have exactly one source type set`,
    ],
    [
      'a volume without a source',
      { volumes: [{ name: 'root' }] },
      `${p}.volumes[0] must have exactly one source type set`,
    ],
    ['user data of 2048 bytes', cloudInit({ userData: 'x'.repeat(2048) }), 'allowed'],
    [
      'user data of 2049 bytes',
      cloudInit({ userData: 'x'.repeat(2049) }),
      `${p}.volumes[1].cloudInitNoCloud userdata exceeds 2048 byte limit. Should use UserDataSecretRef for larger data.`,
    ],
    [
      'user data twice',
      cloudInit({ userData: 'x', secretRef: { name: 's' } }),
      `${p}.volumes[1].cloudInitNoCloud must have only one userdatasource set.`,
    ],
    [
      'cloud-init without data',
      cloudInit({}),
      `${p}.volumes[1].cloudInitNoCloud must have at least one userdatasource or one networkdatasource set.`,
    ],
    [
      'bad base64',
      cloudInit({ userDataBase64: '!' }),
      `${p}.volumes[1].cloudInitNoCloud.userDataBase64.cloudInitNoCloud.userDataBase64 is not a valid base64 value.`,
    ],
    [
      'a network without an interface',
      { networks: [...(spec.networks ?? []), { name: 'second', multus: { networkName: 'n' } }] },
      `${p}.networks[1].name 'second' not found.`,
    ],
    [
      'an unknown eviction strategy',
      { evictionStrategy: 'Maybe' as never },
      `${p}.evictionStrategy is set with an unrecognized option: Maybe`,
    ],
    [
      'an unknown machine type',
      domain({ machine: { type: 'pc-i440fx-9' } }),
      `${p}.domain.machine.type is not supported: pc-i440fx-9 (allowed values: [q35* pc-q35*])`,
    ],
    [
      'boot order 0',
      devices({ disks: [{ ...root, bootOrder: 0 }] }),
      `${p}.domain.devices.disks[0] must have a boot order > 0, if supplied`,
    ],
    ['an IDE disk', devices({ disks: [{ name: 'root', disk: { bus: 'ide' } }] }), 'IDE bus is not supported'],
    [
      'a negative request',
      domain({ resources: { requests: { memory: '-64Mi' } } }),
      `${p}.domain.resources.requests.memory '-64Mi': must be greater than or equal to 0.`,
    ],
    [
      'a probe without a network',
      { networks: [], ...devices({ interfaces: [] }), readinessProbe: { httpGet: {} } },
      `${p}.readinessProbe.httpGet is only allowed if the Pod Network is attached`,
    ],
  ];
  for (const [name, part, wanted] of cases) {
    it(`with ${name} is ${wanted === 'allowed' ? 'accepted' : 'refused'}`, () => {
      expect(words(validateMachine(request(aVm('Once', { spec: part }))))).toBe(wanted);
    });
  }
  it.each([
    [
      { running: true, runStrategy: 'Once' },
      'Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please use RunStrategy instead',
    ],
    [{}, 'RunStrategy must be specified'],
    [{ runStrategy: 'Sometimes' }, 'Invalid RunStrategy (Sometimes)'],
  ])('with strategy %o is refused', (strategy, wanted) => {
    const { template } = aVm('Once').spec;
    expect(words(validateMachine(request({ ...aVm('Once'), spec: { ...strategy, template } })))).toBe(wanted);
  });
  it('gets an identity at creation, and keeps it off when it is replaced without one', () => {
    const identity = { uuid: 'u', serial: 's' };
    const made = mutateMachine(request(aVm('Once')), identity);
    const object = made.kind === 'allowed' ? (made.object as VirtualMachine) : undefined;
    expect(object?.spec.template.spec.domain.firmware).toEqual(identity);
    const updated = mutateMachine(request(aVm('Once'), { operation: 'UPDATE' }), identity);
    const later = updated.kind === 'allowed' ? (updated.object as VirtualMachine) : undefined;
    expect(later?.spec.template.spec.domain.firmware).toBeUndefined();
  });
});

describe('an instance', () => {
  it('starts Pending with defaults and its finalizer, whatever status was sent', () => {
    const sent = { ...aVmi('Running', { finalizers: [] }), spec };
    const made = mutateInstance(request(sent), 'None', NOW);
    const object = made.kind === 'allowed' ? (made.object as VirtualMachineInstance) : undefined;
    expect(object?.metadata.finalizers).toEqual(['kubevirt.io/foregroundDeleteVirtualMachine']);
    expect(object?.status).toMatchObject({
      phase: 'Pending',
      memory: { guestAtBoot: '2Gi' },
      currentCPUTopology: { cores: 2 },
    });
    expect(object?.spec.domain.memory).toEqual({ guest: '2Gi', maxGuest: '8Gi' });
    expect(object?.spec.volumes?.[0]?.containerDisk?.imagePullPolicy).toBe('IfNotPresent');
  });
  it.each([
    [
      'without memory',
      { ...spec, domain: { ...spec.domain, memory: {} } },
      "no memory requested, at least one of 'spec.domain.memory.guest', 'spec.domain.memory.hugepages.pageSize' or 'spec.domain.resources.requests.memory' must be set",
    ],
    ['of another architecture', { ...spec, architecture: 'riscv64' }, 'unsupported architecture: riscv64'],
  ])('%s is refused', (_name, bad, wanted) => {
    expect(words(validateNewInstance(request({ ...aVmi('Pending'), spec: bad })))).toBe(wanted);
  });

  const old = aVmi('Running', { status: { nodeName: 'pc-1' } });
  const update = (object: unknown, userInfo: AdmissionRequest['userInfo']): AdmissionRequest =>
    request(object, { operation: 'UPDATE', oldObject: old, userInfo });
  const respecced = { ...old, spec: { ...old.spec, terminationGracePeriodSeconds: 1 } };
  it.each([
    ['the admin change the spec', update(respecced, admin), 'update of VMI object is restricted'],
    [
      'the admin set an own label',
      update({ ...old, metadata: { ...old.metadata, labels: { ...old.metadata.labels, mine: 'x' } } }, admin),
      'allowed',
    ],
    [
      'the admin set a reserved label',
      update({ ...old, metadata: { ...old.metadata, labels: { 'kubevirt.io/nodeName': 'pc-2' } } }, admin),
      'modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited',
    ],
    ['virt-controller change the spec', update(respecced, controller), 'allowed'],
    ['its machine write', update(old, { username: 'system:node:pc-1' }), 'allowed'],
    [
      'another machine write',
      update(old, { username: 'system:node:pc-2' }),
      'Node restriction, virt-handler is only allowed to modify VMIs it owns',
    ],
  ])('does or does not let %s', (_name, sent, wanted) => expect(words(validateInstanceUpdate(sent))).toBe(wanted));

  it('keeps its status from everybody but KubeVirt', () => {
    const changed = { ...old, status: { ...old.status, phase: 'Failed' } };
    const kept = mutateInstance(update(changed, admin), 'None', NOW);
    expect(kept.kind === 'allowed' && (kept.object as VirtualMachineInstance).status).toEqual(old.status);
    expect(mutateInstance(update(changed, { username: 'system:node:pc-1' }), 'None', NOW)).toEqual({ kind: 'allowed' });
  });
});

describe('a migration', () => {
  const fresh = aMigration(undefined);
  const vmi = aVmi('Running');
  const prioritized: Migration = { ...fresh, spec: { vmiName: 'job', priority: 'system-critical' } };
  const stuck = aVmi('Running', {
    status: { conditions: [condition('LiveMigratable', 'False', 'DisksNotLiveMigratable')] },
  });
  it.each([
    ['of a running guest', fresh, { vmi, siblings: [] }, 'allowed'],
    ['of a guest that starts', fresh, { vmi: aVmi('Scheduling'), siblings: [] }, 'allowed'],
    ['after one that ended', fresh, { vmi, siblings: [aMigration('Failed', { uid: 'x' })] }, 'allowed'],
    ['of nobody', fresh, { vmi: undefined, siblings: [] }, 'the VMI "lab/job" does not exist'],
    [
      'of a guest that ended',
      fresh,
      { vmi: aVmi('Succeeded'), siblings: [] },
      'Cannot migrate VMI in finalized state.',
    ],
    [
      'of a guest that cannot',
      fresh,
      { vmi: stuck, siblings: [] },
      'Cannot migrate VMI, Reason: DisksNotLiveMigratable, Message: because of DisksNotLiveMigratable',
    ],
    [
      'beside another',
      fresh,
      { vmi, siblings: [aMigration('Running', { uid: 'x' })] },
      'in-flight migration detected. Active migration job (x) is currently already in progress for VMI job.',
    ],
    [
      'with a priority by a user',
      prioritized,
      { vmi, siblings: [] },
      'Migration priority queue, only virt-controller is allowed to set priority field',
    ],
  ])('%s is judged', (_name, object, surroundings, wanted) => {
    expect(words(validateNewMigration(request(object), surroundings))).toBe(wanted);
  });
  it('is labelled and held at creation', () => {
    const made = mutateMigration(request({ ...fresh, metadata: { name: 'm' } }));
    expect(made.kind === 'allowed' && made.object).toMatchObject({
      metadata: { finalizers: ['kubevirt.io/migrationJobFinalize'], labels: { 'kubevirt.io/vmi-name': 'job' } },
    });
  });
  it('is not changed', () => {
    const changed = { ...fresh, spec: { vmiName: 'other' } };
    expect(words(validateMigrationUpdate(request(changed, { operation: 'UPDATE', oldObject: fresh })))).toBe(
      "update of Migration object's spec is restricted",
    );
  });
});

describe('an eviction', () => {
  const pod = aPod({ node: 'pc-1', phase: 'Running' });
  const on = (evictionStrategy: VmiSpec['evictionStrategy'], status: object = {}): VirtualMachineInstance =>
    aVmi('Running', {
      spec: evictionStrategy ? { evictionStrategy } : {},
      status: { nodeName: 'pc-1', conditions: [condition('LiveMigratable')], ...status },
    });
  const fixed = { conditions: [condition('LiveMigratable', 'False')] };
  const triggered = 'Eviction triggered evacuation of VMI "lab/job"';
  it.each([
    ['None', pod, on('None'), 'allowed', undefined],
    ['LiveMigrate', pod, on('LiveMigrate'), triggered, 'pc-1'],
    [
      'LiveMigrate of a fixed guest',
      pod,
      on('LiveMigrate', fixed),
      'VMI job is configured with an eviction strategy but is not live-migratable',
      undefined,
    ],
    ['LiveMigrateIfPossible', pod, on('LiveMigrateIfPossible'), triggered, 'pc-1'],
    ['LiveMigrateIfPossible of a fixed guest', pod, on('LiveMigrateIfPossible', fixed), 'allowed', undefined],
    ['External', pod, on('External'), triggered, 'pc-1'],
    ['External of a fixed guest', pod, on('External', fixed), triggered, 'pc-1'],
    [
      'a marked guest',
      pod,
      on('External', { evacuationNodeName: 'pc-1' }),
      `Evacuation in progress: ${triggered}`,
      undefined,
    ],
    [
      'a guest without a node',
      pod,
      aVmi('Scheduling', { spec: { evictionStrategy: 'None' } }),
      'Eviction request for target Pod',
      undefined,
    ],
    [
      'the target of a migration',
      aPod({ node: 'pc-2', phase: 'Running' }),
      on('External'),
      'Eviction request for target Pod',
      undefined,
    ],
    ['a finished pod', aPod({ node: 'pc-1', phase: 'Succeeded' }), on('External'), 'allowed', undefined],
    ['a pod of nobody', pod, undefined, 'allowed', undefined],
  ])('of %s is answered', (_name, evicted, vmi, wanted, mark) => {
    const decision = decideEviction(evicted, vmi);
    expect(words(decision.verdict)).toBe(wanted);
    expect(decision.mark).toBe(mark);
  });
  it('is refused with code 429 and a text alone', () => {
    expect(responseOf(request({}), decideEviction(pod, on('External')).verdict)).toEqual({
      uid: 'r',
      allowed: false,
      status: { code: 429, message: triggered },
    });
  });
});
