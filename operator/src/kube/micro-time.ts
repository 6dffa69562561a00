// Kubernetes MicroTime: RFC 3339 in UTC with exactly six digits of fraction.
// The API server refuses three digits in Lease and Event times, and Date.toISOString writes three.

/** @param nowMs ms since the epoch; a fraction of a millisecond is kept down to the microsecond. */
export function microTime(nowMs: number): string {
  const micros = Math.floor((nowMs - Math.floor(nowMs)) * 1000);
  return `${new Date(Math.floor(nowMs)).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}

/** Milliseconds since the epoch of a Time or MicroTime; undefined when it is not one. */
export function parseTime(text: string | undefined | null): number | undefined {
  if (!text) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
