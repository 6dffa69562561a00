// Records every decision that touches a job: one call serves the Kubernetes Event, the history and the metric.
// Promises: never throws, never blocks a reconcile, and is bounded: what the history cannot take is counted and said in the
// log. Losing a line is acceptable, failing a decision for it is not. Must not decide anything.

import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Node } from '../api/kubernetes.ts';
import { computeJobs, nodes } from '../api/resources.ts';
import type { Clock, Timer } from '../kube/clock.ts';
import type { EventText, Regarding } from '../kube/event-series.ts';
import { apiVersionOf } from '../kube/paths.ts';
import { microTime } from '../kube/micro-time.ts';
import { attemptsOf, isFinished, openAttempt, type Attempt } from '../model/job.ts';
import { ledgerEntry, type LedgerEntry, type LedgerNote } from './entry.ts';
import type { Charge, HistoryStore } from './history.ts';
import { createLedgerMetrics, type LedgerMetrics } from './metrics.ts';
import { hopelessWaits, ledgerReasons } from './reasons.ts';
import { isAttemptEnd, notesOf } from './recall.ts';
import { chargeOf } from './usage.ts';

export interface LedgerOptions {
  readonly history: HistoryStore;
  readonly recorder: { event(regarding: Regarding, text: EventText): void };
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
}

/** What the rest of the operator sees of the ledger. */
export type LedgerWriter = Pick<Ledger, 'record' | 'machine' | 'deleted' | 'charges' | 'recall'>;

/** Lines and charges that wait for the history at most, and that it gets in one transaction. */
const longestQueue = 20_000;
const longestBatch = 500;
const tickMs = 250;
const jobsPerTick = 50;
const pruneEveryMs = 10 * 60_000;
/** A history that could not be written is tried again after this; a batch that fails so often is given up. */
const retryMs = 2_000;
const mostTries = 30;

export class Ledger {
  readonly #o: LedgerOptions;
  readonly #log: Logger;
  readonly #metrics: LedgerMetrics;
  #entries: LedgerEntry[] = [];
  #charges: Charge[] = [];
  #timer: Timer | undefined;
  #prunedAt: number;
  #dropped = 0;
  #failures = 0;
  #closed = false;

  constructor(options: LedgerOptions) {
    this.#o = options;
    this.#log = options.log.child({ part: 'ledger' });
    this.#metrics = createLedgerMetrics(options.registry);
    this.#prunedAt = options.clock.monotonic();
  }

  /** Lines that the history did not get since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  record(job: ComputeJob, note: LedgerNote): void {
    this.#safely(() => {
      const entry = ledgerEntry(job, note);
      this.#metrics.recorded(entry.reason);
      const facts = ledgerReasons[entry.reason];
      if (facts.event) {
        const { type, action } = facts;
        const hopeless = entry.cause !== undefined && hopelessWaits.has(entry.cause);
        const text: EventText = {
          type: entry.reason === 'Waiting' && hopeless ? 'Warning' : type,
          // A user who reads the events wants to know why the job waits, not that it does.
          reason: entry.reason === 'Waiting' ? (entry.cause ?? entry.reason) : entry.reason,
          action,
          message: entry.message,
        };
        this.#o.recorder.event(regardingJob(job), text);
      }
      if (!isAttemptEnd(entry.reason)) {
        this.#push([entry], []);
        return;
      }
      // What an operator before this one did not live to record stands in the status by now.
      const before = notesOf(job).filter(({ attempt, reason }) => attempt === entry.attempt && reason !== entry.reason);
      this.#push([...before.map((each) => ledgerEntry(job, each)), entry], chargeAtEnd(job, entry));
    });
  }

  /** An Event on a machine. Machines have no lines in the ledger: it is about jobs. */
  machine(node: Node, text: EventText): void {
    this.#safely(() => {
      const { name, uid } = node.metadata;
      this.#o.recorder.event({ apiVersion: apiVersionOf(nodes), kind: nodes.kind, name, uid }, text);
    });
  }

  /** The job is gone from the API; what it was charged is remembered. */
  deleted(job: ComputeJob): void {
    const nowMs = this.#o.clock.now();
    const open = openAttempt(job);
    const message = isFinished(job) ? 'the job was deleted after its end' : 'the job was deleted before its end';
    this.record(job, {
      at: microTime(nowMs),
      reason: 'Deleted',
      attempt: open?.number,
      node: open?.node,
      message,
    });
    this.#safely(() => {
      // Its guest went when somebody wanted it to go, however long a finalizer kept the job.
      const untilMs = Math.min(nowMs, Date.parse(job.metadata.deletionTimestamp ?? '') || nowMs);
      const charges = attemptsOf(job).flatMap((attempt) => chargeOf(job, attempt, untilMs) ?? []);
      this.#push([], charges);
    });
  }

  /**
   * Adds to the history, without Events, what the status of these jobs tells of decisions that it does not have: those of an
   * operator that was killed between the two, or of another replica.
   */
  recall(jobs: readonly ComputeJob[]): void {
    const { clock } = this.#o;
    let next = 0;
    const step = (): void => {
      if (this.#closed) return;
      const some = jobs.slice(next, next + jobsPerTick);
      next += some.length;
      this.#safely(() => {
        const entries = some.flatMap((job) => notesOf(job).map((note) => ledgerEntry(job, note)));
        const charges = some.flatMap((job) =>
          attemptsOf(job).flatMap((attempt) => (attempt.ended && chargeOf(job, attempt, 0)) || []),
        );
        this.#o.history.append(entries, charges);
      });
      if (next < jobs.length) clock.setTimeout(step, tickMs);
    };
    step();
  }

  /** What attempts were charged that ended at `sinceMs` or later, also those of jobs that are gone. Nothing when unreadable. */
  charges(sinceMs: number): readonly Charge[] {
    try {
      this.flush();
      return this.#closed ? [] : this.#o.history.charges(sinceMs);
    } catch (error) {
      this.#log.error({ err: error }, 'the history cannot be read; former usage counts as none');
      return [];
    }
  }

  /** Writes what waits, all of it. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#waits()) this.#write(1);
  }

  /** Writes what waits and closes the history; what is recorded later is dropped. */
  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#safely(() => this.#o.history.close());
  }

  #push(entries: readonly LedgerEntry[], charges: readonly Charge[]): void {
    if (this.#closed || this.#entries.length + this.#charges.length >= longestQueue) {
      this.#drop(entries.length + charges.length);
      return;
    }
    this.#entries.push(...entries);
    this.#charges.push(...charges);
    if (this.#waits()) this.#arm();
  }

  #waits(): boolean {
    return this.#entries.length > 0 || this.#charges.length > 0;
  }

  #arm(): void {
    this.#timer ??= this.#o.clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#write(mostTries);
        this.#prune();
        if (this.#waits()) this.#arm();
      },
      this.#failures > 0 ? retryMs : tickMs,
    );
  }

  #write(tries: number): void {
    const entries = this.#entries.slice(0, longestBatch);
    const charges = this.#charges.slice(0, longestBatch);
    try {
      this.#o.history.append(entries, charges);
      if (this.#failures > 0) this.#log.info('the history can be written again');
      this.#failures = 0;
    } catch (error) {
      this.#failures++;
      if (this.#failures === 1) this.#log.error({ err: error }, 'the history cannot be written');
      if (this.#failures < tries) return;
      this.#drop(entries.length + charges.length);
      this.#log.error({ lost: entries.length }, 'lines of the ledger were given up');
    }
    this.#entries.splice(0, entries.length);
    this.#charges.splice(0, charges.length);
  }

  #prune(): void {
    const now = this.#o.clock.monotonic();
    if (now - this.#prunedAt < pruneEveryMs) return;
    this.#safely(() => {
      // One portion per tick, so that nobody waits for it.
      if (!this.#o.history.prune(this.#o.clock.now())) this.#prunedAt = now;
    });
  }

  #drop(count: number): void {
    this.#dropped += count;
    this.#metrics.dropped(count);
  }

  #safely(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#drop(1);
      this.#log.error({ err: error }, 'a line of the ledger was given up');
    }
  }
}

function regardingJob({ metadata: { name, namespace, uid } }: ComputeJob): Regarding {
  return { apiVersion: apiVersionOf(computeJobs), kind: computeJobs.kind, name, namespace, uid };
}

/** The job may be as it was before or after its end was written. */
function chargeAtEnd(job: ComputeJob, { attempt, at, reason }: LedgerEntry): Charge[] {
  const ended: Attempt | undefined = attemptsOf(job).find(({ number }) => number === attempt);
  const charge = ended && chargeOf(job, { ...ended, reason, ended: ended.ended ?? at }, Date.parse(at));
  return charge ? [charge] : [];
}
