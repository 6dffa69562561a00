// Looks at the runners-up of running jobs again, a few jobs at a time, those first that were looked at the longest ago.
// Promises: costs the same however many jobs run; a job's list is written only when it has to be, at most once per period, and
// the less often the longer the job runs: in a busy pool no list is good for long, and most are never used.

import type { Deps } from '../deps.ts';
import type { Pool } from '../model/pool.ts';
import * as status from '../model/status.ts';
import { runnersUpOf } from './runners-up.ts';
import type { Verdicts } from './verdicts.ts';
import type { WriteGate } from './write-gate.ts';

const perPass = 4;

/** Monotonic, ms. */
interface Seen {
  /** When the job was first seen to run. */
  readonly sinceMs: number;
  readonly lookedMs: number;
  /** When its list was last written, `sinceMs` before that. */
  readonly wroteMs: number;
}

export class Review {
  readonly #deps: Deps;
  readonly #gate: WriteGate;
  readonly #settings: { readonly runnersUp: number; readonly reviewMs: number };
  /** By key, those first that were looked at the longest ago. */
  readonly #seen = new Map<string, Seen>();

  constructor(deps: Deps, gate: WriteGate, settings: { readonly runnersUp: number; readonly reviewMs: number }) {
    this.#deps = deps;
    this.#gate = gate;
    this.#settings = settings;
  }

  running(key: string): void {
    const now = this.#deps.clock.monotonic();
    if (!this.#seen.has(key)) this.#seen.set(key, { sinceMs: now, lookedMs: now, wroteMs: now });
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }

  /** @param verdicts as a pass over `pool` left them. */
  look(pool: Pool, verdicts: Verdicts): void {
    const { clock, world, writer } = this.#deps;
    const { runnersUp, reviewMs } = this.#settings;
    const now = clock.monotonic();
    for (const [key, seen] of this.#oldest()) {
      if (seen.lookedMs + reviewMs > now) return;
      // The list stands as long again as the job had run when it was written.
      const isDue = seen.wroteMs + Math.max(reviewMs, seen.wroteMs - seen.sinceMs) <= now;
      const job = isDue && !this.#gate.has(key) ? world.jobs.get(key) : undefined;
      const next = job && runnersUpOf(job, { pool, verdicts, nowMs: clock.now(), count: runnersUp });
      this.#seen.delete(key);
      this.#seen.set(key, { ...seen, lookedMs: now, wroteMs: next ? now : seen.wroteMs });
      if (!job || !next) continue;
      this.#gate.put(key, 'words', async () => void (await writer.status(job, status.subscribed(job, next))));
    }
  }

  #oldest(): (readonly [key: string, seen: Seen])[] {
    const oldest: (readonly [string, Seen])[] = [];
    for (const each of this.#seen) {
      oldest.push(each);
      if (oldest.length === perPass) break;
    }
    return oldest;
  }
}
