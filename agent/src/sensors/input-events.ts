// What the records of an input device say about a human, and nothing of what was typed.
// Promises: pure; a desk that is bumped after a long calm is not a human, a second movement or any key is.

import type { InputKind } from './input-devices.ts';

/** struct input_event of a 64-bit kernel: 16 bytes of time, then type, code and value. */
export const recordBytes = 24;
const typeOffset = 16;
const valueOffset = 20;
const evKey = 1;
const evRel = 2;
const evAbs = 3;

export interface Movement {
  readonly keys: number;
  readonly motions: number;
}

/** Counts presses and motions in whole records; releases of keys and what belongs to no human count as nothing. */
export function movementIn(records: Buffer): Movement {
  let keys = 0;
  let motions = 0;
  for (let at = 0; at + recordBytes <= records.length; at += recordBytes) {
    const type = records.readUInt16LE(at + typeOffset);
    if (type === evKey && records.readInt32LE(at + valueOffset) !== 0) keys += 1;
    else if (type === evRel || type === evAbs) motions += 1;
  }
  return { keys, motions };
}

export interface InputMemory {
  /** Monotonic ms of the last input by a human; undefined before the first. */
  readonly lastMs?: number | undefined;
  /** A first motion after a long calm, which a second one has to confirm. */
  readonly doubtfulMs?: number | undefined;
}

const calmMs = 600_000;
const confirmFromMs = 50;
const confirmWithinMs = 2_000;

/** @param nowMs monotonic. */
export function remember(memory: InputMemory, kind: InputKind, seen: Movement, nowMs: number): InputMemory {
  if (seen.keys === 0 && seen.motions === 0) return memory;
  const calm = memory.lastMs === undefined || nowMs - memory.lastMs > calmMs;
  if (seen.keys > 0 || !calm || kind === 'keyboard') return { lastMs: nowMs };
  const since = memory.doubtfulMs === undefined ? undefined : nowMs - memory.doubtfulMs;
  if (since !== undefined && since >= confirmFromMs && since <= confirmWithinMs) return { lastMs: nowMs };
  return since !== undefined && since < confirmFromMs ? memory : { ...memory, doubtfulMs: nowMs };
}
