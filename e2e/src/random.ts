// Chance for tests that must be repeatable.

/** A small generator (mulberry32): the same seed gives the same numbers, from 0 up to but not including 1. */
export function random(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param chance as random() makes it. */
export function shuffled<T>(list: readonly T[], chance: () => number): T[] {
  const left = [...list];
  return list.map(() => left.splice(Math.floor(chance() * left.length), 1)[0]!);
}
