// The status of a virtual machine: the word for people, failing starts, and the sequence that a recorded run went through.
import { describe, expect, it } from '@jest/globals';
import type { VirtualMachine, VirtualMachineInstance } from '../../model/instance.ts';
import { NOW, aVm, aVmi, at, condition } from '../../played/builders.ts';
import { decideVm } from './decide.ts';
import { printableStatus } from './printable-status.ts';
import { backoffSeconds, startFailureOf } from './start-failure.ts';
import { statusOf } from './status.ts';

const moving = { migrationState: { startTimestamp: at(0) } };
const failing = { startFailure: { consecutiveFailCount: 1 } };

describe('the printable status', () => {
  const cases: [string, VirtualMachine, VirtualMachineInstance | undefined][] = [
    ['Terminating', aVm('Once', { deleting: true }), aVmi('Running')],
    ['Stopping', aVm('Once'), aVmi('Running', { deleting: true, status: moving })],
    ['Migrating', aVm('Once'), aVmi('Running', { status: moving })],
    ['Paused', aVm('Once'), aVmi('Running', { status: { conditions: [condition('Paused')] } })],
    ['Running', aVm('Once'), aVmi('Running')],
    [
      'ErrorUnschedulable',
      aVm('Once'),
      aVmi('Scheduling', { status: { conditions: [condition('PodScheduled', 'False', 'Unschedulable')] } }),
    ],
    [
      'ErrImagePull',
      aVm('Once'),
      aVmi('Scheduling', { status: { conditions: [condition('Synchronized', 'False', 'ErrImagePull')] } }),
    ],
    [
      'ImagePullBackOff',
      aVm('Once'),
      aVmi('Scheduling', { status: { conditions: [condition('Synchronized', 'False', 'ImagePullBackOff')] } }),
    ],
    ['Starting', aVm('Once'), aVmi('Scheduled')],
    ['CrashLoopBackOff', aVm('Always', { status: failing }), undefined],
    ['CrashLoopBackOff', aVm('Always', { status: failing }), aVmi('Failed')],
    ['Stopped', aVm('Halted', { status: failing }), undefined],
    ['Stopped', aVm('Once'), aVmi('Succeeded')],
  ];
  it.each(cases)('is %s', (wanted, vm, vmi) => expect(printableStatus(vm, vmi)).toBe(wanted));
});

describe('starts that fail before the guest runs', () => {
  it.each([
    [1, 0, 10],
    [1, 0.999, 14],
    [2, 0, 40],
    [3, 0.5, 112],
    [4, 0, 160],
    [6, 0.9, 300],
  ])('wait after failure %i (jitter %d) for %i s', (failures, jitter, seconds) => {
    expect(backoffSeconds(failures, jitter)).toBe(seconds);
  });
  it('are counted once for each instance', () => {
    const first = startFailureOf(aVm('Always'), aVmi('Failed'), NOW, 0);
    expect(first).toEqual({ consecutiveFailCount: 1, lastFailedVMIUID: 'vmi-uid', retryAfterTimestamp: at(10) });
    const vm = aVm('Always', { status: first ? { startFailure: first } : {} });
    expect(startFailureOf(vm, aVmi('Failed'), NOW, 0)).toEqual(first);
    expect(startFailureOf(vm, aVmi('Failed', { uid: 'next' }), NOW, 0)?.consecutiveFailCount).toBe(2);
  });
  it('are forgotten when a guest runs, and when nobody wants it to run', () => {
    const vm = aVm('Always', { status: failing });
    expect(startFailureOf(vm, aVmi('Running'), NOW, 0)).toBeUndefined();
    expect(startFailureOf(aVm('Manual', { status: failing }), undefined, NOW, 0)).toBeUndefined();
  });
  it('do not include guests that crashed after they ran', () => {
    expect(startFailureOf(aVm('Always'), aVmi('Failed', { ran: true }), NOW, 0)).toBeUndefined();
  });
});

describe('the recorded run of a machine that runs once', () => {
  const ready = (status: 'True' | 'False', reason?: string) => ({ conditions: [condition('Ready', status, reason)] });
  const steps: [string, VirtualMachineInstance | undefined, object, string | undefined][] = [
    ['no instance yet', undefined, { printableStatus: 'Stopped' }, 'VMINotExists'],
    [
      'instance made',
      aVmi('Pending'),
      { created: true, printableStatus: 'Starting', runStrategy: 'Once' },
      'VMIConditionMissing',
    ],
    [
      'pod made',
      aVmi('Scheduling', { status: ready('False', 'GuestNotRunning') }),
      { printableStatus: 'Starting' },
      'GuestNotRunning',
    ],
    ['guest runs', aVmi('Running', { status: ready('True') }), { printableStatus: 'Running', ready: true }, undefined],
    [
      'guest ended',
      aVmi('Succeeded', { ran: true, status: ready('False', 'PodTerminating') }),
      { printableStatus: 'Stopped' },
      'PodTerminating',
    ],
  ];
  it('passes through its states in order, each made from the one before', () => {
    let vm = aVm('Once');
    for (const [name, vmi, wanted, reason] of steps) {
      const decision = decideVm({ vm, vmi, now: NOW, jitter: 0, rollout: 'LiveUpdate' });
      const status = statusOf(vm, vmi, decision, NOW);
      expect({ name, ...status }).toMatchObject({ name, ...wanted });
      expect(status.conditions?.find((each) => each.type === 'Ready')?.reason).toBe(reason);
      vm = { ...vm, status };
    }
  });
  it('copies what the instance says, but keeps its own conditions', () => {
    const vmi = aVmi('Running', {
      status: { conditions: [condition('Ready'), condition('LiveMigratable'), condition('Failure')] },
    });
    const decision = decideVm({ vm: aVm('Once'), vmi, now: NOW, jitter: 0, rollout: 'LiveUpdate' });
    const types = statusOf(aVm('Once'), vmi, decision, NOW).conditions?.map((each) => each.type);
    expect(types).toEqual(['Ready', 'LiveMigratable']);
  });
  it('tells why an instance could not be made', () => {
    const decision = decideVm({ vm: aVm('Once'), vmi: undefined, now: NOW, jitter: 0, rollout: 'LiveUpdate' });
    const status = statusOf(aVm('Once'), undefined, decision, NOW, {
      reason: 'FailedCreate',
      message: 'no memory requested',
    });
    expect(status.conditions?.find((each) => each.type === 'Failure')).toMatchObject({
      status: 'True',
      reason: 'FailedCreate',
    });
  });
});
