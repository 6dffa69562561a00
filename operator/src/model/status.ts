// The named transitions of a job's status: the only places that change it.
// Promises: pure; each returns a whole new status with conditions and phase in step; lists are copied, never changed.
// Must not decide whether a transition is due: that is for the decide.ts of each concept.

import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import { getCondition, isTrue, setCondition } from '../api/conditions.ts';
import { usageOf } from '../ledger/usage.ts';
import { brief } from './brief.ts';
import { attemptsOf, lastAttempt, type Attempt, type Interruption, type Subscriber } from './job.ts';
import { vmName } from './names.ts';
import type { AttemptEnd, EvacuationReason, LadderReason, ProgressReason, WaitReason } from './reasons.ts';

export type Waiting = NonNullable<ComputeJobStatus['waiting']>;
type ConditionType =
  'Published' | 'Claimed' | 'Started' | 'Reachable' | 'Migratable' | 'Interrupted' | 'Succeeded' | 'Failed';

/** Lines of the ledger that a status keeps. */
export const longestLedger = 20;

/** Attempts that a status keeps, the latest; their numbers go on. */
export const longestRecord = 20;

/** Characters of the message that people read first, and of one line in a list. */
const longestMessage = 1_000;
const longestLine = 300;

/** When the virtual machine of the open attempt was made, and when KubeVirt reported its guest as running. */
export interface Milestones {
  readonly created?: string | undefined;
  readonly running?: string | undefined;
}

/** Whether the guest can move while it runs, and why not. */
export interface Mobility {
  readonly yes: boolean;
  readonly reason: string;
  readonly message: string;
}

export function published(job: ComputeJob, o: { id: string; at: string }): ComputeJobStatus {
  const message = `published ${o.id}`;
  return sealed(
    job,
    condition(job, { ...job.status, publication: o }, 'Published', 'True', 'Published', message, o.at),
  );
}

export function waiting(
  job: ComputeJob,
  o: { reason: WaitReason; message: string; waiting: Waiting; at: string },
): ComputeJobStatus {
  const status = said({ ...job.status, waiting: o.waiting }, o.reason, o.message);
  return sealed(job, condition(job, status, 'Claimed', 'False', o.reason, o.message, o.at));
}

export function claimed(
  job: ComputeJob,
  o: {
    node: string;
    room?: string | undefined;
    subscribers: Subscriber[];
    reason: 'FirstReady' | 'RunnerUp';
    message: string;
    at: string;
  },
): ComputeJobStatus {
  const number = (lastAttempt(job)?.number ?? 0) + 1;
  const attempt: Attempt = {
    number,
    node: o.node,
    virtualMachine: vmName(job.metadata.name, number),
    ...(o.room === undefined ? {} : { room: o.room }),
    claimed: o.at,
  };
  const { waiting: _over, exitCode: _former, ...rest } = job.status ?? {};
  const attempts = [...attemptsOf(job), attempt].slice(-longestRecord);
  const status = { ...rest, attempts, attempt: number, node: o.node, subscribers: o.subscribers };
  return sealed(job, condition(job, said(status, o.reason, o.message), 'Claimed', 'True', o.reason, o.message, o.at));
}

export function subscribed(job: ComputeJob, subscribers: Subscriber[]): ComputeJobStatus {
  return { ...job.status, subscribers };
}

/** The virtual machine of the open attempt exists, and perhaps its guest runs; the script has not begun. */
export function starting(job: ComputeJob, o: Milestones & { readonly at: string }): ComputeJobStatus {
  const attempt = lastAttempt(job);
  const message =
    o.running === undefined
      ? `virtual machine ${attempt?.virtualMachine} was created`
      : `the guest runs on ${attempt?.node}, its script has not begun`;
  const reason: ProgressReason = o.running === undefined ? 'VirtualMachineCreated' : 'GuestRunning';
  const status = said(withAttempt(job, milestones(o)), reason, message);
  return sealed(job, condition(job, status, 'Started', 'False', 'Starting', message, o.at));
}

/** The start marker was read. */
export function started(
  job: ComputeJob,
  o: Milestones & {
    readonly at: string;
    readonly reachable?: string | undefined;
    readonly mobility?: Mobility | undefined;
    /** Address of its console's page. */
    readonly consoleUrl?: string | undefined;
  },
): ComputeJobStatus {
  const attempt = lastAttempt(job);
  const message = `${job.spec.script === undefined ? 'the guest is up' : 'the script runs'} on ${attempt?.node}`;
  const running = attempt?.running ?? o.running ?? o.at;
  let status = withAttempt(job, { ...milestones({ created: o.created, running }), started: o.at });
  status = said({ startTime: o.at, ...status }, 'Started', message);
  status = condition(job, status, 'Started', 'True', 'Started', message, o.at);
  if (o.reachable !== undefined) status = condition(job, status, 'Reachable', 'True', 'Answered', o.reachable, o.at);
  if (o.mobility) status = withMobility(job, status, o.mobility, o.at);
  if (o.consoleUrl !== undefined) status.console = { url: o.consoleUrl };
  return sealed(job, status);
}

/** The guest is on another machine now. */
export function moved(job: ComputeJob, node: string): ComputeJobStatus {
  const status = { ...withAttempt(job, { node }), node };
  // Whatever else stands there is news of its own; where the guest was started is not true of where it is.
  const isWhere = status.reason === 'Started' || status.reason === 'Resumed';
  return sealed(job, isWhere ? said(status, 'Started', `it runs on ${node} now`) : status);
}

export function migratable(job: ComputeJob, o: Mobility & { readonly at: string }): ComputeJobStatus {
  return sealed(job, withMobility(job, { ...job.status }, o, o.at));
}

/** The spec was changed, and all that the status says holds for it as well. */
export function observed(job: ComputeJob): ComputeJobStatus {
  return sealed(job, { ...job.status });
}

/** Whether the status is about the spec as it was before its last change. */
export function isOutdated({ metadata: { generation = 0 }, status }: ComputeJob): boolean {
  return (status?.conditions ?? []).some(({ observedGeneration = generation }) => observedGeneration < generation);
}

/** Whether a message that stands in the status is this text, as far as a status keeps it. */
export function isSaid(message: string | undefined, text: string): boolean {
  return message === brief(text, longestMessage);
}

/** Why the open attempt is where it is; changes nothing else. */
export function noted(
  job: ComputeJob,
  o: { reason: ProgressReason | LadderReason; message: string; reboots?: number | undefined },
): ComputeJobStatus {
  const status = o.reboots === undefined ? { ...job.status } : withAttempt(job, { reboots: o.reboots });
  return sealed(job, said(status, o.reason, o.message));
}

/** The guest stands still; a console may show it, but nothing answers. */
export function paused(job: ComputeJob, o: { message: string; at: string }): ComputeJobStatus {
  const reason: ProgressReason = 'GuestPaused';
  const status = said({ ...job.status }, reason, o.message);
  return sealed(job, condition(job, status, 'Reachable', 'False', reason, o.message, o.at));
}

/** The guest goes on. */
export function resumed(job: ComputeJob, o: { reachable?: string | undefined; at: string }): ComputeJobStatus {
  const status = said({ ...job.status }, 'GuestRunning' satisfies ProgressReason, 'the guest goes on');
  if (o.reachable !== undefined) {
    return sealed(job, condition(job, status, 'Reachable', 'True', 'Answered', o.reachable, o.at));
  }
  const conditions = (status.conditions ?? []).filter(({ type }) => type !== 'Reachable');
  return sealed(job, { ...status, conditions });
}

export interface Ended {
  readonly at: string;
  readonly reason: AttemptEnd;
  readonly message: string;
  readonly exitCode?: number | undefined;
  readonly secondsLost?: number | undefined;
  /** Counts against spec.retries.limit. */
  readonly failure: boolean;
  /** What had held it up, if it never started. */
  readonly cause?: ProgressReason | undefined;
  readonly seen?: Milestones | undefined;
  readonly interruption?: Interruption | undefined;
}

/** The open attempt is over; the job has no machine. */
export function attemptEnded(job: ComputeJob, o: Ended): ComputeJobStatus {
  let status = withAttempt(job, {
    ...milestones(o.seen ?? {}),
    ...stillUntil(job, o.at),
    ended: o.at,
    reason: o.reason,
    message: brief(o.message, longestLine),
    ...(o.cause === undefined ? {} : { cause: o.cause }),
    ...(o.exitCode === undefined ? {} : { exitCode: o.exitCode }),
    ...(o.secondsLost === undefined ? {} : { secondsLost: Math.round(o.secondsLost * 1000) / 1000 }),
  });
  const { node: _left, ladder: _over, ...rest } = status;
  // Whether that guest could have moved says nothing of the next one.
  rest.conditions = (rest.conditions ?? []).filter(({ type }) => type !== 'Migratable');
  status = said({ ...rest, failures: (rest.failures ?? 0) + (o.failure ? 1 : 0) }, o.reason, o.message);
  if (o.interruption) status = ledgered(status, o.interruption);
  status = charged(job, status);
  for (const type of ['Claimed', 'Started', 'Reachable', 'Interrupted'] as const) {
    if (getCondition(status.conditions, type)) {
      status = condition(job, status, type, 'False', o.reason, o.message, o.at);
    }
  }
  return sealed(job, status);
}

/** The job is over. Its last attempt keeps its machine in the record. */
export function finished(
  job: ComputeJob,
  o: {
    outcome: 'Succeeded' | 'Failed';
    reason: AttemptEnd;
    message: string;
    exitCode?: number | undefined;
    at: string;
  },
): ComputeJobStatus {
  const { waiting: _over, ...rest } = job.status ?? {};
  let status: ComputeJobStatus = said({ ...rest, finishTime: o.at }, o.reason, o.message);
  const node = lastAttempt(job)?.node;
  if (node !== undefined) status.node = node;
  if (o.exitCode !== undefined) status.exitCode = o.exitCode;
  status = condition(job, status, o.outcome, 'True', o.reason, o.message, o.at);
  return sealed(job, status);
}

/** The job is over by its user's wish while it has no machine. */
export function stopped(
  job: ComputeJob,
  o: { outcome: 'Succeeded' | 'Failed'; reason: AttemptEnd; message: string; at: string },
): ComputeJobStatus {
  const status = finished(job, o);
  if (!getCondition(status.conditions, 'Claimed')) return status;
  return condition(job, status, 'Claimed', 'False', o.reason, o.message, o.at);
}

export function interrupted(
  job: ComputeJob,
  o: { active: boolean; reason: EvacuationReason | LadderReason; message: string; at: string },
): ComputeJobStatus {
  const flag = o.active ? 'True' : 'False';
  return sealed(job, condition(job, { ...job.status }, 'Interrupted', flag, o.reason, o.message, o.at));
}

/** One more line in the ledger, of which the status keeps the last twenty. */
export function recorded(job: ComputeJob, entry: Interruption): ComputeJobStatus {
  return sealed(job, ledgered({ ...job.status }, entry));
}

/** A guest stood still on its way to another machine; that is not charged. */
export function stoodStill(job: ComputeJob, o: { attempt: number; seconds: number }): ComputeJobStatus {
  const attempts = attemptsOf(job).map((attempt) =>
    attempt.number === o.attempt
      ? { ...attempt, secondsStill: Math.round(((attempt.secondsStill ?? 0) + o.seconds) * 1000) / 1000 }
      : attempt,
  );
  // An attempt that is over has been charged already.
  return charged(job, { ...job.status, attempts });
}

/** The guest that stands still for an owner goes on, or the owner has gone before it stood. */
export function yielded(job: ComputeJob, at: string): ComputeJobStatus {
  const { ladder: _over, ...status } = withAttempt(job, stillUntil(job, at));
  return sealed(job, status);
}

/** One word for people. */
export function phaseOf(status: ComputeJobStatus): string {
  const { conditions, waiting: waits, publication } = status;
  if (isTrue(conditions, 'Failed')) return 'Failed';
  if (isTrue(conditions, 'Succeeded')) return 'Succeeded';
  if (isTrue(conditions, 'Started')) return 'Running';
  if (isTrue(conditions, 'Claimed')) return 'Starting';
  if (waits) return 'Waiting';
  return publication ? 'Published' : 'New';
}

/** What the open attempt has stood still, with the time for which it does so now. */
function stillUntil(job: ComputeJob, at: string): Partial<Attempt> {
  const { frozen } = job.status?.ladder ?? {};
  if (frozen === undefined) return {};
  const seconds = Math.max(0, Date.parse(at) - Date.parse(frozen)) / 1000;
  const before = lastAttempt(job)?.secondsStill ?? 0;
  return { secondsStill: Math.round((before + seconds) * 1000) / 1000 };
}

function ledgered(status: ComputeJobStatus, entry: Interruption): ComputeJobStatus {
  const line = entry.message === undefined ? entry : { ...entry, message: brief(entry.message, longestLine) };
  return { ...status, interruptions: [...(status.interruptions ?? []), line].slice(-longestLedger) };
}

function milestones({ created, running }: Milestones): Partial<Attempt> {
  return { ...(created === undefined ? {} : { created }), ...(running === undefined ? {} : { running }) };
}

function withMobility(job: ComputeJob, status: ComputeJobStatus, o: Mobility, at: string): ComputeJobStatus {
  return condition(job, status, 'Migratable', o.yes ? 'True' : 'False', o.reason, o.message, at);
}

/** What the job is charged follows from its attempts that are over; those that the record has dropped stay charged. */
function charged(job: ComputeJob, status: ComputeJobStatus): ComputeJobStatus {
  const over = (attempts: readonly Attempt[] = []) => attempts.filter(({ ended }) => ended !== undefined);
  const attempts = over(status.attempts);
  if (attempts.length === 0) return status;
  const now = usageOf(job.spec, attempts);
  if ((status.attempt ?? 0) <= longestRecord) return { ...status, usage: now };
  const before = usageOf(job.spec, over(attemptsOf(job)));
  const grown = (key: keyof typeof now): number =>
    Math.max(0, Math.round(((job.status?.usage?.[key] ?? 0) + (now[key] ?? 0) - (before[key] ?? 0)) * 1000) / 1000);
  return {
    ...status,
    usage: {
      coreSeconds: grown('coreSeconds'),
      memoryGiBSeconds: grown('memoryGiBSeconds'),
      lostCoreSeconds: grown('lostCoreSeconds'),
    },
  };
}

function withAttempt(job: ComputeJob, change: Partial<Attempt>): ComputeJobStatus {
  const attempts = attemptsOf(job);
  return {
    ...job.status,
    attempts: attempts.map((attempt, index) => (index === attempts.length - 1 ? { ...attempt, ...change } : attempt)),
  };
}

function said(status: ComputeJobStatus, reason: string, message: string): ComputeJobStatus {
  return { ...status, reason, message: brief(message, longestMessage) };
}

function condition(
  job: ComputeJob,
  status: ComputeJobStatus,
  type: ConditionType,
  value: 'True' | 'False',
  reason: string,
  message: string,
  at: string,
): ComputeJobStatus {
  const { generation } = job.metadata;
  const text = brief(message, longestMessage);
  const update = { type, status: value, reason, message: text, observedGeneration: generation };
  return { ...status, conditions: setCondition(status.conditions, update, at) };
}

/** Everything in a status is about the spec as it was when it was written: who waits for a condition may count on it from then on. */
function sealed(job: ComputeJob, status: ComputeJobStatus): ComputeJobStatus {
  const { generation } = job.metadata;
  const { conditions } = status;
  const phase = phaseOf(status);
  if (generation === undefined) return { ...status, phase };
  if (!conditions?.some(({ observedGeneration }) => observedGeneration !== generation)) {
    return { ...status, observedGeneration: generation, phase };
  }
  const all = conditions.map((each) => ({ ...each, observedGeneration: generation }));
  return { ...status, conditions: all, observedGeneration: generation, phase };
}
