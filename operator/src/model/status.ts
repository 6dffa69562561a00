// The named transitions of a job's status: the only places that change it.
// Promises: pure; each returns a whole new status with conditions and phase in step; lists are copied, never changed.
// Must not decide whether a transition is due: that is for the decide.ts of each concept.

import type { ComputeJob, ComputeJobStatus } from '../api/compute-job.ts';
import { getCondition, isTrue, setCondition } from '../api/conditions.ts';
import { usageOf } from '../ledger/usage.ts';
import { attemptsOf, lastAttempt, type Attempt, type Interruption, type Subscriber } from './job.ts';
import { vmName } from './names.ts';
import type { AttemptEnd, EvacuationReason, ProgressReason, WaitReason } from './reasons.ts';

export type Waiting = NonNullable<ComputeJobStatus['waiting']>;
type ConditionType =
  'Published' | 'Claimed' | 'Started' | 'Reachable' | 'Migratable' | 'Interrupted' | 'Succeeded' | 'Failed';

/** Lines of the ledger that a status keeps. */
export const longestLedger = 20;

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
  const attempts = [...attemptsOf(job), attempt];
  const status = { ...rest, attempts, attempt: number, node: o.node, subscribers: o.subscribers };
  return sealed(job, condition(job, said(status, o.reason, o.message), 'Claimed', 'True', o.reason, o.message, o.at));
}

export function subscribed(job: ComputeJob, subscribers: Subscriber[]): ComputeJobStatus {
  return { ...job.status, subscribers };
}

/** The virtual machine of the open attempt exists. */
export function created(job: ComputeJob, at: string): ComputeJobStatus {
  const message = `virtual machine ${lastAttempt(job)?.virtualMachine} was created`;
  const status = said(withAttempt(job, { created: at }), 'VirtualMachineCreated' satisfies ProgressReason, message);
  return sealed(job, condition(job, status, 'Started', 'False', 'Starting', message, at));
}

/** KubeVirt says that the guest runs; the script may not have begun. */
export function running(job: ComputeJob, at: string): ComputeJobStatus {
  return sealed(job, withAttempt(job, { running: at }));
}

/** The start marker was read. */
export function started(job: ComputeJob, o: { at: string; reachable?: string | undefined }): ComputeJobStatus {
  const attempt = lastAttempt(job);
  const message = `${job.spec.script === undefined ? 'the guest is up' : 'the script runs'} on ${attempt?.node}`;
  let status = withAttempt(job, { started: o.at, ...(attempt?.running === undefined ? { running: o.at } : {}) });
  status = said({ startTime: o.at, ...status }, 'Started', message);
  status = condition(job, status, 'Started', 'True', 'Started', message, o.at);
  if (o.reachable !== undefined) status = condition(job, status, 'Reachable', 'True', 'Answered', o.reachable, o.at);
  return sealed(job, status);
}

/** The guest is on another machine now. */
export function moved(job: ComputeJob, node: string): ComputeJobStatus {
  return sealed(job, { ...withAttempt(job, { node }), node });
}

export function migratable(
  job: ComputeJob,
  o: { yes: boolean; reason: string; message: string; at: string },
): ComputeJobStatus {
  return sealed(
    job,
    condition(job, { ...job.status }, 'Migratable', o.yes ? 'True' : 'False', o.reason, o.message, o.at),
  );
}

/** Why the open attempt is where it is; changes nothing else. */
export function noted(job: ComputeJob, o: { reason: ProgressReason; message: string }): ComputeJobStatus {
  return sealed(job, said({ ...job.status }, o.reason, o.message));
}

export interface Ended {
  readonly at: string;
  readonly reason: AttemptEnd;
  readonly message: string;
  readonly exitCode?: number | undefined;
  readonly secondsLost?: number | undefined;
  /** Counts against spec.retries.limit. */
  readonly failure: boolean;
  readonly interruption?: Interruption | undefined;
}

/** The open attempt is over; the job has no machine. */
export function attemptEnded(job: ComputeJob, o: Ended): ComputeJobStatus {
  let status = withAttempt(job, {
    ended: o.at,
    reason: o.reason,
    message: o.message,
    ...(o.exitCode === undefined ? {} : { exitCode: o.exitCode }),
    ...(o.secondsLost === undefined ? {} : { secondsLost: Math.round(o.secondsLost * 1000) / 1000 }),
  });
  const { node: _left, ...rest } = status;
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

export function interrupted(
  job: ComputeJob,
  o: { active: boolean; reason: EvacuationReason; message: string; at: string },
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

/** One word for people. */
export function phaseOf(status: ComputeJobStatus): string {
  const { conditions, waiting: waits, publication } = status;
  if (isTrue(conditions, 'Failed')) return 'Failed';
  if (isTrue(conditions, 'Succeeded')) return 'Succeeded';
  if (isTrue(conditions, 'Started')) return 'Running';
  if (isTrue(conditions, 'Claimed')) return status.attempts?.at(-1)?.created === undefined ? 'Claimed' : 'Starting';
  if (waits) return 'Waiting';
  return publication ? 'Published' : 'New';
}

function ledgered(status: ComputeJobStatus, entry: Interruption): ComputeJobStatus {
  return { ...status, interruptions: [...(status.interruptions ?? []), entry].slice(-longestLedger) };
}

/** What the job is charged follows from its attempts that are over. */
function charged(job: ComputeJob, status: ComputeJobStatus): ComputeJobStatus {
  const attempts = (status.attempts ?? []).filter(({ ended }) => ended !== undefined);
  return attempts.length === 0 ? status : { ...status, usage: usageOf(job.spec, attempts) };
}

function withAttempt(job: ComputeJob, change: Partial<Attempt>): ComputeJobStatus {
  const attempts = attemptsOf(job);
  return {
    ...job.status,
    attempts: attempts.map((attempt, index) => (index === attempts.length - 1 ? { ...attempt, ...change } : attempt)),
  };
}

function said(status: ComputeJobStatus, reason: string, message: string): ComputeJobStatus {
  return { ...status, reason, message };
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
  const update = { type, status: value, reason, message, observedGeneration: job.metadata.generation };
  return { ...status, conditions: setCondition(status.conditions, update, at) };
}

function sealed(job: ComputeJob, status: ComputeJobStatus): ComputeJobStatus {
  const { generation } = job.metadata;
  return { ...status, ...(generation === undefined ? {} : { observedGeneration: generation }), phase: phaseOf(status) };
}
