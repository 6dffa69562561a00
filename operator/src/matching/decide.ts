// Which waiting job gets which machine, and which machines are kept for those that fit nowhere yet.
// Promises: pure (the caches that are handed in answer what their definitions say); jobs are served in the order of the queue;
// a machine is given away as often as it has room; a later job never delays one that a machine is kept for, as far as
// walltimes tell. Costs a few lookups per waiting job: once a kind of job fits nowhere, the next of its kind is not tried.

import { minus, nothing } from '../model/capacity.ts';
import type { PlacedGuest, Pool } from '../model/pool.ts';
import { Floor } from '../queue/floor.ts';
import { Keeping } from '../queue/keeping.ts';
import { queueOrder, type Line, type Shares } from '../queue/order.ts';
import type { Reservation } from '../queue/reservation.ts';
import type { Losses } from '../queue/restarts.ts';
import type { RetrySettings, Waiter } from '../queue/waiter.ts';
import type { Promised } from '../world/promises.ts';
import { Candidates } from './candidates.ts';
import { claimOf, type Claim } from './claim.ts';
import { ownWaitOf, type Blocked, type OwnWait } from './own-wait.ts';
import { lostByRoom, type Ranked, type ScoreContext } from './score.ts';
import type { RequirementClass, Verdicts } from './verdicts.ts';

export interface MatchingSettings extends RetrySettings {
  readonly runnersUp: number;
  /** Machines kept for jobs that fit nowhere yet: at most this many, and never more than half of the pool. */
  readonly reservations: number;
  /** Nobody waits for the end of a long pass: it is cut after this many, and goes on after a breath. */
  readonly claimsPerPass: number;
}

export interface MatchingInput {
  readonly pool: Pool;
  readonly verdicts: Verdicts;
  readonly line: Line<Waiter>;
  readonly shares: Shares;
  readonly losses: Losses;
  /** By job uid. */
  readonly blocked: ReadonlyMap<string, Blocked>;
  /** What was given away and is not in the pool yet, this operator's claims among it. */
  readonly promised: readonly Promised[];
  /** The latest end of a guest, ms since the epoch; undefined when nobody knows. */
  readonly endOf: (guest: PlacedGuest) => number | undefined;
  /** The machine has not been heard for a while, and may be lost soon. */
  readonly isSilent: (machine: string) => boolean;
  readonly nowMs: number;
  readonly settings: MatchingSettings;
}

export interface Wait {
  readonly waiter: Waiter;
  /** Place among those that wait for a machine alone and could have one, from 1; for any other that of the next of them. */
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
  /** No machine could ever do it. */
  readonly hopeless: boolean;
}

/** How soon a machine is asked about again that had fallen silent. */
const silentAgainMs = 1_000;

export function matchJobs(input: MatchingInput): Pass {
  return new Matcher(input).pass();
}

class Matcher {
  readonly #in: MatchingInput;
  readonly #floor: Floor;
  readonly #keeping: Keeping;
  readonly #context: ScoreContext;
  readonly #kinds = new Map<RequirementClass, Kind>();
  /** By job: room that is kept for it while others decide. */
  readonly #promised = new Map<string, Promised>();
  #wakeAtMs = Infinity;

  constructor(input: MatchingInput) {
    this.#in = input;
    const { pool, verdicts, nowMs, settings } = input;
    verdicts.sync(pool);
    this.#floor = new Floor(pool, input.endOf);
    this.#keeping = new Keeping(pool, this.#floor, settings.reservations);
    this.#context = { nowMs, losses: lostByRoom(pool.machines) };
    for (const promised of input.promised) {
      verdicts.take(promised.to, promised.needs);
      this.#floor.put(promised.to, promised);
      this.#promised.set(promised.job, promised);
      this.#wake(promised.untilMs);
    }
    this.#wake(pool.changesAtMs);
  }

  pass(): Pass {
    const { line, shares, blocked, losses, nowMs } = this.#in;
    const claims: Claim[] = [];
    const waits: Wait[] = [];
    let position = 1;
    const owns = new Map<string, OwnWait>();
    const counts = (waiter: Waiter): boolean => {
      const own = ownWaitOf(waiter, blocked.get(waiter.uid), losses, nowMs);
      if (own) owns.set(waiter.key, own);
      return own === undefined;
    };
    for (const waiter of queueOrder(line, shares, counts)) {
      const own = owns.get(waiter.key);
      const kind = own ? undefined : this.#kindOf(waiter);
      const claim = kind && this.#place(waiter, kind);
      if (claim) {
        claims.push(claim);
        if (claims.length >= this.#in.settings.claimsPerPass) return this.#ended(claims, [], true);
        continue;
      }
      this.#wake(own?.untilMs);
      waits.push({ waiter, position, own });
      // What blocks a job, or its kind for ever, takes nobody's place.
      if (kind && !kind.hopeless) position += 1;
    }
    return this.#ended(claims, waits, false);
  }

  #ended(claims: readonly Claim[], waits: readonly Wait[], cut: boolean): Pass {
    const wakeAtMs = this.#wakeAtMs === Infinity ? undefined : this.#wakeAtMs;
    const kinds = [...this.#kinds.keys()];
    return { claims, waits, kinds, cut, reservations: this.#keeping.reservations, floor: this.#floor, wakeAtMs };
  }

  #place(waiter: Waiter, kind: Kind): Claim | undefined {
    const { nowMs, verdicts, settings } = this.#in;
    const endsAtMs = waiter.longestMs === undefined ? Infinity : nowMs + waiter.longestMs;
    const promised = this.#lift(waiter);
    const closed = kind.closedFromMs !== undefined && endsAtMs >= kind.closedFromMs;
    if (closed && promised === undefined) return undefined;
    const held = waiter.held.filter(({ untilMs }) => untilMs > nowMs);
    for (const { untilMs } of held) this.#wake(untilMs);
    if (verdicts.fittingCount(kind.of) > 0) {
      const guest = { needs: waiter.requirement.needs, endsAtMs };
      const allowed = (machine: string): boolean =>
        !held.some(({ node }) => node === machine) &&
        (machine === promised || this.#keeping.allows(machine, guest)) &&
        !this.#isSilent(machine);
      const formers = this.#formers(waiter, kind, promised).filter(({ machine }) => allowed(machine.name));
      const others = this.#candidates(waiter, kind).best(settings.runnersUp + 1, allowed);
      const best = [...formers, ...others.filter(({ machine }) => !formers.some((each) => each.machine === machine))];
      const first = best[0];
      if (first) {
        const kept = best.slice(0, settings.runnersUp + 1);
        const claim = claimOf(waiter, kept, verdicts.fittingCount(kind.of));
        this.#put(waiter, first.machine.name);
        return claim;
      }
    } else {
      kind.closedFromMs = 0;
    }
    if (held.length === 0) kind.closedFromMs = Math.min(kind.closedFromMs ?? Infinity, endsAtMs);
    if (!kind.reserved && !this.#keeping.isFull) {
      kind.reserved = true;
      this.#keeping.keep(waiter, verdicts.fittingWhenEmpty(kind.of), held, nowMs);
    }
    return undefined;
  }

  #isSilent(machine: string): boolean {
    if (!this.#in.isSilent(machine)) return false;
    // No event tells that it is heard again.
    this.#wake(this.#in.nowMs + silentAgainMs);
    return true;
  }

  /** What was promised to the job itself is its own to take. @returns the machine. */
  #lift({ key }: Waiter): string | undefined {
    const promised = this.#promised.get(key);
    if (!promised) return undefined;
    this.#promised.delete(key);
    this.#in.verdicts.take(promised.to, minus(nothing, promised.needs));
    this.#floor.lift(promised.to, promised);
    return promised.to;
  }

  #kindOf({ requirement }: Waiter): Kind {
    const of = this.#in.verdicts.classOf(requirement);
    let kind = this.#kinds.get(of);
    if (!kind) {
      const hopeless = this.#in.verdicts.isHopeless(of);
      kind = { of, byImage: new Map(), closedFromMs: undefined, reserved: false, hopeless };
      this.#kinds.set(of, kind);
    }
    return kind;
  }

  #candidates({ requirement: { image } }: Waiter, { of, byImage }: Kind): Candidates {
    let candidates = byImage.get(image);
    if (!candidates) byImage.set(image, (candidates = new Candidates(this.#in.verdicts, of, image, this.#context)));
    return candidates;
  }

  /** What it was promised, then the runners-up of its last attempt, as far as they still fit. */
  #formers({ preferred, requirement }: Waiter, { of }: Kind, promised: string | undefined): Ranked[] {
    const names = promised === undefined ? preferred : [promised, ...preferred.filter((name) => name !== promised)];
    return names.flatMap((name): Ranked[] => {
      const machine = this.#in.verdicts.fits(of, name) ? this.#in.pool.machine(name) : undefined;
      return machine ? [this.#rankedNow(machine, requirement.image)] : [];
    });
  }

  #rankedNow(machine: Ranked['machine'], image: string): Ranked {
    return Candidates.rankedNow(this.#in.verdicts, machine, image, this.#context);
  }

  #put({ requirement: { needs }, longestMs }: Waiter, node: string): void {
    const guest = { needs, endsAtMs: longestMs === undefined ? undefined : this.#in.nowMs + longestMs };
    this.#in.verdicts.take(node, needs);
    this.#floor.put(node, guest);
    this.#keeping.gave(node, guest);
  }

  #wake(atMs: number | undefined): void {
    if (atMs !== undefined && atMs > this.#in.nowMs && atMs < this.#wakeAtMs) this.#wakeAtMs = atMs;
  }
}
