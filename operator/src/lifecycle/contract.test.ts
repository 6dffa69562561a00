// What others may do to an attempt's objects behind our back, and what follows from it.
import { describe, expect, it } from '@jest/globals';
import { aPod, aVm, aVmi, type InstanceOverrides } from '../../../test/builders/guest.ts';
import { aJob, noon, type JobBuilder } from '../../../test/builders/job.ts';
import type { Pod } from '../api/kubernetes.ts';
import type { VirtualMachine, VmiPhase } from '../api/kubevirt.ts';
import { speaksAgainstMachine } from '../model/job.ts';
import * as status from '../model/status.ts';
import { decideLifecycle, nothingRead, type LifecycleDecision, type LifecycleInput } from './decide.ts';

const settings = { lingerMs: 60_000, slowStartMs: 10_000, standstillMs: 600_000 };
const read = { started: true, reboots: 0, current: true, complete: true };
const claimed = (spec: Parameters<typeof aJob>[1] = {}) => aJob('j', spec).published().claimedBy('pc-1');
const running = (spec: Parameters<typeof aJob>[1] = {}) => claimed(spec).created().started();
const known = (builder: JobBuilder) =>
  builder.with(
    status.migratable(builder.job, { yes: true, reason: 'Migratable', message: '', at: '2026-01-01T12:00:00Z' }),
  );

interface Scene extends InstanceOverrides {
  readonly job?: JobBuilder;
  readonly phase?: VmiPhase;
  readonly pod?: Pod['status'] | 'none';
  readonly nowS?: number;
  readonly vm?: (vm: VirtualMachine) => VirtualMachine;
  readonly input?: Partial<LifecycleInput>;
}

function decide(o: Scene): LifecycleDecision[] {
  const { job } = known(o.job ?? running());
  const vm = (o.vm ?? ((same) => same))(aVm(job, { released: true }));
  const vmi = aVmi(vm, o.phase ?? 'Running', 'pc-1', o);
  const pods = o.pod === 'none' ? [] : [aPod(vm, 'pc-1', o.pod)];
  const input: LifecycleInput = {
    job,
    vms: [vm],
    vmis: [vmi],
    guest: { vm, vmi, pods, migrations: [] },
    console: job.status?.startTime === undefined ? { ...nothingRead, current: true, complete: true } : read,
    machineLost: false,
    nowMs: noon + (o.nowS ?? 1) * 1000,
    settings,
    ...o.input,
  };
  return decideLifecycle(input).filter(({ kind }) => kind !== 'wake');
}

const endOf = (o: Scene) => {
  const [end] = decide(o).filter((decision) => decision.kind === 'end');
  return (
    end && { reason: end.reason, failure: end.failure, outcome: end.outcome, cause: end.cause, message: end.message }
  );
};

describe('an attempt that is taken away', () => {
  const again = { reason: 'TakenAway', failure: false, outcome: undefined };
  const spec = (change: Partial<VirtualMachine['spec']>) => (vm: VirtualMachine) => ({
    ...vm,
    spec: { ...vm.spec, ...change },
  });
  it.each<[string, Scene, RegExp]>([
    ['by deleting the instance', { deleted: true }, /was deleted by somebody else/],
    ['by deleting the instance, which KubeVirt made anew', { phase: 'Scheduling' }, /lost its instance/],
    ['by deleting the pod', { phase: 'Failed', pod: 'none' }, /its pod was deleted, on pc-1/],
    ['by deleting the pod, gracefully', { phase: 'Succeeded', pod: 'none' }, /its pod was deleted, on pc-1/],
    [
      'by the eviction of the pod',
      {
        phase: 'Failed',
        pod: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' },
      },
      /was put out by its machine \(Evicted: The node was low on resource: memory\.\)/,
    ],
    [
      'by the shutdown of the machine',
      { phase: 'Failed', pod: { phase: 'Failed', reason: 'Terminated', message: 'imminent node shutdown' } },
      /\(Terminated: imminent node shutdown\)/,
    ],
    ['by virtctl stop', { vm: spec({ runStrategy: 'Halted' }) }, /was stopped from outside .* set its spec\.stop$/],
    ['before its start', { job: claimed(), phase: 'Failed', pod: 'none' }, /its pod was deleted/],
  ])('%s is repeated and not counted', (_name, scene, words) => {
    const end = endOf(scene);
    expect(end).toMatchObject(again);
    expect(end?.message).toMatch(words);
  });

  it('by virtctl stop ends a session', () => {
    const scene = { job: running({ mode: 'Session' }), vm: spec({ runStrategy: 'Halted' }) };
    expect(endOf(scene)).toMatchObject({ reason: 'SessionEnded', outcome: 'Succeeded' });
  });

  it('is not what is seen when its script begins before its instance is told to run', () => {
    const scene = { job: claimed(), phase: 'Scheduled' as const, input: { console: { ...read, started: true } } };
    expect(decide(scene).map(({ kind }) => kind)).not.toContain('started');
    expect(endOf(scene)).toBeUndefined();
    expect(decide({ ...scene, phase: 'Running' }).map(({ kind }) => kind)).toContain('started');
  });

  it('is never judged while its machine counts as lost: that verdict is for recovery', () => {
    expect(endOf({ phase: 'Failed', pod: 'none', input: { machineLost: true } })).toBeUndefined();
  });

  it('with its result on the console has ended by itself all the same', () => {
    const console = { ...read, exitCode: 0 };
    expect(endOf({ deleted: true, input: { console } })).toMatchObject({ reason: 'Completed', outcome: 'Succeeded' });
  });
});

describe('a virtual machine that is deleted on its own, leaving its guest', () => {
  const { job } = running();
  const vm = aVm(job);
  const orphan = {
    ...aVmi(vm, 'Running', 'pc-1'),
    metadata: { ...aVmi(vm, 'Running', 'pc-1').metadata, ownerReferences: [] },
  };

  it('ends the attempt', () => {
    const input = { vms: [], vmis: [orphan], guest: { vmi: orphan, pods: [], migrations: [] } };
    expect(endOf({ input })).toMatchObject({ reason: 'TakenAway' });
  });

  it('has that guest removed before another attempt is made', () => {
    const next = running().ended('TakenAway').claimedBy('pc-2').job;
    const input = { job: next, vms: [], vmis: [orphan], guest: { pods: [], migrations: [] } };
    expect(decide({ input }).map(({ kind }) => kind)).toEqual(['deleteVmi', 'note']);
    const over = { ...orphan, status: { ...orphan.status, phase: 'Failed' as const } };
    expect(decide({ input: { ...input, vmis: [over] } }).map(({ kind }) => kind)).toContain('createVm');
  });
});

describe('a crash', () => {
  it('counts, and is repeated up to the limit', () => {
    expect(endOf({ phase: 'Failed' })).toMatchObject({ reason: 'GuestCrashed', failure: true, outcome: undefined });
    const last = { job: running({ retries: { limit: 0 } }), phase: 'Failed' } as const;
    expect(endOf(last)).toMatchObject({ reason: 'GuestCrashed', outcome: 'Failed' });
  });

  it('for lack of memory says so', () => {
    const pod: Pod['status'] = {
      phase: 'Failed',
      containerStatuses: [
        {
          name: 'compute',
          state: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
          ready: false,
          restartCount: 0,
          image: '',
          imageID: '',
        },
      ],
    };
    expect(endOf({ phase: 'Failed', pod })?.message).toMatch(/kernel of pc-1 killed the guest/);
  });

  it('before the guest ever ran is a failed start', () => {
    expect(endOf({ job: claimed(), phase: 'Failed' })).toMatchObject({ reason: 'StartFailed', failure: true });
  });
});

describe('a start that is held up', () => {
  const quota = {
    type: 'Synchronized',
    status: 'False',
    reason: 'FailedCreate',
    message: 'pods "virt-launcher-j-1-ab1" is forbidden: exceeded quota: q, used: 7',
  } as const;

  it('by a quota waits, is told once, and is given up without being held against anybody', () => {
    const scene: Scene = { job: claimed(), phase: 'Pending', pod: 'none', conditions: [quota] };
    const [note] = decide(scene);
    expect(note).toMatchObject({ kind: 'note', reason: 'QuotaExceeded' });
    const told = claimed().with(status.noted(claimed().job, note as never));
    const other = { ...quota, message: quota.message.replace('ab1', 'zz9').replace('used: 7', 'used: 8') };
    expect(decide({ ...scene, job: told, conditions: [other] })).toEqual([]);
    const end = endOf({ ...scene, job: told, nowS: 301 });
    expect(end).toMatchObject({ reason: 'StartFailed', cause: 'QuotaExceeded', failure: false, outcome: undefined });
    expect(
      speaksAgainstMachine({
        number: 1,
        node: 'pc-1',
        virtualMachine: 'j-1',
        reason: 'StartFailed',
        cause: 'QuotaExceeded',
      }),
    ).toBe(false);
    expect(speaksAgainstMachine({ number: 1, node: 'pc-1', virtualMachine: 'j-1', reason: 'StartFailed' })).toBe(true);
  });

  it('because the virtual machine was refused ends with the words of the refusal', () => {
    const told = claimed().with(
      status.noted(claimed().job, { reason: 'Refused', message: 'an admission rule refuses it' }),
    );
    const input = { vms: [], vmis: [], guest: { pods: [], migrations: [] } };
    const end = endOf({ job: told, nowS: 301, input });
    expect(end).toMatchObject({ reason: 'StartFailed', cause: 'Refused', failure: true });
    expect(end?.message).toMatch(/: an admission rule refuses it$/);
  });
});

describe('a guest that reboots', () => {
  const rebooted = (reboots: number, job = running()) =>
    decide({ job, input: { console: { ...read, complete: false, reboots } } });

  it('goes on in its attempt, and that is told', () => {
    expect(rebooted(1)).toEqual([expect.objectContaining({ kind: 'note', reason: 'GuestRebooted', reboots: 1 })]);
  });

  it('for ever, or prints its start marker for ever, is told ever more seldom', () => {
    let job = running();
    let notes = 0;
    for (let reboots = 1; reboots <= 10_000; reboots++) {
      const [note] = rebooted(reboots, job);
      if (note?.kind !== 'note') continue;
      notes += 1;
      job = job.with(status.noted(known(job).job, note));
    }
    expect(notes).toBe(14);
  });
});

describe('a guest that KubeVirt paused', () => {
  const conditions = [{ type: 'Paused', status: 'True', reason: 'PausedIOError' }] as const;
  const [pause] = decide({ conditions: [...conditions] });
  const told = running().with(
    status.paused(running().job, { message: (pause as { message: string }).message, at: '2026-01-01T12:00:00Z' }),
  );

  it('is told once, is given up elsewhere after a while, and that speaks against the machine', () => {
    expect(pause).toMatchObject({ kind: 'paused' });
    expect(decide({ job: told, conditions: [...conditions], nowS: 599 })).toEqual([]);
    const end = endOf({ job: told, conditions: [...conditions], nowS: 600 });
    expect(end).toMatchObject({ reason: 'GuestCrashed', cause: 'GuestPaused', failure: false, outcome: undefined });
  });

  it('and that goes on is told, too', () => {
    expect(decide({ job: told, nowS: 600 })).toEqual([{ kind: 'resumed', reachable: 'the serial console answers' }]);
    const resumed = status.resumed(told.job, { reachable: 'the serial console answers', at: '2026-01-01T12:01:00Z' });
    expect(resumed.conditions?.find(({ type }) => type === 'Reachable')).toMatchObject({ status: 'True' });
  });

  it('at the wish of somebody waits for ever', () => {
    const wish = [{ type: 'Paused', status: 'True' as const, reason: 'PausedByUser' }];
    expect(endOf({ job: told, conditions: wish, nowS: 1e6 })).toBeUndefined();
  });
});

describe('a pin that cannot be released', () => {
  const frozen = (vm: VirtualMachine): VirtualMachine => ({
    ...vm,
    status: {
      conditions: [{ type: 'RestartRequired', status: 'True', message: 'a non-live-updatable field was changed' }],
    },
  });

  it('is told as not migratable with the reason, once, and as migratable when it was released after all', () => {
    const { job } = known(running());
    const vm = frozen(aVm(job));
    const guest = { vm, vmi: aVmi(vm, 'Running', 'pc-1'), pods: [], migrations: [] };
    const [told] = decide({ input: { vms: [vm], guest } });
    expect(told).toMatchObject({ kind: 'migratable', yes: false, reason: 'RestartRequired' });
    expect((told as { message: string }).message).toMatch(/does not release the guest from pc-1.*vmRolloutStrategy/);
    const after = running().with(
      status.migratable(job, { ...(told as never as status.Mobility), at: '2026-01-01T12:00:00Z' }),
    );
    const input = { vms: [vm], guest, job: after.job };
    expect(decide({ input })).toEqual([]);
    const free = aVm(job, { released: true });
    const released = { vm: free, vmi: aVmi(free, 'Running', 'pc-1'), pods: [], migrations: [] };
    expect(decide({ input: { ...input, guest: released } })).toMatchObject([{ kind: 'migratable', yes: true }]);
  });
});

describe('a guest that nobody has begun to start', () => {
  const late = { job: claimed().created(), nowS: 3_600 };

  it.each<[string, Scene]>([
    ['has no launcher pod', { phase: 'Pending', pod: 'none' }],
    ['has an instance without a phase', { phase: '' as VmiPhase, pod: 'none' }],
    ['has no instance', { pod: 'none', input: { vmis: [], guest: guestOf(late.job, []) } }],
  ])('is KubeVirt’s to start, and nobody else is to blame, while it %s', (_name, scene) => {
    const end = endOf({ ...late, ...scene });
    expect(end).toMatchObject({ reason: 'StartFailed', failure: false, cause: 'KubeVirtNotReady', outcome: undefined });
    expect(end?.message).toMatch(/KubeVirt has not begun to start it/);
  });

  it('is told so after a minute, once, until KubeVirt begins', () => {
    const none: Scene = { phase: 'Pending', pod: 'none' };
    const at = (nowS: number, job: JobBuilder, o: Scene = none) => decide({ job, nowS, ...o });
    expect(at(59, late.job)).toEqual([]);
    const [note] = at(61, late.job);
    expect(note).toMatchObject({
      kind: 'note',
      reason: 'KubeVirtNotReady',
      message: expect.stringMatching(/for 60 s/),
    });
    const told = late.job.with(status.noted(late.job.job, note as never));
    expect(at(120, told)).toEqual([]);
    const begun = at(121, told, { phase: 'Scheduling', pod: { phase: 'Pending' } });
    expect(begun).toMatchObject([{ kind: 'starting' }]);
  });

  it('is looked at when that minute is over', () => {
    const { job } = late.job;
    const vm = aVm(job, { released: true });
    const input = { vms: [vm], vmis: [], guest: { vm, pods: [], migrations: [] }, console: nothingRead };
    const decisions = decideLifecycle({ job, ...input, machineLost: false, nowMs: noon + 30_000, settings });
    const [wake] = decisions.filter(({ kind }) => kind === 'wake');
    expect((wake as { afterMs: number }).afterMs).toBeLessThanOrEqual(30_000);
  });

  it('is its machine’s to start as soon as it has one', () => {
    const end = endOf({ ...late, phase: 'Scheduling', pod: { phase: 'Pending' } });
    expect(end).toMatchObject({ reason: 'StartFailed', failure: true, cause: undefined });
  });
});

function guestOf({ job }: JobBuilder, pods: Pod[]): LifecycleInput['guest'] {
  return { vm: aVm(job), pods, migrations: [] };
}
