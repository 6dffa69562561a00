// When an attempt is given up because its time is over: its start, its walltime, or a guest that stands still.
// Promises: pure; the console is asked before any verdict; an attempt does not pay for the time that the one before takes to go.

import { getCondition } from '../api/conditions.ts';
import { durationMs, inWords } from '../model/duration.ts';
import { stoodStillMs, type Attempt } from '../model/job.ts';
import type { ProgressReason } from '../model/reasons.ts';
import type { LifecycleInput } from './decide.ts';
import { notStarted, sessionEnded, type AttemptOutcome } from './outcome.ts';
import { hasBegun } from './observe.ts';
import { howFar, standstill, trouble } from './trouble.ts';

/** How soon a deadline is looked at again for which the console had to be read first. */
export const unreadMs = 1_000;

export type Deadline = ({ kind: 'end' } & AttemptOutcome) | { kind: 'later'; atMs: number; unread: boolean };

/** How long a claim may wait for what an earlier attempt left behind, whatever its start deadline. */
const earlierMs = 600_000;

/**
 * From when the start is timed (ms since the epoch), and for how long: from the moment at which the virtual machine could be
 * made, as an attempt must not pay for the time that the one before takes to go.
 */
function startLimit({ job, guest }: LifecycleInput, attempt: Attempt, waits: boolean): { fromMs: number; ms: number } {
  const ms = durationMs(job.spec.startDeadline);
  const claimedMs = Date.parse(attempt.claimed ?? '');
  const longestMs = Math.max(ms, earlierMs);
  const created = attempt.created ?? guest.vm?.metadata.creationTimestamp;
  if (created !== undefined) {
    // The cluster's clock is not ours.
    return { fromMs: Math.min(Math.max(claimedMs, Date.parse(created)), claimedMs + longestMs), ms };
  }
  const held = !guest.vm && (waits || job.status?.reason === 'WaitingForEarlier');
  return { fromMs: claimedMs, ms: held ? longestMs : ms };
}

/**
 * The attempt's deadline: an end when it is past, else when it will be (ms since the epoch).
 * @param waits the virtual machine cannot be made yet, as something of an earlier attempt is still there.
 */
export function deadlines(input: LifecycleInput, attempt: Attempt, { waits } = { waits: false }): Deadline {
  const { job, guest, console, nowMs, settings } = input;
  const { walltime, mode, image } = job.spec;
  const stillMs = stoodStillMs(job, nowMs);
  // Nobody may have read the console for a long time: what it says comes before any verdict.
  const unread = guest.pods.length > 0 && !console.current;
  const later = (atMs: number): Deadline | undefined => {
    if (nowMs < atMs) return { kind: 'later', atMs, unread: false };
    return unread ? { kind: 'later', atMs: nowMs + unreadMs, unread } : undefined;
  };
  if (attempt.started === undefined) {
    const { fromMs, ms } = startLimit(input, attempt, waits);
    const message = `the guest did not start within ${inWords(ms)} on ${attempt.node}: ${hurdle(input, image.containerDisk)}`;
    return later(fromMs + ms + stillMs) ?? { kind: 'end', ...notStarted(message, causeOf(input)) };
  }
  const brokenAtMs = standstillEndMs(input);
  if (brokenAtMs !== undefined && nowMs >= brokenAtMs) {
    const message = `the guest stood still for ${inWords(settings.standstillMs)}: ${standstill(guest)?.message}`;
    return { kind: 'end', reason: 'GuestCrashed', message, cause: 'GuestPaused', failure: false };
  }
  if (walltime === undefined) return { kind: 'later', atMs: Number.POSITIVE_INFINITY, unread: false };
  const message = `its walltime of ${walltime} is over`;
  const over: AttemptOutcome =
    mode === 'Batch'
      ? { reason: 'WalltimeExceeded', message, failure: false, outcome: 'Failed' }
      : sessionEnded(message);
  return later(Date.parse(attempt.started) + durationMs(walltime) + stillMs) ?? { kind: 'end', ...over };
}

/** When a guest that KubeVirt paused for errors of its disk is given up; by our own clock, from when it was told. */
export function standstillEndMs({ job, guest, settings }: LifecycleInput): number | undefined {
  const told = getCondition(job.status?.conditions, 'Reachable');
  if (told?.reason !== pausedReason || standstill(guest)?.broken !== true) return undefined;
  return Date.parse(told.lastTransitionTime ?? '') + settings.standstillMs;
}

export const pausedReason: ProgressReason = 'GuestPaused';

/** Why the attempt has not begun, from the objects or, without any, from what we met while making them. */
export function causeOf({ job, guest }: LifecycleInput): ProgressReason | undefined {
  const told = job.status?.reason;
  if (guest.vm) {
    return trouble(guest, job.spec.image.containerDisk)?.reason ?? (hasBegun(guest) ? undefined : 'KubeVirtNotReady');
  }
  const ours: readonly ProgressReason[] = [
    'QuotaExceeded',
    'Refused',
    'KubeVirtNotReady',
    'SecretMissing',
    'NetworkNotReady',
    'NetworkNotAllowed',
    'NameTaken',
    'WaitingForEarlier',
  ];
  return ours.find((reason) => reason === told);
}

function hurdle(input: LifecycleInput, image: string): string {
  const { job, guest } = input;
  const told = job.status?.message;
  return !guest.vm && told !== undefined && causeOf(input) !== undefined ? told : howFar(guest, image);
}
