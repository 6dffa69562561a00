// What a job may wait for besides a machine: a Secret, its network, the pause after a failure, its turn after its room was lost.
// Promises: pure; the words do not change while nothing happens, however much time passes.

import { inWords } from '../model/duration.ts';
import { lastAttempt } from '../model/job.ts';
import type { WaitReason } from '../model/reasons.ts';
import type { Losses } from '../queue/restarts.ts';
import type { NetworkObstacle } from '../isolation/obstacle.ts';
import type { Waiter } from '../queue/waiter.ts';

/** What keeps a job out of this pass that only its reconciler knows. */
export type Blocked =
  | { readonly kind: 'missing'; readonly message: string }
  | { readonly kind: 'busy'; readonly untilMs?: number | undefined }
  | Extract<NetworkObstacle, { kind: 'network' }>;

export interface OwnWait {
  /** Undefined: it is only for a moment, and nobody is told. */
  readonly said?: { readonly reason: WaitReason; readonly message: string } | undefined;
  /** Ms since the epoch; undefined when only a change ends it. */
  readonly untilMs?: number | undefined;
}

export function ownWaitOf(
  waiter: Waiter,
  blocked: Blocked | undefined,
  losses: Losses,
  nowMs: number,
): OwnWait | undefined {
  if (blocked) {
    switch (blocked.kind) {
      case 'missing':
        return { said: { reason: 'SecretMissing', message: blocked.message } };
      case 'network':
        return { said: blocked };
      case 'busy':
        return { untilMs: blocked.untilMs };
    }
  }
  if (waiter.retryAtMs > nowMs) return { said: pauseInWords(waiter), untilMs: waiter.retryAtMs };
  if (!waiter.lostWithRoom) return undefined;
  const fromMs = losses.notBefore(waiter.job);
  if (fromMs <= nowMs) return undefined;
  const room = lastAttempt(waiter.job)?.room;
  const message = `room ${room} lost several machines; its jobs start again a few at a time`;
  return { said: { reason: 'RoomRecovering', message }, untilMs: fromMs };
}

function pauseInWords({ job, retryAtMs }: Waiter): OwnWait['said'] {
  const last = lastAttempt(job);
  // The pause in full, not what is left of it.
  const pause = inWords(retryAtMs - Date.parse(last?.ended ?? ''));
  const what = last?.reason === 'TakenAway' ? 'was taken away again' : `failed (${last?.reason})`;
  const message = `attempt ${last?.number} ${what}; the next one begins after a pause of ${pause}`;
  return { reason: 'RetryBackoff', message };
}
