// What goes wrong with machines and when: single power cuts, rooms without power or network, drains, machines that flap.
// Promises: seeded, and planned as a whole beforehand; overlapping troubles of one machine end when the last of them ends.

import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { SimulatedKubeVirt } from '../kubevirt/simulated-kubevirt.ts';
import { dayMs, hourMs } from '../owners/visit.ts';
import type { Random } from '../world/random.ts';
import type { FleetMachine } from './fleet.ts';

export interface TroubleRates {
  /** Per machine and day. */
  readonly powerCuts: number;
  readonly cablesOut: number;
  readonly drains: number;
  /** Per room and day; half of them a fuse (no power), half a switch (no network). */
  readonly rooms: number;
  /** Episodes of an unreliable machine per day. */
  readonly flaps: number;
}

export const usualTrouble: TroubleRates = { powerCuts: 0.03, cablesOut: 0.02, drains: 0.02, rooms: 0.06, flaps: 0.5 };
export const muchTrouble: TroubleRates = { powerCuts: 0.6, cablesOut: 0.5, drains: 0.6, rooms: 1, flaps: 2 };
export const noTrouble: TroubleRates = { powerCuts: 0, cablesOut: 0, drains: 0, rooms: 0, flaps: 0 };

export interface Trouble {
  readonly atMs: number;
  readonly lastsMs: number;
  readonly kind: 'power' | 'network' | 'drain';
  readonly machines: readonly string[];
  readonly cause: 'machine' | 'fuse' | 'switch' | 'flapping' | 'maintenance';
}

const minute = 60_000;

export function planTrouble(
  random: Random,
  fleet: readonly FleetMachine[],
  days: number,
  rates: TroubleRates,
): Trouble[] {
  const plan: Trouble[] = [];
  const often = (name: string, perDay: number, make: (own: Random, atMs: number) => Trouble[]): void => {
    if (perDay <= 0) return;
    const own = random.fork(name);
    for (let at = own.exponential(dayMs / perDay); at < days * dayMs; at += own.exponential(dayMs / perDay)) {
      plan.push(...make(own, Math.round(at)));
    }
  };
  for (const { name, flaps } of fleet) {
    const machines = [name];
    often(`power/${name}`, rates.powerCuts, (own, atMs) => [
      { atMs, lastsMs: own.logNormal(20 * minute, 1.5), kind: 'power', machines, cause: 'machine' },
    ]);
    often(`cable/${name}`, rates.cablesOut, (own, atMs) => [
      // Many are over before anybody draws a conclusion from them.
      { atMs, lastsMs: own.logNormal(40_000, 1.6), kind: 'network', machines, cause: 'machine' },
    ]);
    often(`drain/${name}`, rates.drains, (own, atMs) => [
      { atMs, lastsMs: own.logNormal(30 * minute, 0.8), kind: 'drain', machines, cause: 'maintenance' },
    ]);
    if (flaps) often(`flap/${name}`, rates.flaps, flapping(machines));
  }
  for (const room of new Set(fleet.map((machine) => machine.room))) {
    const machines = fleet.filter((machine) => machine.room === room).map(({ name }) => name);
    often(`room/${room}`, rates.rooms, (own, atMs) => {
      const fuse = own.chance(0.5);
      const lastsMs = own.logNormal(fuse ? 25 * minute : 4 * minute, 1.2);
      return [{ atMs, lastsMs, machines, ...(fuse ? fuseOut : switchOut) }];
    });
  }
  return plan.sort((a, b) => a.atMs - b.atMs);
}

const fuseOut = { kind: 'power', cause: 'fuse' } as const;
const switchOut = { kind: 'network', cause: 'switch' } as const;

function flapping(machines: readonly string[]) {
  return (own: Random, atMs: number): Trouble[] => {
    const turns = own.whole(3, 8);
    let at = atMs;
    return Array.from({ length: turns }, () => {
      const lastsMs = own.between(20_000, 4 * minute);
      const trouble: Trouble = { atMs: at, lastsMs, kind: 'power', machines, cause: 'flapping' };
      at += lastsMs + own.between(minute, 15 * minute);
      return trouble;
    });
  };
}

const drainRoundMs = 5_000;
const drainPatienceMs = hourMs / 2;

/** Carries the plan out. */
export class TroubleMaker {
  readonly #kubeVirt: SimulatedKubeVirt;
  readonly #clock: Clock;
  readonly #counts = new Map<string, number>();

  constructor(kubeVirt: SimulatedKubeVirt, clock: Clock) {
    this.#kubeVirt = kubeVirt;
    this.#clock = clock;
  }

  start(plan: readonly Trouble[]): void {
    this.#next(plan, 0, this.#clock.monotonic());
  }

  /** One timer for the whole plan. */
  #next(plan: readonly Trouble[], index: number, beginMs: number): void {
    const trouble = plan[index];
    if (!trouble) return;
    const wait = beginMs + trouble.atMs - this.#clock.monotonic();
    this.#clock.setTimeout(
      () => {
        for (const machine of trouble.machines) this.#happen(trouble, machine);
        this.#next(plan, index + 1, beginMs);
      },
      Math.max(0, wait),
    );
  }

  #happen({ kind, lastsMs }: Trouble, machine: string): void {
    switch (kind) {
      case 'power':
        this.#during(`off/${machine}`, lastsMs, {
          begin: () => this.#kubeVirt.powerOff(machine),
          end: () => this.#kubeVirt.powerOn(machine),
        });
        return;
      case 'network':
        this.#during(`cut/${machine}`, lastsMs, {
          begin: () => this.#kubeVirt.cut(machine),
          end: () => this.#kubeVirt.link(machine),
        });
        return;
      case 'drain':
        this.#drain(machine, lastsMs);
    }
  }

  #during(key: string, ms: number, o: { begin: () => void; end: () => void }): void {
    const before = this.#counts.get(key) ?? 0;
    this.#counts.set(key, before + 1);
    if (before === 0) o.begin();
    this.#clock.setTimeout(() => {
      const left = (this.#counts.get(key) ?? 1) - 1;
      if (left > 0) this.#counts.set(key, left);
      else {
        this.#counts.delete(key);
        o.end();
      }
    }, ms);
  }

  /** As an admin with `kubectl drain --timeout`: evicts again and again until nothing is left, works, and uncordons. */
  #drain(machine: string, worksMs: number): void {
    const key = `drain/${machine}`;
    const until = this.#clock.monotonic() + drainPatienceMs;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    if (this.#counts.get(key) === 1) this.#kubeVirt.cordon(machine);
    const done = (): void => {
      const left = (this.#counts.get(key) ?? 1) - 1;
      this.#counts.set(key, left);
      if (left === 0) {
        this.#counts.delete(key);
        this.#kubeVirt.uncordon(machine);
      }
    };
    const round = (): void => {
      if (this.#kubeVirt.evict(machine) === 0) this.#clock.setTimeout(done, worksMs);
      else if (this.#clock.monotonic() > until) done();
      else this.#clock.setTimeout(round, drainRoundMs);
    };
    round();
  }
}
