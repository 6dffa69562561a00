// One round: an event of which nothing else happens in the lab, on machines that chance chooses.
import { shuffled } from '../src/random.ts';
import type { Arena } from './arena.ts';
import { playEvent, restOf } from './event.ts';
import type { Kind } from './kinds.ts';
import type { Trial } from './report.ts';

/**
 * @param random from 0 up to but not including 1.
 * @param together so many machines are struck at the same moment.
 * Throws when the lab does not come to rest before or after the event.
 */
export async function playRound(arena: Arena, kind: Kind, random: () => number, together = 1): Promise<Trial[]> {
  if (kind.kill !== undefined) await arena.rested(kind.kill);
  await arena.calm();
  const machines = [...new Set(arena.standings().map(({ machine }) => machine))].sort();
  const trials = await playEvent(arena, kind, shuffled(machines, random).slice(0, together));
  await arena.calm();
  return [...trials, ...restOf(arena)];
}
