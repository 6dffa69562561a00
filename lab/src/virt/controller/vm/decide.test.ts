// What a virtual machine does for each run strategy and state of its instance; expectations as recorded from KubeVirt's controller.
import { describe, expect, it } from '@jest/globals';
import type { RunStrategy, VirtualMachineInstance, VmStatus } from '../../model/instance.ts';
import { NOW, aVm, aVmi, at } from '../../played/builders.ts';
import { decideVm, type VmObserved } from './decide.ts';

const look = (observed: Partial<VmObserved> & Pick<VmObserved, 'vm'>) =>
  decideVm({ vmi: undefined, now: NOW, jitter: 0, rollout: 'LiveUpdate', ...observed });
const kinds = (observed: Partial<VmObserved> & Pick<VmObserved, 'vm'>) =>
  look(observed).actions.map((action) => action.kind);

const succeeded = aVmi('Succeeded', { ran: true, finalizers: [] });
const failed = aVmi('Failed', { ran: true, finalizers: [] });
const running = aVmi('Running');
const start: VmStatus = { runStrategy: 'Manual', stateChangeRequests: [{ action: 'Start' }] };
const stop: VmStatus = { stateChangeRequests: [{ action: 'Stop', uid: 'vmi-uid' }] };

describe('the actions on an instance', () => {
  const cases: [string, RunStrategy, VirtualMachineInstance | undefined, VmStatus, string[]][] = [
    ['Always makes a missing instance', 'Always', undefined, {}, ['createVmi']],
    ['Always lets a running guest be', 'Always', running, {}, []],
    ['Always replaces a guest that ended', 'Always', succeeded, {}, ['deleteVmi']],
    ['Always replaces a guest that failed', 'Always', failed, {}, ['deleteVmi']],
    [
      'Always waits while the old instance goes',
      'Always',
      aVmi('Succeeded', { deleting: true, finalizers: [] }),
      {},
      [],
    ],
    ['Always stops on a request for this instance', 'Always', running, stop, ['deleteVmi']],
    ['Always ignores a stop for another instance', 'Always', aVmi('Running', { uid: 'other' }), stop, []],
    ['Once makes a missing instance', 'Once', undefined, {}, ['createVmi']],
    ['Once keeps a guest that ended', 'Once', succeeded, {}, []],
    ['Once keeps a guest that failed', 'Once', failed, {}, []],
    ['Manual waits for a request', 'Manual', undefined, { runStrategy: 'Manual' }, []],
    ['Manual starts on a request', 'Manual', undefined, start, ['createVmi']],
    ['Manual keeps a guest that ended', 'Manual', succeeded, {}, []],
    ['Manual removes an ended guest on a stop request', 'Manual', succeeded, stop, ['deleteVmi']],
    ['Halted removes a running guest', 'Halted', running, {}, ['deleteVmi']],
    ['Halted removes a guest that ended', 'Halted', succeeded, {}, ['deleteVmi']],
    ['Halted does nothing without an instance', 'Halted', undefined, {}, []],
    ['Halted becomes Always on a start request', 'Halted', undefined, start, ['setRunStrategy']],
    ['RerunOnFailure starts when it is new', 'RerunOnFailure', undefined, {}, ['createVmi']],
    ['RerunOnFailure starts after a switch', 'RerunOnFailure', undefined, { runStrategy: 'Halted' }, ['createVmi']],
    ['RerunOnFailure stays stopped after success', 'RerunOnFailure', undefined, { runStrategy: 'RerunOnFailure' }, []],
    ['RerunOnFailure removes an ended guest', 'RerunOnFailure', succeeded, {}, ['deleteVmi']],
    ['RerunOnFailure removes a failed guest', 'RerunOnFailure', failed, {}, ['deleteVmi']],
  ];
  it.each(cases)('%s', (_name, strategy, vmi, status, wanted) => {
    expect(kinds({ vm: aVm(strategy, { status }), vmi })).toEqual(wanted);
  });

  it('put the finalizer on before anything is made', () => {
    expect(kinds({ vm: aVm('Once', { finalizers: [] }) })).toEqual(['addFinalizer', 'createVmi']);
  });
  it('let a final instance go', () => {
    expect(kinds({ vm: aVm('Once'), vmi: aVmi('Succeeded', { ran: true }) })).toEqual(['releaseVmi']);
  });
  it('adopt an instance that belongs to nobody', () => {
    expect(kinds({ vm: aVm('Always'), orphan: running })).toEqual(['adopt']);
  });
});

describe('requests to start and stop', () => {
  it('queue a start when a failed guest is to run again', () => {
    expect(look({ vm: aVm('RerunOnFailure'), vmi: failed }).requests).toEqual([{ action: 'Start' }]);
  });
  it('queue nothing when the failed instance is being deleted by somebody', () => {
    const vmi = aVmi('Failed', { ran: true, deleting: true, finalizers: [] });
    expect(look({ vm: aVm('RerunOnFailure'), vmi }).requests).toEqual([]);
  });
  it('drop the stop when its instance is gone, and the start when the next one is made', () => {
    const status: VmStatus = { stateChangeRequests: [{ action: 'Stop', uid: 'gone' }, { action: 'Start' }] };
    const decision = look({ vm: aVm('Manual', { status }) });
    expect(decision.requests).toEqual([]);
    expect(decision.actions.map((action) => action.kind)).toEqual(['createVmi']);
  });
});

describe('a machine that is deleted', () => {
  const deleted = aVm('Always', { deleting: true });
  it('removes its instance first', () => expect(kinds({ vm: deleted, vmi: running })).toEqual(['deleteVmi']));
  it('waits while the instance goes', () =>
    expect(kinds({ vm: deleted, vmi: aVmi('Running', { deleting: true }) })).toEqual([]));
  it('lets go when the instance is gone', () => expect(kinds({ vm: deleted })).toEqual(['removeFinalizer']));
  it('leaves the instance alone when it is orphaned', () => {
    const vm = aVm('Always', {
      deleting: true,
      finalizers: ['kubevirt.io/virtualMachineControllerFinalize', 'orphan'],
    });
    expect(kinds({ vm, vmi: running })).toEqual(['removeFinalizer']);
  });
});

describe('a start that failed before', () => {
  it('is tried again when its time has come', () => {
    const startFailure = { consecutiveFailCount: 1, lastFailedVMIUID: 'x', retryAfterTimestamp: at(10) };
    const vm = aVm('Always', { status: { startFailure } });
    expect(look({ vm })).toMatchObject({ actions: [], requeueAfterMs: 10_000 });
    expect(kinds({ vm, now: NOW + 10_000 })).toEqual(['createVmi']);
  });
});

describe('a changed template of a running machine', () => {
  const nodeSelector = { 'kubernetes.io/hostname': 'pc-2' };
  const moving = aVmi('Running', { status: { migrationState: { startTimestamp: at(0) } } });
  it('sends placement on to the instance', () => {
    const [action] = look({ vm: aVm('Once', { spec: { nodeSelector } }), vmi: running }).actions;
    expect(action).toMatchObject({ kind: 'updateVmi', spec: { nodeSelector } });
  });
  it('takes placement away again', () => {
    const [action] = look({ vm: aVm('Once'), vmi: aVmi('Running', { spec: { nodeSelector } }) }).actions;
    expect(action?.kind === 'updateVmi' && 'nodeSelector' in action.spec).toBe(false);
  });
  it('is held back while the guest moves', () => {
    const decision = look({ vm: aVm('Once', { spec: { nodeSelector } }), vmi: moving });
    expect(decision.actions).toEqual([]);
    expect(decision.failure).toEqual({
      reason: 'AffinityChangeError',
      message:
        'Error encountered while handling node affinity change request: Node affinity should not be changed during VMI migration',
    });
  });
  it('freezes everything when another field needs a restart', () => {
    const vm = aVm('Once', { spec: { nodeSelector, terminationGracePeriodSeconds: 60 } });
    expect(look({ vm, vmi: running })).toMatchObject({
      actions: [],
      restartMessage: 'a non-live-updatable field was changed in the template spec',
    });
  });
  it('does not freeze placement when only sockets need a restart', () => {
    const domain = { ...aVm('Once').spec.template.spec.domain, cpu: { cores: 2, sockets: 2, model: 'qemu64' } };
    const decision = look({ vm: aVm('Once', { spec: { nodeSelector, domain } }), vmi: running });
    expect(decision.actions.map((action) => action.kind)).toEqual(['updateVmi']);
    expect(decision.restartMessage).toBe(
      "CPU sockets updated in template spec to a value higher than what's available",
    );
  });
  it('waits for a restart altogether under the rollout Stage', () => {
    const decision = look({ vm: aVm('Once', { spec: { nodeSelector } }), vmi: running, rollout: 'Stage' });
    expect(decision).toMatchObject({ actions: [], restartMessage: expect.any(String) });
  });
  it('means nothing once the guest has ended', () => {
    const vm = aVm('Once', { spec: { terminationGracePeriodSeconds: 60 } });
    expect(look({ vm, vmi: succeeded })).toMatchObject({ actions: [], restartMessage: undefined });
  });
});
