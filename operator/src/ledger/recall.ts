// The ledger as far as a job's status tells it.
// Promises: pure; each line has the key of the one that was, or should have been, recorded with the decision, so that a
// history that has it already is not changed.

import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition, isTrue } from '../api/conditions.ts';
import { attemptsOf, type Attempt, type Interruption } from '../model/job.ts';
import { attemptEnds, type AttemptEnd, type LeaveReason } from '../model/reasons.ts';
import type { LedgerNote } from './entry.ts';

export function notesOf(job: ComputeJob): LedgerNote[] {
  const { publication, interruptions = [] } = job.status ?? {};
  const { at } = publication ?? {};
  return [
    ...(at === undefined ? [] : [{ at, reason: 'Published' as const, message: `published ${publication?.id}` }]),
    ...attemptsOf(job).flatMap(ofAttempt),
    ...interruptions.flatMap(ofMigration),
    ...ofEnd(job),
  ];
}

function ofAttempt({ number, node, virtualMachine, claimed, created, started, ...end }: Attempt): LedgerNote[] {
  const own = { attempt: number, node };
  const { ended, reason, message = '', exitCode, secondsLost } = end;
  const notes: LedgerNote[] = [];
  if (claimed !== undefined) {
    notes.push({ ...own, at: claimed, reason: 'Claimed', machines: [node], message: `attempt ${number}: on ${node}` });
  }
  if (created !== undefined) {
    const made = `created virtual machine ${virtualMachine} for ${node}`;
    // Kubernetes counts whole seconds, so that what was made right after the claim seems to have been there before it.
    const madeAt = claimed !== undefined && Date.parse(claimed) > Date.parse(created) ? claimed : created;
    notes.push({ ...own, at: madeAt, reason: 'VirtualMachineCreated', message: made });
  }
  if (started !== undefined) {
    notes.push({ ...own, at: started, reason: 'Started', message: `attempt ${number} has started on ${node}` });
  }
  if (ended !== undefined && isAttemptEnd(reason)) {
    const seconds = started === undefined ? undefined : (Date.parse(ended) - Date.parse(started)) / 1000;
    notes.push({ ...own, at: ended, reason, exitCode, seconds, secondsLost, message: `attempt ${number}: ${message}` });
  }
  return notes;
}

function ofMigration({ at, reason, message = '', ...facts }: Interruption): LedgerNote[] {
  if (facts.migration === undefined || facts.toNode === undefined) return [];
  return [{ ...facts, at, reason: 'Migrated', cause: leaveReasons.find((known) => known === reason), message }];
}

function ofEnd(job: ComputeJob): LedgerNote[] {
  const { finishTime, conditions, message = '', exitCode } = job.status ?? {};
  const outcome = isTrue(conditions, 'Succeeded') ? 'Succeeded' : isTrue(conditions, 'Failed') ? 'Failed' : undefined;
  if (finishTime === undefined || outcome === undefined) return [];
  const last = attemptsOf(job).at(-1);
  // A job may be stopped while it has no attempt that would tell of it.
  const stopped = getCondition(conditions, outcome)?.reason === 'Stopped' && last?.reason !== 'Stopped';
  return [
    ...(stopped ? [{ at: finishTime, reason: 'Stopped' as const, outcome, message } satisfies LedgerNote] : []),
    { at: finishTime, reason: 'Finished', attempt: last?.number, node: last?.node, exitCode, outcome, message },
  ];
}

const leaveReasons: readonly LeaveReason[] = ['Drained', 'OwnerReturned', 'Revoked', 'MachineLost'];

/** The status is text of the API; only the reasons that we know are lines of the ledger. */
export function isAttemptEnd(reason: string | undefined): reason is AttemptEnd {
  return (attemptEnds as readonly (string | undefined)[]).includes(reason);
}
