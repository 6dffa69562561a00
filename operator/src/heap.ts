// Gives memory back to the system while there is nothing to do. Work in bulk (the first lists, thousands of claims) leaves behind a
// heap that V8 keeps for the next time: with eight thousand jobs 75 MB and more.
// Promises: collects only when no exchange with the API server was seen for a while, so that nobody waits for it (some tenths of
// a second with so many jobs), and only when there was one since the last time; does nothing without Node's --expose-gc.

import type { RequestInfo } from './kube/client.ts';
import type { Clock } from './kube/clock.ts';

const lookEveryMs = 5_000;
const quietMs = 10_000;
/** Somebody who comes by four times a minute is not to pay for it each time. */
const atMostEveryMs = 60_000;

export interface HeapOptions {
  readonly clock: Clock;
  /** Collects at once; undefined where that cannot be asked for. */
  readonly collect: (() => void) | undefined;
}

export class Heap {
  readonly #o: HeapOptions;
  #workedMs = -Infinity;
  #collectedMs = -Infinity;

  constructor(options: HeapOptions) {
    this.#o = options;
  }

  /** Told of every request. To renew a lease is no work: that goes on for ever. */
  saw({ path }: Pick<RequestInfo, 'path'>): void {
    if (!path.includes('/leases/')) this.#workedMs = this.#o.clock.monotonic();
  }

  /** Until aborted. */
  async keepSmall(signal: AbortSignal): Promise<void> {
    const { clock, collect } = this.#o;
    if (!collect) return;
    for (;;) {
      await clock.sleep(lookEveryMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      const nowMs = clock.monotonic();
      if (this.#workedMs <= this.#collectedMs) continue;
      if (this.#workedMs + quietMs > nowMs || this.#collectedMs + atMostEveryMs > nowMs) continue;
      collect();
      this.#collectedMs = clock.monotonic();
    }
  }
}

/** Everything, the code of functions that were not called lately included; it is compiled again when it is needed. */
export function collector(): HeapOptions['collect'] {
  const { gc } = globalThis;
  return gc && (() => void gc({ type: 'major', execution: 'sync', flavor: 'last-resort' }));
}
