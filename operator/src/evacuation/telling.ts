// How a job is told what becomes of its guest: the condition Interrupted, the tail of the ledger in its status, and the ledger.
// Promises: the status first and in one write; words that only count machines anew are told at most once a minute.

import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition } from '../api/conditions.ts';
import { microTime } from '../kube/micro-time.ts';
import type { LedgerNote } from '../ledger/entry.ts';
import { lastAttempt, type Interruption } from '../model/job.ts';
import type { EvacuationReason, LeaveReason } from '../model/reasons.ts';
import * as status from '../model/status.ts';
import type { Deps } from '../deps.ts';
import type { EvacuationDecision } from './decide.ts';
import { evacuationNote } from './events.ts';

/** How long the words of a guest that cannot leave stand at least while the reason is the same. */
const wordsPauseMs = 60_000;
/** How soon a guest that cannot leave is looked at again though nothing was heard that may help. */
const unheardMs = 60_000;

export interface Line {
  readonly entry: Omit<Interruption, 'reason'> & {
    readonly reason: LedgerNote['reason'] | LeaveReason;
    readonly message: string;
  };
  /** The guest still has to leave. */
  readonly active: boolean;
  readonly reason: EvacuationReason;
  readonly cause?: LeaveReason | undefined;
}

export class Telling {
  readonly #deps: Deps;
  /** By key of the job: when it was last told why it stays, monotonic ms. */
  readonly #saidMs = new Map<string, number>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The guest does not stay any more, or the job is gone. */
  forget(key: string): void {
    this.#saidMs.delete(key);
  }

  /** @returns when to look again, ms. */
  async stay(
    key: string,
    job: ComputeJob,
    { reason, message, cause }: Extract<EvacuationDecision, { kind: 'stay' }>,
  ): Promise<number> {
    const now = this.#deps.clock.monotonic();
    const before = getCondition(job.status?.conditions, 'Interrupted');
    const pauseMs = (this.#saidMs.get(key) ?? Number.NEGATIVE_INFINITY) + wordsPauseMs - now;
    if (pauseMs > 0 && before?.status === 'True' && before.reason === reason) {
      return before.message === message ? unheardMs : pauseMs;
    }
    this.#saidMs.set(key, now);
    await this.say(job, reason, message, { cause });
    return unheardMs;
  }

  /** One line in the status and the condition, in one write; then the same in the ledger. */
  async write(job: ComputeJob, line: Line, stored: ComputeJob = job): Promise<void> {
    const { entry, active, reason, cause } = line;
    const recorded = { ...job, status: status.recorded(job, entry) };
    const { at, message } = entry;
    await this.#deps.writer.status(stored, status.interrupted(recorded, { active, reason, message, at }));
    this.tell(job, at, reason, message, { ...entry, cause });
  }

  /** The condition and, when its reason is new, a line in the ledger. */
  async say(job: ComputeJob, reason: EvacuationReason, message: string, facts: Partial<LedgerNote>): Promise<void> {
    const before = getCondition(job.status?.conditions, 'Interrupted');
    if (before?.message === message && before.status === 'True') return;
    const at = microTime(this.#deps.clock.now());
    await this.#deps.writer.status(job, status.interrupted(job, { active: true, reason, message, at }));
    const attempt = lastAttempt(job);
    if (before?.reason !== reason || before.status !== 'True') {
      this.tell(job, at, reason, message, { attempt: attempt?.number, node: attempt?.node, ...facts });
    }
  }

  tell(job: ComputeJob, at: string, reason: EvacuationReason, message: string, facts: Partial<LedgerNote>): void {
    this.#deps.log.info({ job: job.metadata.name, reason, toNode: facts.toNode, seconds: facts.seconds }, message);
    this.#deps.ledger.record(job, evacuationNote(at, reason, message, facts));
  }
}
