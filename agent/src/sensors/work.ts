// What the owner's own programs do: processor time of the owner's slice, and how long everything waits for memory.
// Promises: the guests' load is never taken for the owner's; a kernel that does not count is unknown.

/** Percent of the last ten seconds in which all tasks waited, from /proc/pressure/memory. */
export function memoryStallIn(pressure: string): number | undefined {
  const text = /^full avg10=(\d+(?:\.\d+)?)/m.exec(pressure)?.[1];
  return text === undefined ? undefined : Number(text);
}

/** Microseconds, from a cgroup v2 cpu.stat. */
export function usageIn(cpuStat: string): number | undefined {
  const text = /^usage_usec (\d+)/m.exec(cpuStat)?.[1];
  return text === undefined ? undefined : Number(text);
}

interface Sample {
  readonly atMs: number;
  readonly usageUs: number;
}

const windowMs = 60_000;

/** Cores used on average over the last minute. */
export class CoreMeter {
  #samples: readonly Sample[] = [];

  /** @param atMs monotonic. @returns undefined until the window is half full. */
  add(atMs: number, usageUs: number): number | undefined {
    const first = this.#samples[0];
    // A slice that was made anew counts from zero.
    if (first && usageUs < first.usageUs) this.#samples = [];
    this.#samples = [...this.#samples.filter((sample) => sample.atMs >= atMs - windowMs), { atMs, usageUs }];
    const oldest = this.#samples[0];
    if (!oldest || atMs - oldest.atMs < windowMs / 2) return undefined;
    return (usageUs - oldest.usageUs) / 1000 / (atMs - oldest.atMs);
  }
}
