// Durations as the API writes them: "90s", "1h30m".

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000 };

/** In ms. Throws RangeError on anything that the CRD's schema would have refused. */
export function durationMs(text: string): number {
  if (!/^(\d+[hms])+$/.test(text)) throw new RangeError(`duration: "${text}" is not one such as 90s, 30m or 1h30m`);
  let total = 0;
  for (const [, count, unit = ''] of text.matchAll(/(\d+)([hms])/g)) total += Number(count) * (unitMs[unit] ?? 0);
  return total;
}

/** Seconds in words that fit into a sentence: "6 s", "3 min", "2.5 h". */
export function inWords(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 360) / 10} h`;
}
