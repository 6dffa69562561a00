// Collects what the agent no longer uses, now and then. V8 would wait until the heap is several times as large, which takes a process
// with so little garbage (half a megabyte a minute) most of an hour; until then the machine would be short of that memory.
// Promises: costs some hundredths of a second each time; does nothing where Node has not been started with --expose-gc.

import type { Clock } from '@idlewild/operator/kube/clock.ts';

/** When it has started, and what only starting took is garbage. */
const firstMs = 20_000;
const everyMs = 60_000;

export interface HeapOptions {
  readonly clock: Clock;
  /** Collects at once; undefined where that cannot be asked for. */
  readonly collect: (() => void) | undefined;
}

/** Until aborted. */
export async function keepHeapSmall({ clock, collect }: HeapOptions, signal: AbortSignal): Promise<void> {
  if (!collect) return;
  for (let pauseMs = firstMs; ; pauseMs = everyMs) {
    await clock.sleep(pauseMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    collect();
  }
}
