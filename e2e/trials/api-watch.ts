// Whether the API server answers, asked again and again: a guest that was lost while it did not, had to be.
// Promises: times are seconds of CLOCK_MONOTONIC; what is remembered are only the times that were long.
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';

const askEveryMs = 250;
const answerWithinMs = 5_000;
/** An answer that was quicker is none to remember. */
const longS = 0.5;

export class ApiWatch {
  readonly #client: KubeClient;
  readonly #now: () => number;
  readonly #gaps: { readonly from: number; readonly to: number }[] = [];
  #askedAt: number;

  constructor(client: KubeClient, now: () => number) {
    this.#client = client;
    this.#now = now;
    this.#askedAt = now();
  }

  /** Asks until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#askedAt = this.#now();
      while (!(await this.#answers())) {
        if (signal.aborted) return;
        await delay(50);
      }
      const to = this.#now();
      if (to - this.#askedAt > longS) this.#gaps.push({ from: this.#askedAt, to });
      this.#askedAt = to;
      await delay(askEveryMs);
    }
  }

  /** The longest time for which it gave no answer since then, seconds. */
  awaySince(from: number): number {
    const gaps = [...this.#gaps, { from: this.#askedAt, to: this.#now() }];
    return Math.max(...gaps.map((gap) => gap.to - Math.max(gap.from, from)));
  }

  #answers(): Promise<boolean> {
    return this.#client.raw.request({ method: 'GET', path: '/readyz', timeoutMs: answerWithinMs }).then(
      () => true,
      () => false,
    );
  }
}
