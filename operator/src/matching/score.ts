// The tie-break among machines that fit: what makes one better than another, in parts that the user sees.
// Promises: pure; the same machines at the same time give the same order; equal scores go to the machine that has been lending
// longest, then to the first by name.

import type { Amount } from '../model/capacity.ts';
import type { Subscriber } from '../model/job.ts';
import type { Machine } from '../model/machine.ts';

/**
 * - `absence`, 0 to 40: how surely the owner stays away. 40 for a machine without an owner. For a desktop whose agent says
 *   until when its owner is expected to be away: 35 for eight hours or more, less in proportion, 0 when the owner may be back
 *   any moment. 15 when nobody knows.
 * - `image`, 0 or 20: the job's image is on the machine already.
 * - `idle`, 0 to 15: a point for each ten minutes that it has been lending.
 * - `room`, 0 to 15: how calm its room is; 5 less for each machine or attempt that was lost there a short while ago.
 * - `free`, 0 to 10: how empty it is, by the scarcer of cores and memory.
 */
export type ScoreParts = Readonly<Required<NonNullable<Subscriber['parts']>>>;

export interface Scored {
  readonly machine: Machine;
  readonly score: number;
}

export interface Ranked extends Scored {
  readonly parts: ScoreParts;
}

export interface ScoreContext {
  readonly nowMs: number;
  /** By room: machines and attempts that were lost there a short while ago. */
  readonly losses?: ReadonlyMap<string, number> | undefined;
}

const hourMs = 3_600_000;
const unknownAbsence = 15;

export function scoreOf(machine: Machine, free: Amount, image: string, context: ScoreContext): Ranked {
  const parts = {
    absence: absenceOf(machine, context.nowMs),
    image: imageOf(machine, image),
    idle: idleOf(machine, context.nowMs),
    room: calmOf(machine, context),
    free: emptinessOf(machine, free),
  };
  return { machine, parts, score: parts.absence + parts.image + parts.idle + parts.room + parts.free };
}

/** The score alone: of most machines nobody asks for the parts. */
export function pointsOf(machine: Machine, free: Amount, image: string, context: ScoreContext): number {
  const { nowMs } = context;
  const standing = absenceOf(machine, nowMs) + imageOf(machine, image) + idleOf(machine, nowMs);
  return standing + calmOf(machine, context) + emptinessOf(machine, free);
}

/** Pools share their lists of machines while no machine changes. */
const lossesOf = new WeakMap<readonly Machine[], ReadonlyMap<string, number>>();

/** How many machines of each room are lost at the moment. */
export function lostByRoom(machines: readonly Machine[]): ReadonlyMap<string, number> {
  const known = lossesOf.get(machines);
  if (known) return known;
  const losses = new Map<string, number>();
  for (const { lost, room = '' } of machines) if (lost) losses.set(room, (losses.get(room) ?? 0) + 1);
  lossesOf.set(machines, losses);
  return losses;
}

/**
 * The best of these machines, best first, at most `limit` of them.
 * @param preferred names that come before all others, in this order: runners-up of earlier.
 */
export function rank(
  machines: Iterable<Machine>,
  image: string,
  o: ScoreContext & {
    readonly freeOf: (machine: Machine) => Amount;
    readonly preferred?: readonly string[] | undefined;
    readonly limit?: number | undefined;
  },
): Ranked[] {
  const { preferred = [], limit = Infinity } = o;
  const place = (name: string): number => {
    const index = preferred.length === 0 ? -1 : preferred.indexOf(name);
    return index < 0 ? preferred.length : index;
  };
  const order = (a: Scored, b: Scored): number =>
    place(a.machine.name) - place(b.machine.name) ||
    b.score - a.score ||
    (a.machine.sinceMs ?? Infinity) - (b.machine.sinceMs ?? Infinity) ||
    compare(a.machine.name, b.machine.name);
  const best: Scored[] = [];
  for (const machine of machines) {
    const scored = { machine, score: pointsOf(machine, o.freeOf(machine), image, o) };
    const last = best.at(-1);
    if (best.length >= limit && last && order(last, scored) <= 0) continue;
    if (limit === Infinity) {
      best.push(scored);
      continue;
    }
    const at = best.findIndex((other) => order(scored, other) < 0);
    best.splice(at < 0 ? best.length : at, 0, scored);
    if (best.length > limit) best.pop();
  }
  if (limit === Infinity) best.sort(order);
  return best.map(({ machine }) => scoreOf(machine, o.freeOf(machine), image, o));
}

function imageOf({ images }: Machine, image: string): number {
  return images.has(image) ? 20 : 0;
}

function calmOf({ room = '' }: Machine, { losses }: ScoreContext): number {
  return Math.max(0, 15 - 5 * (losses?.get(room) ?? 0));
}

function emptinessOf({ offer }: Machine, free: Amount): number {
  return Math.round(10 * Math.min(share(free.cores, offer.cores), share(free.memoryMiB, offer.memoryMiB)));
}

function absenceOf({ dedicated, awayUntilMs }: Machine, nowMs: number): number {
  if (dedicated) return 40;
  if (awayUntilMs === undefined) return unknownAbsence;
  return Math.round(35 * Math.min(1, Math.max(0, awayUntilMs - nowMs) / (8 * hourMs)));
}

function idleOf({ sinceMs }: Machine, nowMs: number): number {
  return sinceMs === undefined ? 0 : Math.min(15, Math.floor(Math.max(0, nowMs - sinceMs) / (hourMs / 6)));
}

function share(free: number, all: number): number {
  return all <= 0 ? 0 : Math.min(1, Math.max(0, free / all));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
