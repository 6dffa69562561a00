// Tells waiting jobs why they wait: in their status, as a condition, and as an event when the reason is another one.
// Promises: nothing is written that says what the job says already; how often is for notices.ts to know; the publication of a
// new job is written together with its first words.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Deps } from '../deps.ts';
import { microTime } from '../kube/micro-time.ts';
import type { Machine } from '../model/machine.ts';
import { estimateStarts } from '../queue/estimate.ts';
import type { Line } from '../queue/order.ts';
import type { Waiter } from '../queue/waiter.ts';
import type { Pass, Wait } from './decide.ts';
import { publishedNote, waitingNote } from './events.ts';
import { explainWait } from './explain-wait.ts';
import { isNews, Notices, type Said } from './notices.ts';
import { waitingStatus, type Stamp } from './statuses.ts';
import type { Requirement } from './subscribe.ts';
import type { RequirementClass, Verdicts } from './verdicts.ts';
import type { WriteGate } from './write-gate.ts';
import type { Explanation } from './words.ts';

/** Jobs at the front of the line whose start is estimated, and how often. */
const estimated = 20;
const estimateEveryMs = 15_000;
/** One that has just come to the front is not told without an estimate, if that was not made a moment ago. */
const newcomerMs = 1_000;
/** To a job that was told of no time, one that is so near is not worth a write: its start is the news. */
const anyMomentMs = 30_000;

export interface WordsBoardOptions {
  readonly deps: Deps;
  readonly line: Line<Waiter>;
  /** As the last pass left them. */
  readonly verdicts: Verdicts;
  readonly gate: WriteGate;
  readonly isSilent: (machine: string) => boolean;
  /** By uid of a job: the server has just refused what was said of it. */
  readonly isRefused: (uid: string) => boolean;
  /** The job as it is now, if it still is what was decided on. */
  readonly still: (decided: ComputeJob) => ComputeJob | undefined;
  readonly onWritten: (uid: string) => void;
}

export class WordsBoard {
  readonly #o: WordsBoardOptions;
  readonly #notices = new Notices();
  #starts:
    | { readonly atMs: number; readonly front: ReadonlySet<string>; readonly byKey: ReadonlyMap<string, number> }
    | undefined;

  constructor(options: WordsBoardOptions) {
    this.#o = options;
  }

  /** @returns when to come again, in ms; undefined when there is nothing to tell before the next pass. */
  tell(pass: Pass, number: number): number | undefined {
    const { line, deps } = this.#o;
    const jobOf = ({ waiter: { key, uid } }: Wait): ComputeJob | undefined => {
      const now = line.get(key);
      return now?.uid === uid ? now.job : undefined;
    };
    const nowMs = deps.clock.monotonic();
    return this.#notices.tell(pass.waits, number, nowMs, jobOf, (wait, job, said) => this.#say(pass, wait, job, said));
  }

  forget(uid: string): void {
    this.#notices.forget(uid);
  }

  sayPublished(job: ComputeJob, { id, at }: Stamp): void {
    if (job.status?.publication === undefined) this.#o.deps.ledger.record(job, publishedNote(at, id));
  }

  /** @returns whether the words are written. */
  #say(pass: Pass, wait: Wait, job: ComputeJob, said: Said): boolean {
    const { gate, verdicts, isRefused } = this.#o;
    const { clock, newId } = this.#o.deps;
    const { key, uid } = wait.waiter;
    if (gate.has(key)) return true;
    if (isRefused(uid)) return false;
    const nowMs = clock.now();
    const known = wait.own || wait.position > estimated ? undefined : this.#expected(pass, key).get(key);
    const before = job.status?.waiting;
    const anyMoment = before !== undefined && before.estimate === undefined && known !== undefined;
    const expectedMs = anyMoment && known - nowMs < anyMomentMs ? undefined : known;
    const words = explainWait(wait, { verdicts, nowMs, isSilent: this.#o.isSilent, expectedMs });
    if (!isNews(job, words, said)) return false;
    const stamp: Stamp = { id: newId().slice(0, 8), at: microTime(clock.now()) };
    gate.put(key, 'words', () => this.#write(job, words, stamp));
    return true;
  }

  async #write(decided: ComputeJob, words: Explanation, stamp: Stamp): Promise<void> {
    const { still, onWritten } = this.#o;
    const { writer, ledger, log } = this.#o.deps;
    const job = still(decided);
    if (!job) return;
    const { reason, message } = words;
    await writer.status(job, waitingStatus(job, words, stamp));
    onWritten(job.metadata.uid ?? '');
    this.sayPublished(job, stamp);
    if (job.status?.waiting !== undefined && job.status.reason === reason) return;
    log.info({ job: `${job.metadata.namespace}/${job.metadata.name}`, reason, message }, 'waits');
    ledger.record(job, waitingNote(stamp.at, reason, message));
  }

  /** By key: when the first in line will start, as far as that can be told. */
  #expected({ waits, floor }: Pass, key: string): ReadonlyMap<string, number> {
    const { verdicts } = this.#o;
    const { clock } = this.#o.deps;
    const monotonic = clock.monotonic();
    const known = this.#starts;
    const goodMs = known?.front.has(key) ? estimateEveryMs : newcomerMs;
    if (known && known.atMs + goodMs > monotonic) return known.byKey;
    const candidates = new Map<RequirementClass, Machine[]>();
    const could = (requirement: Requirement): Machine[] => {
      const kind = verdicts.classOf(requirement);
      let found = candidates.get(kind);
      if (!found) candidates.set(kind, (found = [...verdicts.fittingWhenEmpty(kind)]));
      return found;
    };
    const front = waits.slice(0, estimated).filter(({ own }) => !own);
    const line = front.map(({ waiter: { key, requirement, walltimeMs } }) => ({
      key,
      needs: requirement.needs,
      walltimeMs,
      candidates: () => could(requirement),
    }));
    const byKey = estimateStarts(line, floor, clock.now());
    this.#starts = { atMs: monotonic, front: new Set(line.map((job) => job.key)), byKey };
    return byKey;
  }
}
