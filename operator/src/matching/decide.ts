// Which waiting job gets which machine, and which machines are kept for those that fit nowhere yet.
// Promises: pure (the caches that are handed in answer what their definitions say); jobs are served in the order of the queue;
// a machine is given away as often as it has room; a later job never delays one that a machine is kept for, as far as
// walltimes tell. Costs a few lookups per waiting job: once a kind of job fits nowhere, the next of its kind is not tried.

import { attemptsOf, type Subscriber } from '../model/job.ts';
import type { PlacedGuest, Pool } from '../model/pool.ts';
import { Floor } from '../queue/floor.ts';
import { queueOrder, type Line, type Shares } from '../queue/order.ts';
import { backfill, reservationFor, withBeside, type Reservation } from '../queue/reservation.ts';
import type { Losses } from '../queue/restarts.ts';
import type { RetrySettings, Waiter } from '../queue/waiter.ts';
import { Candidates } from './candidates.ts';
import { ownWaitOf, type Blocked, type OwnWait } from './own-wait.ts';
import { lostByRoom, type Ranked, type ScoreContext } from './score.ts';
import { obstacleOf } from './subscribe.ts';
import type { RequirementClass, Verdicts } from './verdicts.ts';

export interface MatchingSettings extends RetrySettings {
  readonly runnersUp: number;
  /** Machines kept for jobs that fit nowhere yet: at most this many, and never more than half of the pool. */
  readonly reservations: number;
  /** Nobody waits for the end of a long pass: it is cut after this many, and goes on after a breath. */
  readonly claimsPerPass: number;
}

/** A claim that is on its way to the API server: the pool does not have it yet. */
export interface Assumed {
  readonly key: string;
  readonly node: string;
  readonly waiter: Waiter;
}

export interface MatchingInput {
  readonly pool: Pool;
  readonly verdicts: Verdicts;
  readonly line: Line<Waiter>;
  readonly shares: Shares;
  readonly losses: Losses;
  /** By job uid. */
  readonly blocked: ReadonlyMap<string, Blocked>;
  readonly assumed: Iterable<Assumed>;
  /** The latest end of a guest, ms since the epoch; undefined when nobody knows. */
  readonly endOf: (guest: PlacedGuest) => number | undefined;
  readonly nowMs: number;
  readonly settings: MatchingSettings;
}

export interface Claim {
  readonly waiter: Waiter;
  readonly node: string;
  readonly room?: string | undefined;
  /** The winner, then the runners-up. */
  readonly subscribers: readonly Subscriber[];
  readonly reason: 'FirstReady' | 'RunnerUp';
  readonly message: string;
}

export interface Wait {
  readonly waiter: Waiter;
  /** Place in line, from 1. */
  readonly position: number;
  /** What it waits for besides a machine; undefined when it waits for a machine alone. */
  readonly own?: OwnWait | undefined;
}

export interface Pass {
  readonly claims: readonly Claim[];
  /** In the order of the line. */
  readonly waits: readonly Wait[];
  /** By job key. */
  readonly reservations: ReadonlyMap<string, Reservation>;
  readonly floor: Floor;
  /** Every kind of requirement that was asked for. While none of them fits anywhere, another pass has nothing to give. */
  readonly kinds: readonly RequirementClass[];
  /** It gave away as many machines as one pass may; `waits` is empty, and another pass has to follow. */
  readonly cut: boolean;
  /** When another pass may come to another answer although nothing changed, ms since the epoch. */
  readonly wakeAtMs?: number | undefined;
}

/** One kind of requirement during one pass. */
interface Kind {
  readonly of: RequirementClass;
  readonly byImage: Map<string, Candidates>;
  /** Jobs that may last until then or longer fit nowhere any more; a pass only fills machines. Undefined: still open. */
  closedFromMs: number | undefined;
  reserved: boolean;
}

export function matchJobs(input: MatchingInput): Pass {
  return new Matcher(input).pass();
}

class Matcher {
  readonly #in: MatchingInput;
  readonly #floor: Floor;
  readonly #context: ScoreContext;
  readonly #kinds = new Map<RequirementClass, Kind>();
  /** By machine: for which job it is kept. */
  readonly #kept = new Map<string, Reservation>();
  readonly #reservations = new Map<string, Reservation>();
  #wakeAtMs = Infinity;

  constructor(input: MatchingInput) {
    this.#in = input;
    const { pool, verdicts, nowMs } = input;
    verdicts.sync(pool);
    this.#floor = new Floor(pool, input.endOf);
    this.#context = { nowMs, losses: lostByRoom(pool.machines) };
    for (const { node, waiter } of input.assumed) this.#put(waiter, node);
    this.#wake(pool.changesAtMs);
  }

  pass(): Pass {
    const { line, shares, blocked, losses, nowMs } = this.#in;
    const claims: Claim[] = [];
    const waits: Wait[] = [];
    const owns = new Map<string, OwnWait>();
    const counts = (waiter: Waiter): boolean => {
      const own = ownWaitOf(waiter, blocked.get(waiter.uid), losses, nowMs);
      if (own) owns.set(waiter.key, own);
      return own === undefined;
    };
    for (const waiter of queueOrder(line, shares, counts)) {
      const own = owns.get(waiter.key);
      const claim = own ? undefined : this.#place(waiter);
      if (claim) {
        claims.push(claim);
        if (claims.length >= this.#in.settings.claimsPerPass) return this.#ended(claims, [], true);
        continue;
      }
      this.#wake(own?.untilMs);
      waits.push({ waiter, position: waits.length + 1, own });
    }
    return this.#ended(claims, waits, false);
  }

  #ended(claims: readonly Claim[], waits: readonly Wait[], cut: boolean): Pass {
    const wakeAtMs = this.#wakeAtMs === Infinity ? undefined : this.#wakeAtMs;
    const kinds = [...this.#kinds.keys()];
    return { claims, waits, kinds, cut, reservations: this.#reservations, floor: this.#floor, wakeAtMs };
  }

  #place(waiter: Waiter): Claim | undefined {
    const kind = this.#kindOf(waiter);
    const { nowMs, verdicts, settings } = this.#in;
    const endsAtMs = waiter.longestMs === undefined ? Infinity : nowMs + waiter.longestMs;
    if (kind.closedFromMs !== undefined && endsAtMs >= kind.closedFromMs) return undefined;
    const held = waiter.held.filter(({ untilMs }) => untilMs > nowMs);
    for (const { untilMs } of held) this.#wake(untilMs);
    if (verdicts.fittingCount(kind.of) > 0) {
      const allowed = (machine: string): boolean =>
        !held.some(({ node }) => node === machine) && this.#allows(machine, waiter, endsAtMs);
      const formers = this.#formers(waiter, kind).filter(({ machine }) => allowed(machine.name));
      const others = this.#candidates(waiter, kind).best(settings.runnersUp + 1, allowed);
      const best = [...formers, ...others.filter(({ machine }) => !formers.some((each) => each.machine === machine))];
      const first = best[0];
      if (first) {
        const claim = this.#claimOf(waiter, best, formers.length > 0, verdicts.fittingCount(kind.of));
        this.#put(waiter, first.machine.name);
        return claim;
      }
    } else {
      kind.closedFromMs = 0;
    }
    if (held.length === 0) kind.closedFromMs = Math.min(kind.closedFromMs ?? Infinity, endsAtMs);
    this.#reserve(waiter, kind, held);
    return undefined;
  }

  #kindOf({ requirement }: Waiter): Kind {
    const of = this.#in.verdicts.classOf(requirement);
    let kind = this.#kinds.get(of);
    if (!kind) this.#kinds.set(of, (kind = { of, byImage: new Map(), closedFromMs: undefined, reserved: false }));
    return kind;
  }

  #candidates({ requirement: { image } }: Waiter, { of, byImage }: Kind): Candidates {
    let candidates = byImage.get(image);
    if (!candidates) byImage.set(image, (candidates = new Candidates(this.#in.verdicts, of, image, this.#context)));
    return candidates;
  }

  /** Runners-up of the last attempt that still fit, in their order. */
  #formers({ preferred, requirement }: Waiter, { of }: Kind): Ranked[] {
    return preferred.flatMap((name): Ranked[] => {
      const machine = this.#in.verdicts.fits(of, name) ? this.#in.pool.machine(name) : undefined;
      return machine ? [this.#rankedNow(machine, requirement.image)] : [];
    });
  }

  #rankedNow(machine: Ranked['machine'], image: string): Ranked {
    return Candidates.rankedNow(this.#in.verdicts, machine, image, this.#context);
  }

  #allows(machine: string, waiter: Waiter, endsAtMs: number): boolean {
    const reservation = this.#kept.get(machine);
    return !reservation || backfill(reservation, { needs: waiter.requirement.needs, endsAtMs }) !== undefined;
  }

  #put({ requirement: { needs }, longestMs }: Waiter, node: string): void {
    const endsAtMs = longestMs === undefined ? undefined : this.#in.nowMs + longestMs;
    this.#in.verdicts.take(node, needs);
    this.#floor.put(node, { needs, endsAtMs });
    const reservation = this.#kept.get(node);
    if (reservation && backfill(reservation, { needs, endsAtMs }) === 'beside') {
      this.#kept.set(node, withBeside(reservation, needs));
    }
  }

  /** The first of each kind that fits nowhere has a machine kept for it, unless none could ever take it. */
  #reserve(waiter: Waiter, kind: Kind, held: Waiter['held']): void {
    if (kind.reserved) return;
    const { pool, settings, nowMs } = this.#in;
    if (this.#kept.size >= Math.min(settings.reservations, Math.ceil(pool.machines.length / 2))) return;
    kind.reserved = true;
    const could = pool.machines.filter(
      (machine) =>
        !this.#kept.has(machine.name) &&
        !held.some(({ node }) => node === machine.name) &&
        obstacleOf(machine, machine.offer, waiter.requirement, pool.cpuModels) === undefined,
    );
    const reservation = reservationFor(waiter.requirement.needs, could, this.#floor, nowMs);
    if (!reservation) return;
    this.#kept.set(reservation.machine, reservation);
    this.#reservations.set(waiter.key, reservation);
  }

  #claimOf(waiter: Waiter, best: readonly Ranked[], isFailover: boolean, fitting: number): Claim {
    const winner = best[0]?.machine;
    const node = winner?.name ?? '';
    const many = fitting === 1 ? 'the only ready machine' : `the first of ${fitting} ready machines`;
    return {
      waiter,
      node,
      room: winner?.room,
      subscribers: best.slice(0, this.#in.settings.runnersUp + 1).map(subscriberOf),
      reason: isFailover ? 'RunnerUp' : 'FirstReady',
      message: isFailover
        ? `${node} was a runner-up of attempt ${attemptsOf(waiter.job).length}`
        : `${node} was ${many}`,
    };
  }

  #wake(atMs: number | undefined): void {
    if (atMs !== undefined && atMs > this.#in.nowMs && atMs < this.#wakeAtMs) this.#wakeAtMs = atMs;
  }
}

export function subscriberOf({ machine, score, parts }: Ranked): Subscriber {
  return { node: machine.name, ...(machine.since === undefined ? {} : { readySince: machine.since }), score, parts };
}
