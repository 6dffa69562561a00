// Carries out matching: passes over the queue when something changed, and their claims and words to the API server.
// Promises: a claim is written, with the version it was decided on as a precondition, before anything is made for it; a
// machine counts as taken from the decision on; a write that fails is no business of other jobs; nothing is tried in a hot loop.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Namespace } from '../api/kubernetes.ts';
import type { Deps } from '../deps.ts';
import type { Result } from '../kube/controller.ts';
import type { NetworkObstacle } from '../isolation/obstacle.ts';
import { oncePerNamespace } from '../isolation/obstacle.ts';
import { microTime } from '../kube/micro-time.ts';
import { isUnclaimed, openAttempt } from '../model/job.ts';
import type { PlacedGuest } from '../model/pool.ts';
import { sizeOf } from '../queue/floor.ts';
import { Register, type QueueSettings } from '../queue/register.ts';
import { Claims } from './claims.ts';
import { matchJobs, type MatchingSettings, type Pass } from './decide.ts';
import { refusedNote } from './events.ts';
import { createMatchingMetrics, type MatchingMetrics } from './metrics.ts';
import type { Blocked } from './own-wait.ts';
import { Pace } from './pace.ts';
import { readingOf } from './reading.ts';
import { Review } from './review.ts';
import { SecretChecks } from './secret-checks.ts';
import { troubleOf, Troubles } from './trouble.ts';
import { Verdicts } from './verdicts.ts';
import { WordsBoard } from './words-board.ts';
import { WriteGate, type WriteKind } from './write-gate.ts';

export interface MatchingOptions extends MatchingSettings, QueueSettings {
  /** Runners-up of a running job are looked at again this often at most. */
  readonly reviewMs: number;
}

/** Writes under way at the same time. */
const inFlight = 16;
/** After so many half-lives a charge weighs a thousandth. */
const weighingHalfLives = 10;

export class Matching {
  readonly register: Register;
  /** Somebody may be served who could not be before, or has something else to say. */
  readonly news: () => void;
  readonly #deps: Deps;
  readonly #settings: MatchingOptions;
  readonly #onPass: () => void;
  readonly #isSilent: (machine: string) => boolean;
  readonly #obstacleOf: (job: ComputeJob) => NetworkObstacle | undefined;
  readonly #metrics: MatchingMetrics;
  readonly #verdicts = new Verdicts();
  readonly #pace: Pace;
  readonly #words: WordsBoard;
  readonly #troubles = new Troubles();
  readonly #secrets: SecretChecks;
  readonly #gate: WriteGate;
  readonly #claims: Claims;
  readonly #review: Review;
  #pass: Pass | undefined;
  #passNumber = 0;

  /**
   * @param o.wake brings `reconcile` to work
   * @param o.onPass told after each pass, when its claims are on their way
   * @param o.isSilent whether a machine may be lost soon
   * @param o.obstacleOf why a job cannot have its network, by its namespace and the kind of network; `news` is to be called when it may answer otherwise
   */
  constructor(
    deps: Deps,
    settings: MatchingOptions,
    o: {
      readonly wake: () => void;
      readonly onPass: () => void;
      readonly isSilent: (machine: string) => boolean;
      readonly obstacleOf: (job: ComputeJob) => NetworkObstacle | undefined;
    },
  ) {
    const { wake } = o;
    this.#onPass = o.onPass;
    this.#isSilent = o.isSilent;
    this.#obstacleOf = o.obstacleOf;
    this.#deps = deps;
    this.#settings = settings;
    this.register = new Register(settings);
    this.#pace = new Pace(deps, this.register, this.#verdicts);
    this.#metrics = createMatchingMetrics(deps.registry, readingOf(this.register, deps));
    const onNews = (): void => {
      this.#pace.news();
      wake();
    };
    this.news = onNews;
    this.#secrets = new SecretChecks({ client: deps.client, clock: deps.clock, onNews, onAnswer: wake });
    this.#gate = new WriteGate({
      inFlight,
      onError: (key, kind, error) => this.#onError(key, kind, error),
      onDone: (key) => {
        this.#claims.ended(key);
        this.look(key);
        wake();
      },
    });
    deps.world.promises.onWithdrawn(onNews);
    this.#review = new Review(deps, this.#gate, settings);
    const still = (decided: ComputeJob): ComputeJob | undefined => this.#still(decided);
    this.#words = new WordsBoard({
      ...{ deps, still, gate: this.#gate, line: this.register.line, verdicts: this.#verdicts, isSilent: o.isSilent },
      isRefused: (uid) => this.#troubles.untilOf(uid, deps.clock.monotonic()) !== undefined,
      onWritten: (uid) => this.#troubles.succeeded(uid),
    });
    this.#claims = new Claims({
      ...{ deps, still, gate: this.#gate, register: this.register, metrics: this.#metrics },
      onClaimed: (before, stamp) => {
        const uid = before.metadata.uid ?? '';
        this.#troubles.succeeded(uid);
        this.#forget(uid);
        this.#words.sayPublished(before, stamp);
      },
    });
  }

  /** Machines kept for jobs that fit nowhere yet, and who waits, as of the last pass. */
  get pass(): Pass | undefined {
    return this.#pass;
  }

  /** The job of that key changed, or was written by this operator. */
  look(key: string): void {
    // What is assumed of a claim that is on its way holds until the API server has answered.
    if (this.#claims.has(key)) return;
    const { world, clock } = this.#deps;
    const before = this.register.line.get(key);
    const job = world.jobs.get(key);
    this.register.set(key, job, clock.now());
    const waits = job !== undefined && isUnclaimed(job);
    if (before && (!waits || before.uid !== job.metadata.uid)) this.#forget(before.uid);
    if (waits) {
      this.#secrets.watch(job);
      this.#troubles.seen(job.metadata.uid ?? '', job.metadata.resourceVersion ?? '');
    }
    if (job && openAttempt(job)) this.#review.running(key);
    else this.#review.forget(key);
  }

  lookAtNamespace(name: string, namespace: Namespace | undefined): void {
    for (const complaint of this.register.setNamespace(name, namespace)) {
      this.#deps.log.warn({ namespace: name }, complaint);
    }
  }

  /** What was used by jobs that are not in the API any more: as much as still weighs. */
  recallUsage(): void {
    const { world, ledger, clock } = this.#deps;
    const known = new Set(world.jobs.list().map(({ metadata }) => metadata.uid));
    for (const charge of ledger.charges(clock.now() - weighingHalfLives * this.#settings.halfLifeMs)) {
      if (!known.has(charge.uid)) this.register.usage.remember(charge);
    }
  }

  /** Ends in good order: what is under way comes to its end, and nothing further is sent. */
  close(): Promise<void> {
    return this.#gate.close();
  }

  readonly reconcile = async (): Promise<Result> => {
    const { clock } = this.#deps;
    const startMs = clock.monotonic();
    const quietUntilMs = this.#troubles.serverUntil(startMs) ?? this.#pace.restUntilMs;
    if (quietUntilMs > startMs) return { requeueAfterMs: quietUntilMs - startMs };
    const secretsMs = this.#secrets.ask();
    if (this.#pace.isDue) {
      this.#decide(startMs);
      this.#metrics.passed(clock.monotonic() - startMs);
    }
    const noticesMs = this.#pass && this.#words.tell(this.#pass, this.#passNumber);
    const soonest = Math.min(secretsMs ?? Infinity, noticesMs ?? Infinity, this.#pace.dueInMs);
    return soonest === Infinity ? undefined : { requeueAfterMs: soonest };
  };

  #decide(startMs: number): void {
    const { world, clock } = this.#deps;
    const nowMs = clock.now();
    const pool = world.pool();
    this.#pace.begins();
    const pass = matchJobs({
      pool,
      verdicts: this.#verdicts,
      line: this.register.line,
      shares: {
        usageOf: (namespace) => this.register.usage.of(namespace, nowMs),
        weightOf: (namespace) => this.register.policyOf(namespace).weight,
        pool: sizeOf(pool),
        aheadMs: this.#settings.aheadMs,
      },
      losses: this.register.losses,
      blocked: this.#blocked(nowMs),
      isSilent: this.#isSilent,
      promised: world.promises.open(pool, nowMs),
      endOf: this.endOf,
      nowMs,
      settings: this.#settings,
    });
    this.#pass = pass;
    this.#passNumber += 1;
    pass.claims.forEach((claim, index) => this.#claims.send(claim, microTime(nowMs + index / 1000)));
    this.#pace.ended(pass, { pool, startMs });
    this.#review.look(pool, this.#verdicts);
    this.#onPass();
  }

  /** The latest end of a guest. */
  readonly endOf = ({ endsAtMs }: PlacedGuest): number | undefined => endsAtMs;

  #blocked(nowMs: number): Map<string, Blocked> {
    const blocked = this.#secrets.blocked();
    const obstacleOf = oncePerNamespace(this.#obstacleOf);
    for (const { uid, job } of this.register.line.values()) {
      const obstacle = obstacleOf(job);
      if (obstacle && blocked.get(uid)?.kind !== 'missing') blocked.set(uid, obstacle);
    }
    const monotonic = this.#deps.clock.monotonic();
    for (const [uid, untilMs] of this.#troubles.resting(monotonic)) {
      blocked.set(uid, { kind: 'busy', untilMs: nowMs + untilMs - monotonic });
    }
    return blocked;
  }

  /** The job as it is now, if it still is what was decided on. */
  #still(decided: ComputeJob): ComputeJob | undefined {
    const job = this.#deps.world.jobs.get(`${decided.metadata.namespace}/${decided.metadata.name}`);
    const same = job?.metadata.uid === decided.metadata.uid && job?.metadata.generation === decided.metadata.generation;
    return job && same && isUnclaimed(job) ? job : undefined;
  }

  #onError(key: string, kind: WriteKind, error: unknown): void {
    const { world, clock, log, ledger } = this.#deps;
    const job = world.jobs.get(key);
    const uid = job?.metadata.uid ?? '';
    const trouble = troubleOf(error);
    const version = job?.metadata.resourceVersion ?? '';
    const failures = this.#troubles.failed(uid, error, clock.monotonic(), version, kind);
    this.#metrics.writeFailed(trouble);
    this.#pace.news();
    if (trouble === 'changed') log.debug({ job: key, kind, failures }, 'the job changed meanwhile');
    else log.error({ job: key, kind, failures, err: error }, 'a write failed, and will be tried again');
    if (trouble !== 'refused' || failures > 1 || !job) return;
    const why = error instanceof Error ? error.message : String(error);
    ledger.record(job, refusedNote(microTime(clock.now()), `what the operator writes of this job is refused: ${why}`));
  }

  #forget(uid: string): void {
    this.#words.forget(uid);
    this.#secrets.forget(uid);
    this.#troubles.forget(uid);
  }
}
