// Many events at once: each machine of the lab has a stream of its own, in which one event follows the other.
// Promises: chance is seeded per machine, so that no machine's luck depends on another's; never are more than so many machines
// without guests, so that there is room for all jobs; a machine is struck only when all guests on it are heard.
import { setTimeout as delay } from 'node:timers/promises';
import { random } from '../src/random.ts';
import { now, type Arena } from './arena.ts';
import { playEvent } from './event.ts';
import type { Kind } from './kinds.ts';
import type { Trial } from './report.ts';

export interface StreamsOptions {
  /** Such that befall one machine and nothing else. */
  readonly kinds: readonly Kind[];
  /** Until each kind has so many. */
  readonly trials: number;
  /** Machines that may be without guests at the same time. */
  readonly atOnce: number;
  readonly seed: number;
  /** No event begins when it says so. */
  readonly over: () => boolean;
  readonly onTrials: (trials: readonly Trial[]) => void;
}

const lookEveryMs = 100;
/** Events of a machine are so far apart, at random, that they meet its renewals at every phase. */
const longestPauseMs = 4_000;
/** What is killed again within half a minute is started again later and later. */
const agentRestS = 35;

/** Resolves when every kind has its trials, or it is over. Throws when a machine does not return. */
export async function playStreams(arena: Arena, options: StreamsOptions): Promise<void> {
  const { kinds, trials, atOnce, seed, onTrials } = options;
  const begun = new Map(kinds.map((kind) => [kind, 0]));
  const failed = new AbortController();
  const over = (): boolean => failed.signal.aborted || options.over() || [...begun.values()].every((n) => n >= trials);
  let struck = 0;

  const stream = async (machine: string, chance: () => number): Promise<void> => {
    let agentDiedAt = Number.NEGATIVE_INFINITY;
    while (!over()) {
      await delay(chance() * longestPauseMs);
      const wanted = kinds.filter((kind) => (begun.get(kind) ?? 0) < trials);
      const kind = wanted[Math.floor(chance() * wanted.length)];
      const restS = kind?.agent === 'kill' ? agentRestS : 0;
      const may = (): boolean =>
        (kind?.outcome === 'kept' || struck < atOnce) && now() - agentDiedAt > restS && arena.hasCalmGuests(machine);
      while (!over() && !may()) await delay(lookEveryMs);
      if (kind === undefined || over()) continue;
      if (kind.outcome === 'replaced') struck += 1;
      if (kind.agent === 'kill') agentDiedAt = now();
      begun.set(kind, (begun.get(kind) ?? 0) + arena.standings().filter((each) => each.machine === machine).length);
      onTrials(await playEvent(arena, kind, [machine]));
      if (kind.outcome === 'replaced') struck -= 1;
    }
  };
  const streams = arena.machines.map((machine, index) =>
    stream(machine, random(seed * 1_000 + index)).catch((error: unknown) => {
      failed.abort();
      throw error;
    }),
  );
  const ends = await Promise.allSettled(streams);
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
