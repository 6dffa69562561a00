// The beats of guests, as the lab's witness heard them, and what they prove: that no two guests of one job ran at once.
// Promises: pure. Two attempts ran at once, or an older one after a newer one, exactly when some beat of an older attempt is heard
// after one of a newer; one attempt ran twice when it is heard from a second start, or from a machine that it had left.

export interface Beat {
  /** When it was heard, seconds of CLOCK_MONOTONIC. */
  readonly at: number;
  readonly machine: string;
  readonly job: string;
  readonly attempt: number;
  /** Of the guest: another one after each start of it, and the same one after a move. */
  readonly boot: string;
}

/** What a guest runs: four times a second it tells the witness which attempt it is, by the name that KubeVirt gave it. */
export const beatScript =
  'boot=$(cat /proc/sys/kernel/random/boot_id); while :; do echo "$(hostname) $boot beat" >/dev/ttyS1; sleep 0.25; done';

/** Undefined for a line that is no whole beat, such as the last words of a guest that was killed while it spoke. */
export function parseBeat(line: string): Beat | undefined {
  const match = /^(\d+\.\d+) (\S+) (\S+)-(\d+) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) beat$/.exec(line);
  if (match === null) return undefined;
  const [, at, machine, job, attempt, boot] = match;
  return { at: Number(at), machine: machine!, job: job!, attempt: Number(attempt), boot: boot! };
}

/** Of one attempt of a job: its first and last beat, seconds. */
interface Life {
  readonly attempt: number;
  readonly boot: string;
  machine: string;
  readonly left: Set<string>;
  readonly first: number;
  last: number;
}

/** Beats in the order in which they were heard. */
export class Beats {
  readonly #lives = new Map<string, Life[]>();

  /** Why this beat must not be, or undefined. */
  add({ at, machine, job, attempt, boot }: Beat): string | undefined {
    const lives = this.#lives.get(job) ?? [];
    this.#lives.set(job, lives);
    const newest = lives.at(-1);
    if (newest === undefined || attempt > newest.attempt) {
      lives.push({ attempt, boot, machine, left: new Set(), first: at, last: at });
      return undefined;
    }
    const since = (at - newest.first).toFixed(3);
    if (attempt < newest.attempt)
      return `${job}: attempt ${attempt} beats on ${machine} ${since} s after attempt ${newest.attempt} began on ${newest.machine}`;
    if (boot !== newest.boot)
      return `${job}: attempt ${attempt} beats from another start, on ${machine}, ${since} s after it began on ${newest.machine}`;
    newest.last = at;
    if (machine === newest.machine) return undefined;
    if (newest.left.has(machine))
      return `${job}: attempt ${attempt} beats on ${machine} again after it did on ${newest.machine}`;
    newest.left.add(newest.machine);
    newest.machine = machine;
    return undefined;
  }

  /** The first and last beat of an attempt, seconds; undefined when it was never heard. */
  lifeOf(job: string, attempt: number): { readonly first: number; readonly last: number } | undefined {
    return this.#lives.get(job)?.find((life) => life.attempt === attempt);
  }

  /** The same of the first later attempt that was heard, as one may fail to start. */
  lifeAfter(
    job: string,
    attempt: number,
  ): { readonly first: number; readonly last: number; readonly attempt: number } | undefined {
    return this.#lives.get(job)?.find((life) => life.attempt > attempt);
  }
}
