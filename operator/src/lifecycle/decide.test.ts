// What is due for a job at each moment of its life.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, at, noon, type JobBuilder } from '../../../test/builders/job.ts';
import type { Pod } from '../api/kubernetes.ts';
import * as status from '../model/status.ts';
import { decideLifecycle, nothingRead, type LifecycleDecision, type LifecycleInput } from './decide.ts';

const settings = { lingerMs: 60_000, slowStartMs: 10_000, standstillMs: 600_000 };

function decide(
  builder: JobBuilder,
  o: Partial<Omit<LifecycleInput, 'job' | 'settings' | 'nowMs'>> & { nowS?: number } = {},
): LifecycleDecision[] {
  const { nowS = 1, ...rest } = o;
  const guest = rest.guest ?? { pods: [], migrations: [] };
  const { vm, vmi } = guest;
  const input = {
    vms: vm ? [vm] : [],
    vmis: vmi ? [vmi] : [],
    console: nothingRead,
    machineLost: false,
    ...rest,
    guest,
    job: builder.job,
    nowMs: noon + nowS * 1000,
    settings,
  };
  return decideLifecycle(input).filter(({ kind }) => kind !== 'wake' && kind !== 'deleteSecret');
}

const kinds = (decisions: LifecycleDecision[]): string[] => decisions.map(({ kind }) => kind);
const claimed = (name = 'j', spec: Parameters<typeof aJob>[1] = {}) => aJob(name, spec).published().claimedBy('pc-1');
const running = (name = 'j', spec: Parameters<typeof aJob>[1] = {}) => claimed(name, spec).created().started();
const console = { started: true, reboots: 0, current: true, complete: false };

/** The guest of a job on pc-1 in `phase`, with its launcher pod. */
function guestOf(
  { job }: JobBuilder,
  phase: Parameters<typeof aVmi>[1],
  o: Parameters<typeof aVmi>[3] & { pod?: Pod['status'] } = {},
) {
  const vm = aVm(job, { released: true });
  return { vm, vmi: aVmi(vm, phase, 'pc-1', o), pods: [aPod(vm, 'pc-1', o.pod)], migrations: [] };
}

describe('from the claim to the start', () => {
  it('the virtual machine is made once the claim is in the status, and nothing is written about it', () => {
    expect(kinds(decide(claimed()))).toEqual(['createVm']);
    expect(decide(claimed(), { guest: { vm: aVm(claimed().job), pods: [], migrations: [] } })).toEqual([]);
  });

  it('a start that takes longer than 10 s shows how far it is', () => {
    const job = claimed();
    const guest = { vm: aVm(job.job), pods: [], migrations: [] };
    expect(decide(job, { guest, nowS: 9 })).toEqual([]);
    expect(decide(job, { guest, nowS: 10 })).toEqual([{ kind: 'starting', seen: { created: at(10) } }]);
    const seen = { created: at(1), running: at(12) };
    const known = job.created(1);
    const runs = { ...guestOf(known, 'Running'), vm: undefined };
    const vm = { ...aVm(known.job), metadata: { ...aVm(known.job).metadata, creationTimestamp: at(1) } };
    const vmi = aVmi(vm, 'Running', 'pc-1', { endedAt: 12 });
    expect(decide(known, { guest: { ...runs, vm, vmi }, nowS: 12 })).toContainEqual({ kind: 'starting', seen });
    expect(decide(known, { guest: { ...guest, vm }, nowS: 11 })).toEqual([]);
  });

  it('what a job waited for before it had a virtual machine is not told of it any longer', () => {
    const job = claimed();
    const guest = { vm: aVm(job.job), pods: [], migrations: [] };
    const waited = job.with(status.noted(job.job, { reason: 'WaitingForEarlier', message: 'j-0 is still there' }));
    expect(decide(waited, { guest })).toEqual([{ kind: 'starting', seen: {} }]);
    const told = waited.with(status.starting(waited.job, { at: at(1) }));
    expect(told.job.status).toMatchObject({
      reason: 'VirtualMachineCreated',
      message: 'virtual machine j-1 was created',
    });
    expect(decide(told, { guest })).toEqual([]);
  });

  it('the virtual machine of the next attempt waits until nothing of the former can run any more', () => {
    const job = running().ended('MachineLost').claimedBy('pc-2');
    const former = aVm(job.job, { number: 1 });
    const alive = { vms: [former], vmis: [aVmi(former, 'Running', 'pc-1')] };
    expect(kinds(decide(job, alive))).toEqual(['deleteVm', 'note']);
    const going = aVm(job.job, { number: 1, deleted: true });
    expect(kinds(decide(job, { vms: [going], vmis: [aVmi(going, 'Running', 'pc-1')] }))).toEqual(['note']);
    expect(kinds(decide(job, { vms: [going], vmis: [aVmi(going, 'Failed', 'pc-1')] }))).toEqual(['createVm']);
    expect(kinds(decide(job, { vms: [going], vmis: [] }))).toEqual(['createVm']);
  });

  it('the time that the former takes to go is not charged to the next, but does not last for ever', () => {
    const spec = { startDeadline: '30s' };
    const job = claimed('j', spec).started().ended('StartFailed').claimedBy('pc-2');
    const going = aVm(job.job, { number: 1, deleted: true });
    const waits = { vms: [going], vmis: [aVmi(going, 'Running', 'pc-1')] };
    expect(kinds(decide(job, { ...waits, nowS: 599 }))).toEqual(['note']);
    expect(decide(job, { ...waits, nowS: 601 })).toMatchObject([{ kind: 'end', reason: 'StartFailed' }]);
    // From then on its own time runs.
    const made = aVm(job.job, { number: 2 });
    const vm = { ...made, metadata: { ...made.metadata, creationTimestamp: at(100) } };
    const guest = { vm, pods: [], migrations: [] };
    expect(kinds(decide(job, { guest, nowS: 129 }))).toEqual(['starting']);
    expect(decide(job, { guest, nowS: 131 })).toMatchObject([{ kind: 'end', reason: 'StartFailed' }]);
  });

  it('the script that started is noted, with every step before it, the console that answers and whether it can move', () => {
    const job = claimed();
    expect(decide(job, { guest: guestOf(job, 'Running') })).toEqual([]);
    const mobility = { yes: true, reason: 'Migratable', message: 'the guest can move while it runs' };
    expect(decide(job, { guest: guestOf(job, 'Running'), console })).toEqual([
      {
        kind: 'started',
        seen: { created: at(1), running: at(1) },
        reachable: 'the serial console answers',
        mobility,
      },
    ]);
  });

  it('a job without a console is never called reachable', () => {
    const job = claimed('j', { console: 'None' }).created();
    expect(decide(job, { guest: guestOf(job, 'Running'), console })).toMatchObject([
      { kind: 'started', reachable: undefined },
    ]);
  });

  it('an image that cannot be pulled is said in words, once', () => {
    const rest = { name: 'compute', ready: false, restartCount: 0, image: '', imageID: '' };
    const pulling = (reason: string, message: string): Pod['status'] => ({
      phase: 'Pending',
      containerStatuses: [{ ...rest, state: { waiting: { reason, message } } }],
    });
    const pod = pulling('ErrImagePull', 'no such image');
    const job = claimed().created();
    const [note] = decide(job, { guest: guestOf(job, 'Scheduling', { pod }) });
    expect(note).toMatchObject({
      kind: 'note',
      reason: 'ImagePullFailed',
      message: expect.stringMatching(
        /^image lab\/tiny could not be pulled \(ErrImagePull: no such image\); check .* \(on pc-1\)$/,
      ),
    });
    const told = job.with(status.noted(job.job, note as never));
    const pause = pulling('ImagePullBackOff', 'Back-off pulling image "lab/tiny"');
    for (const same of [pod, pause]) {
      expect(decide(told, { guest: guestOf(told, 'Scheduling', { pod: same }) })).toEqual([]);
    }
    const other = pulling('ErrImagePull', 'no route to host');
    expect(decide(told, { guest: guestOf(told, 'Scheduling', { pod: other }) })).toMatchObject([{ kind: 'note' }]);
  });

  it.each<[string, Partial<LifecycleInput> & { guest: LifecycleInput['guest'] }, RegExp]>([
    ['no virtual machine', { guest: { pods: [], migrations: [] } }, /could not be created/],
    ['a pod that is not ready', { guest: guestOf(claimed().created(), 'Scheduling') }, /launcher pod was not ready/],
    [
      'a guest that runs in silence',
      { guest: guestOf(claimed().created(), 'Running') },
      /powered on, but its system never ran/,
    ],
  ])('past the start deadline the attempt is given up: with %s', (_name, o, words) => {
    const job = o.guest.vm
      ? claimed()
          .created()
          .with({ ...claimed().created().job.status })
      : claimed();
    const ran = o.guest.vmi?.status?.phase === 'Running' ? withRunning(job) : job;
    const [end] = decide(ran, { console: { ...nothingRead, current: true }, ...o, nowS: 301 });
    expect(end).toMatchObject({ kind: 'end', reason: 'StartFailed', failure: true });
    expect((end as { message: string }).message).toMatch(/^the guest did not start within 5 min on pc-1: /);
    expect((end as { message: string }).message).toMatch(words);
    expect(end).not.toHaveProperty('outcome');
  });
});

function withRunning(builder: JobBuilder): JobBuilder {
  const attempts = (builder.job.status?.attempts ?? []).map((attempt) => ({
    ...attempt,
    running: attempt.claimed ?? '',
  }));
  return builder.with({ ...builder.job.status, attempts });
}

describe('while it runs', () => {
  const job = running().with({
    ...running().job.status,
    conditions: [{ type: 'Migratable', status: 'True', reason: 'Migratable', message: '', lastTransitionTime: '' }],
  });
  const pinned = () => {
    const vm = aVm(job.job);
    return { vm, vmi: aVmi(vm, 'Running', 'pc-1'), pods: [aPod(vm, 'pc-1')], migrations: [] };
  };

  it('the guest is released from its machine, so that it can move', () => {
    expect(kinds(decide(job, { guest: pinned(), console }))).toEqual(['releasePin']);
    expect(decide(job, { guest: guestOf(job, 'Running'), console })).toEqual([]);
  });

  it.each([
    ['a migration is under way', { migrations: [aMigration(aVm(job.job), 'pc-2', 'Running')] }],
    [
      'a restart is required',
      { vm: { ...aVm(job.job), status: { conditions: [{ type: 'RestartRequired', status: 'True' as const }] } } },
    ],
  ])('it is not released while %s', (_name, o) => {
    expect(kinds(decide(job, { guest: { ...pinned(), ...o }, console }))).not.toContain('releasePin');
  });

  it('it is not released before it runs', () => {
    const starting = claimed();
    const vm = aVm(starting.job);
    const guest = { vm, vmi: aVmi(vm, 'Scheduled', 'pc-1'), pods: [], migrations: [] };
    expect(decide(starting, { guest })).toEqual([]);
  });

  it('a guest that moved is followed', () => {
    const vm = aVm(job.job, { released: true });
    const guest = { vm, vmi: aVmi(vm, 'Running', 'pc-2'), pods: [], migrations: [] };
    expect(decide(job, { guest, console })).toEqual([{ kind: 'moved', node: 'pc-2' }]);
  });

  it('whether it can move is told', () => {
    const guest = guestOf(job, 'Running', { migratable: 'a GPU is attached' });
    expect(decide(job, { guest, console })).toEqual([
      { kind: 'migratable', yes: false, reason: 'HostDeviceNotLiveMigratable', message: 'a GPU is attached' },
    ]);
  });

  it('no deadline is judged before the console was read: it may have said all there is to say while nobody listened', () => {
    const unread = { started: false, reboots: 0, current: false, complete: false };
    const late = withRunning(claimed().created());
    const decisions = kinds(decide(late, { guest: guestOf(late, 'Running'), console: unread, nowS: 9999 }));
    expect(decisions).not.toContain('end');
    expect(decisions).toContain('readConsole');
    const over = running('b', { walltime: '10s' });
    expect(kinds(decide(over, { guest: guestOf(over, 'Running'), console: unread, nowS: 9999 }))).not.toContain('end');
  });

  it('the walltime ends it: a batch job fails, a session ends well', () => {
    const batch = running('b', { walltime: '10s' });
    expect(decide(batch, { guest: guestOf(batch, 'Running'), console, nowS: 9 })).not.toContainEqual(
      expect.objectContaining({ kind: 'end' }),
    );
    expect(decide(batch, { guest: guestOf(batch, 'Running'), console, nowS: 10 })).toEqual([
      expect.objectContaining({ reason: 'WalltimeExceeded', outcome: 'Failed', failure: false }),
    ]);
    const session = running('s', { walltime: '10s', mode: 'Session' });
    expect(decide(session, { guest: guestOf(session, 'Running'), console, nowS: 10 })).toEqual([
      expect.objectContaining({ reason: 'SessionEnded', outcome: 'Succeeded' }),
    ]);
  });
});

describe('the end of an attempt', () => {
  const end = (builder: JobBuilder, o: Parameters<typeof decide>[1]) => {
    const found = decide(builder, o).find(({ kind }) => kind === 'end');
    return found?.kind === 'end' ? { reason: found.reason, outcome: found.outcome, failure: found.failure } : undefined;
  };
  const exit = (exitCode: number) => ({ started: true, reboots: 0, current: true, complete: false, exitCode });
  const complete = { started: true, reboots: 0, current: true, complete: true };
  const both = { retries: { limit: 1, when: ['ScriptFailed', 'StartFailed'] as const } } as unknown as Parameters<
    typeof aJob
  >[1];

  it.each<[string, JobBuilder, number, ReturnType<typeof end>]>([
    ['0 is success', running(), 0, { reason: 'Completed', outcome: 'Succeeded', failure: false }],
    [
      '3 is failure when the script is not to be repeated',
      running(),
      3,
      { reason: 'ScriptFailed', outcome: 'Failed', failure: true },
    ],
    [
      '3 is another attempt when it is',
      running('j', both),
      3,
      { reason: 'ScriptFailed', outcome: undefined, failure: true },
    ],
    [
      '3 is failure when the repeats are used up',
      running('j', both).ended('ScriptFailed', { failure: true }).claimedBy('pc-2').created().started(),
      3,
      { reason: 'ScriptFailed', outcome: 'Failed', failure: true },
    ],
  ])('with exit code %s', (_name, job, code, expected) => {
    expect(end(job, { guest: guestOf(job, 'Running'), console: exit(code) })).toEqual(expected);
  });

  it('is reached only after the start was noted, so that no step is left out', () => {
    const job = claimed().created();
    expect(kinds(decide(job, { guest: guestOf(job, 'Succeeded'), console: exit(0) }))).toEqual(['started']);
  });

  it('is the marker, not the phase: a guest that is off without one has not succeeded', () => {
    const job = running();
    expect(end(job, { guest: guestOf(job, 'Succeeded'), console: complete })).toMatchObject({
      reason: 'GuestEndedWithoutExit',
      outcome: 'Failed',
    });
  });

  it('waits for the log to be read to its end', () => {
    const job = running();
    expect(decide(job, { guest: guestOf(job, 'Succeeded'), console, nowS: 1e6 })).toEqual([{ kind: 'readConsole' }]);
  });

  it.each<[string, JobBuilder, Parameters<typeof decide>[1], ReturnType<typeof end>]>([
    ['a deleted virtual machine', running(), {}, { reason: 'TakenAway', outcome: undefined, failure: false }],
    [
      'a deleted instance',
      running(),
      { guest: guestOf(running(), 'Running', { deleted: true }), console },
      { reason: 'TakenAway', outcome: undefined, failure: false },
    ],
    [
      'a pod that was removed',
      running(),
      { guest: { ...guestOf(running(), 'Failed'), pods: [] }, console: complete },
      { reason: 'TakenAway', outcome: undefined, failure: false },
    ],
    [
      'a crash of a running guest',
      running(),
      { guest: guestOf(running(), 'Failed'), console: complete },
      { reason: 'GuestCrashed', outcome: undefined, failure: true },
    ],
    [
      'a guest that its machine ended, as it had no answer from the cluster',
      running('j', { retries: { limit: 0 } }),
      { guest: guestOf(running(), 'Failed'), console: complete, silenceMs: 7_000 },
      { reason: 'MachineLost', outcome: undefined, failure: false },
    ],
    [
      'a crash that may not be repeated',
      running('j', { retries: { limit: 0 } }),
      { guest: guestOf(running(), 'Failed'), console: complete },
      { reason: 'GuestCrashed', outcome: 'Failed', failure: true },
    ],
    [
      'a guest that ended before its script',
      claimed().created(),
      { guest: guestOf(claimed().created(), 'Failed'), console: { ...complete, started: false } },
      { reason: 'StartFailed', outcome: undefined, failure: true },
    ],
    [
      'a session that was powered off inside',
      running('j', { mode: 'Session' }),
      { guest: guestOf(running(), 'Succeeded'), console: complete },
      { reason: 'SessionEnded', outcome: 'Succeeded', failure: false },
    ],
  ])('after %s', (_name, job, o, expected) => {
    expect(end(job, o)).toEqual(expected);
  });
});

describe('after the end', () => {
  it('the last virtual machine stays for its log; earlier ones are deleted', () => {
    const job = running('j')
      .ended('ScriptFailed', { failure: true })
      .claimedBy('pc-2')
      .created()
      .started()
      .finished('Completed');
    const vms = [aVm(job.job, { number: 1 }), aVm(job.job, { number: 2 })];
    const guest = { vm: vms[1], vmi: aVmi(vms[1] as never, 'Succeeded', 'pc-2'), pods: [], migrations: [] };
    expect(decide(job, { vms, guest })).toEqual([{ kind: 'deleteVm', vm: vms[0], why: 'its attempt is over' }]);
  });

  it.each(['WalltimeExceeded', 'StartFailed'] as const)('a guest that was stopped by us is deleted (%s)', (reason) => {
    const job = running().finished(reason, { outcome: 'Failed' });
    expect(kinds(decide(job, { guest: guestOf(job, 'Running') }))).toEqual(['deleteVm']);
  });

  it('a guest that does not power itself off is deleted after a while', () => {
    const job = running().finished('Completed', { at: 0 });
    expect(decide(job, { guest: guestOf(job, 'Running'), nowS: 59 })).toEqual([]);
    expect(kinds(decide(job, { guest: guestOf(job, 'Running'), nowS: 60 }))).toEqual(['deleteVm']);
  });

  it('the job is deleted when its time to live is over, not before and never without one', () => {
    const job = running('j', { ttlSecondsAfterFinished: 10 }).finished('Completed', { at: 0 });
    expect(decide(job, { nowS: 9 })).toEqual([]);
    expect(decide(job, { nowS: 10 })).toEqual([{ kind: 'deleteJob' }]);
    expect(decide(running().finished('Completed'), { nowS: 1e6 })).toEqual([]);
  });
});

describe('a job that is being deleted', () => {
  it('has its virtual machines deleted and makes nothing any more', () => {
    const job = running().beingDeleted();
    const guest = guestOf(job, 'Running');
    expect(kinds(decide(job, { guest }))).toEqual(['deleteVm']);
    expect(decide(job, { guest: { ...guest, vm: aVm(job.job, { deleted: true }) } })).toEqual([]);
    expect(decide(claimed().beingDeleted())).toEqual([]);
  });
});
