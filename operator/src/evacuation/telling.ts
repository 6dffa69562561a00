// How a job is told what becomes of its guest: the condition Interrupted, the tail of the ledger in its status, and the ledger.
// Promises: the status first and in one write; words that only count machines anew are told at most once a minute, and the less
// often the longer they are much the same.

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

/** How long the words of a guest that cannot leave stand while the reason is the same: as long as it is the reason, within these. */
const shortestPauseMs = 60_000;
const longestPauseMs = 15 * 60_000;

/** What a job was last told why its guest stays, monotonic ms. */
interface Said {
  readonly reason: EvacuationReason;
  /** When it became the reason. */
  readonly sinceMs: number;
  readonly atMs: number;
}

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
  /** By key of the job. */
  readonly #said = new Map<string, Said>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The guest does not stay any more, or the job is gone. */
  forget(key: string): void {
    this.#said.delete(key);
  }

  /** Whether the words of a guest that stays for that reason would be told now. */
  isDue(key: string, job: ComputeJob, reason: EvacuationReason): boolean {
    return this.#pauseMs(key, job, reason) <= 0;
  }

  /** @returns when to look again, ms. */
  async stay(
    key: string,
    job: ComputeJob,
    { reason, message, cause }: Extract<EvacuationDecision, { kind: 'stay' }>,
  ): Promise<number> {
    const pauseMs = this.#pauseMs(key, job, reason);
    if (pauseMs > 0) return pauseMs;
    const atMs = this.#deps.clock.monotonic();
    const before = this.#said.get(key);
    const said = { reason, sinceMs: before?.reason === reason ? before.sinceMs : atMs, atMs };
    this.#said.set(key, said);
    await this.say(job, reason, message, { cause });
    return pauseAfter(said);
  }

  /** How long nothing is said of a guest that stays for that reason; 0 or less when it is due. */
  #pauseMs(key: string, job: ComputeJob, reason: EvacuationReason): number {
    const said = this.#said.get(key);
    const told = getCondition(job.status?.conditions, 'Interrupted');
    if (said?.reason !== reason || told?.status !== 'True' || told.reason !== reason) return 0;
    return said.atMs + pauseAfter(said) - this.#deps.clock.monotonic();
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

function pauseAfter({ sinceMs, atMs }: Said): number {
  return Math.min(longestPauseMs, Math.max(shortestPauseMs, atMs - sinceMs));
}
