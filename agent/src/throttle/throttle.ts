// Holds the guests of a machine back while its owner is active: a small share of the processor for them, in short periods, and
// the greatest weight for the owner's own programs. The first rung of the ladder: local, at once, and taken back without a trace.
// Promises: level-based, so it may be called at any time and as often as wanted; what was there before comes back exactly, over a
// restart of the agent, too; what others write meanwhile is what comes back; what cannot be done is told once and stops nothing.

import { statSync } from 'node:fs';
import type { Logger } from 'pino';
import { groupsBelow, guestGroups, podOf, type GuestPlaces } from './guest-groups.ts';
import { coresOf, hasWeight, heaviest, isHalfWritten, isV1, quota, weight, type Knob } from './knobs.ts';
import { readRecord, writeRecord, type Held } from './record.ts';

/** For all threads of a guest together: 5 % of one core, in periods too short for anybody to feel. The least that v1 takes. */
export const heldBack = '1000 20000';

export interface ThrottleOptions extends GuestPlaces {
  /** Control groups of the owner's own programs; what does not exist is left out. */
  readonly owners: readonly string[];
  /** Where it is kept what was there before. */
  readonly file: string;
  readonly log: Logger;
}

interface Wanted {
  readonly dir: string;
  readonly knob: Knob;
  readonly value: string;
}

export class Throttle {
  readonly #o: ThrottleOptions;
  readonly #told = new Set<string>();
  #held = new Map<string, Held>();

  constructor(options: ThrottleOptions) {
    this.#o = options;
    this.#held = new Map(this.#readHeld().map((held) => [keyOf(held.dir, held.knob), held]));
  }

  /** How many settings are changed now. */
  get size(): number {
    return this.#held.size;
  }

  /** Makes it so now. @param moving uids of pods whose guests are being moved away: they are not held back. */
  apply(active: boolean, moving: ReadonlySet<string> = new Set()): void {
    const wanted = active ? this.#wanted(moving) : [];
    const kept = new Set(wanted.map(({ dir, knob }) => keyOf(dir, knob.name)));
    const over = [...this.#held].filter(
      ([key, { dir }]) => !active || (moving.size > 0 && !kept.has(key) && isThere(dir)),
    );
    if (over.length > 0) this.#release(over);
    this.#hold(wanted);
  }

  #hold(wanted: readonly Wanted[]): void {
    for (const { dir, knob, value } of wanted) {
      this.#try(`${dir}: its guests cannot be held back`, () => {
        const key = keyOf(dir, knob.name);
        const current = knob.read(dir);
        const inode = statSync(dir).ino;
        const held = this.#held.get(key);
        if (held?.inode === inode && current === held.ours) return;
        if (knob === quota && coresOf(current) <= coresOf(value)) return;
        this.#held.set(key, { dir, inode, knob: knob.name, before: current, ours: value });
        // Written down first: whoever dies in between must not leave a group held back that nobody knows of.
        this.#keep();
        try {
          knob.write(dir, value);
        } catch (error) {
          this.#held.delete(key);
          throw error;
        }
      });
    }
  }

  #release(over: readonly (readonly [string, Held])[]): void {
    // From the top, as no group may have more than the one above it.
    for (const [key, { dir, inode, knob: name, before, ours }] of [...over].sort(byDepth)) {
      this.#try(`${dir}: its guests are still held back`, () => {
        const knob = name === 'quota' ? quota : weight;
        if (inodeOf(dir) === inode && knob.read(dir) === ours) knob.write(dir, before);
        this.#held.delete(key);
      });
    }
    this.#keep();
  }

  #wanted(moving: ReadonlySet<string>): Wanted[] {
    // Whoever is in a group that holds all guests cannot be told apart; by then the others stand still.
    const isMoving = (dir: string): boolean => {
      const pod = podOf(dir);
      return pod === undefined ? moving.size > 0 : moving.has(pod);
    };
    const held = guestGroups(this.#o).filter((dir) => !isMoving(dir));
    const guests = held.flatMap((dir) => [...this.#limitedBelow(dir), dir]);
    return [
      ...guests.map((dir) => ({ dir, knob: quota, value: heldBack })),
      ...this.#o.owners.flatMap((dir) => (hasWeight(dir) ? [{ dir, knob: weight, value: heaviest(dir) }] : [])),
    ];
  }

  /** With cgroup v1, a group cannot be limited below the limit of one inside it. */
  #limitedBelow(dir: string): string[] {
    if (!isV1(dir)) return [];
    return groupsBelow(dir).filter(isLimited);
  }

  #readHeld(): Held[] {
    const { file, log } = this.#o;
    try {
      return readRecord(file).map((held) => this.#finished(held));
    } catch (error) {
      log.warn({ err: error, file }, 'what guests had before they were held back is forgotten');
      return [];
    }
  }

  /** An agent that was killed in the middle of a write left the group without any limit. */
  #finished(held: Held): Held {
    const { dir, inode, knob, before, ours } = held;
    if (knob !== 'quota' || inodeOf(dir) !== inode || !isV1(dir)) return held;
    if (isHalfWritten(quota.read(dir), before, ours)) quota.write(dir, ours);
    return held;
  }

  #keep(): void {
    const { file } = this.#o;
    this.#try(`${file}: what guests had before would be forgotten if the agent were killed`, () =>
      writeRecord(file, [...this.#held.values()]),
    );
  }

  #try(what: string, act: () => void): void {
    try {
      act();
      this.#told.delete(what);
    } catch (error) {
      if (this.#told.has(what)) return;
      this.#told.add(what);
      this.#o.log.warn({ err: error instanceof Error ? error.message : error }, what);
    }
  }
}

function isThere(dir: string): boolean {
  return inodeOf(dir) !== undefined;
}

function isLimited(dir: string): boolean {
  try {
    return Number.isFinite(coresOf(quota.read(dir)));
  } catch {
    // It has just ended.
    return false;
  }
}

function byDepth([, one]: readonly [string, Held], [, other]: readonly [string, Held]): number {
  return one.dir.split('/').length - other.dir.split('/').length;
}

function keyOf(dir: string, knob: Knob['name']): string {
  return `${knob} ${dir}`;
}

/** Undefined when it is gone. */
function inodeOf(dir: string): number | undefined {
  try {
    return statSync(dir).ino;
  } catch {
    return undefined;
  }
}
