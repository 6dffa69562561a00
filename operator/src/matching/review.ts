// Looks at the runners-up of running jobs again, a few jobs at a time, those first that were looked at the longest ago.
// Promises: costs the same however many jobs run; a job's list is written at most once per period, and only when it has to be.

import type { Deps } from '../deps.ts';
import type { Pool } from '../model/pool.ts';
import * as status from '../model/status.ts';
import { runnersUpOf } from './runners-up.ts';
import type { Verdicts } from './verdicts.ts';
import type { WriteGate } from './write-gate.ts';

const perPass = 4;

export class Review {
  readonly #deps: Deps;
  readonly #gate: WriteGate;
  readonly #settings: { readonly runnersUp: number; readonly reviewMs: number };
  /** By key, the longest ago first: when it was last looked at, monotonic ms. */
  readonly #seen = new Map<string, number>();

  constructor(deps: Deps, gate: WriteGate, settings: { readonly runnersUp: number; readonly reviewMs: number }) {
    this.#deps = deps;
    this.#gate = gate;
    this.#settings = settings;
  }

  running(key: string): void {
    if (!this.#seen.has(key)) this.#seen.set(key, this.#deps.clock.monotonic());
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }

  /** @param verdicts as a pass over `pool` left them. */
  look(pool: Pool, verdicts: Verdicts): void {
    const { clock, world, writer } = this.#deps;
    const { runnersUp, reviewMs } = this.#settings;
    const now = clock.monotonic();
    for (const [key, atMs] of this.#oldest()) {
      if (atMs + reviewMs > now) return;
      this.#seen.delete(key);
      this.#seen.set(key, now);
      const job = world.jobs.get(key);
      const next = job && runnersUpOf(job, { pool, verdicts, nowMs: clock.now(), count: runnersUp });
      if (!job || !next || this.#gate.has(key)) continue;
      this.#gate.put(key, 'words', async () => void (await writer.status(job, status.subscribed(job, next))));
    }
  }

  #oldest(): (readonly [key: string, atMs: number])[] {
    const oldest: (readonly [string, number])[] = [];
    for (const each of this.#seen) {
      oldest.push(each);
      if (oldest.length === perPass) break;
    }
    return oldest;
  }
}
