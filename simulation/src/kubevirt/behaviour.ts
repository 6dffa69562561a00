// How guests, machines and migrations behave: the knobs of the simulated KubeVirt.
// Promises: everything has a sensible default, so that a test sets what it is about; times are ms.

import type { Random } from '../world/random.ts';

export interface GuestPlan {
  /** A guest that does not come up prints nothing and goes on for ever. */
  readonly comesUp: boolean;
  /** From the start marker to the end; undefined: for ever. */
  readonly workMs: number | undefined;
  readonly ends: 'exit' | 'crash' | 'powerOff' | 'whenMoved';
  readonly exitCode: number;
}

export interface GuestStart {
  readonly namespace: string;
  readonly job: string;
  readonly attempt: number;
  readonly image: string;
  readonly node: string;
}

export interface MigrationPlan {
  readonly outcome: 'succeeds' | 'fails' | 'stuckTarget' | 'stuckCopy';
  /** From the start of copying to the hand-over (or the failure). */
  readonly copyMs: number;
}

export interface Behaviour {
  readonly guest: (start: GuestStart) => GuestPlan;
  /** From power on to the start of the script. */
  readonly bootMs: (node: string) => number;
  /** Until an image that is not on the node yet is there; undefined: the pull fails this time. */
  readonly pullMs: (node: string, image: string) => number | undefined;
  readonly migration: (o: { from: string; to: string; memoryMiB: number }) => MigrationPlan;
  /** What the API server says when it refuses to make a launcher pod there, as for a quota; undefined: it makes it. */
  readonly podRefusal: (namespace: string) => string | undefined;
  /** How long a controller takes from a change to its answer. */
  readonly reactionMs: number;
  /** How long an ACPI shutdown takes. */
  readonly shutdownMs: number;
}

/** Guests named by their images, machines without trouble: what scenario tests start from. */
export function plainBehaviour(o: Partial<Behaviour> = {}): Behaviour {
  return {
    guest: guestByImage,
    bootMs: () => 4_000,
    pullMs: () => 0,
    migration: () => ({ outcome: 'succeeds', copyMs: 4_000 }),
    podRefusal: () => undefined,
    reactionMs: 40,
    shutdownMs: 2_000,
    ...o,
  };
}

/**
 * `sim/exit-3-after-50` exits 3 after 50 ms of work; `sim/crash-after-50` crashes; `sim/off-after-50` powers itself off without
 * a word; `sim/exit-when-moved` exits 0 after a migration; `sim/exit-second-time` runs for ever as the first attempt and exits 0
 * as a later one; `sim/silent` never comes up; anything else runs for ever.
 */
export function guestByImage({ image, attempt }: GuestStart): GuestPlan {
  const forEver: GuestPlan = { comesUp: true, workMs: undefined, ends: 'exit', exitCode: 0 };
  const [, how, code = '0', after] = /^sim\/(exit|crash|off)(?:-(\d+))?-after-(\d+)$/.exec(image) ?? [];
  if (how !== undefined) {
    const ends = how === 'exit' ? 'exit' : how === 'crash' ? 'crash' : 'powerOff';
    return { comesUp: true, workMs: Number(after), ends, exitCode: Number(code) };
  }
  if (image === 'sim/exit-when-moved') return { ...forEver, ends: 'whenMoved' };
  if (image === 'sim/exit-second-time') return attempt === 1 ? forEver : { ...forEver, workMs: 10 };
  return image === 'sim/silent' ? { ...forEver, comesUp: false } : forEver;
}

/** Machines and networks as they are in a lab; `guest` says what the jobs truly do. */
export function labBehaviour(
  random: Random,
  o: {
    guest: Behaviour['guest'];
    /** By node: how many times slower than the others. */
    slowness: (node: string) => number;
    /** Of migrations. */
    failing: number;
    stuck: number;
    /** Of image pulls. */
    failingPulls: number;
  },
): Behaviour {
  return plainBehaviour({
    guest: o.guest,
    bootMs: (node) => random.logNormal(18_000, 0.35) * o.slowness(node),
    pullMs: (node) => (random.chance(o.failingPulls) ? undefined : random.logNormal(25_000, 0.6) * o.slowness(node)),
    migration: ({ from, to, memoryMiB }) => {
      // Gigabit Ethernet moves about 110 MiB in a second.
      const copyMs = (memoryMiB / 110) * 1000 * random.between(1, 1.6) * Math.max(o.slowness(from), o.slowness(to));
      if (random.chance(o.failing)) return { outcome: 'fails', copyMs: copyMs * random.uniform() };
      if (random.chance(o.stuck)) return { outcome: random.pick(['stuckTarget', 'stuckCopy']), copyMs };
      return { outcome: 'succeeds', copyMs };
    },
  });
}
