// The switch on the host that ends the guests when the agent cannot: whether it is there, by the beat that it writes.
// Promises: a beat that is old, from the future (another boot's) or missing means that there is none.

import { readFileSync } from 'node:fs';

/** It beats twice a second. */
const freshS = 3;
/** Its clock is the same as ours, but is read a moment earlier or later. */
const slackS = 0.5;

/** @param nowS seconds since the machine was started. */
export function isBeating(text: string, nowS: number): boolean {
  const beatS = /^\d+(\.\d+)?\s*$/.test(text) ? Number(text) : Number.NaN;
  return nowS - beatS <= freshS && beatS - nowS <= slackS;
}

export function readBeat(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
