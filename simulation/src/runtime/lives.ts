// The operator, life after life: it runs, is killed at a given write, and another one takes its place a moment later.
// Promises: the lives share nothing but the API; a dead one writes nothing any more; two runs with the same seed are the same.

import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { assembleOperator } from '@idlewild/operator/operator.ts';
import type { LeaseObservations } from '@idlewild/operator/recovery/observations.ts';
import { parseOptions } from '@idlewild/operator/options.ts';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { mortal, type Death } from '../faults/mortal-transport.ts';
import type { Random } from '../world/random.ts';

export interface LivesOptions {
  /** The cluster's time. */
  readonly clock: Clock;
  /** What the operator takes for the time. */
  readonly operatorClock: Clock;
  readonly transport: () => Transport;
  readonly random: Random;
  readonly log: Logger;
  /** Flags, as on the command line. */
  readonly flags: readonly string[];
  /** How the given life (from 1) ends; by `stop` where there is none. */
  readonly death: (life: number) => Death | undefined;
  /** From a death to the next start, ms. */
  readonly restartMs: number;
  readonly leases?: (() => LeaseObservations) | undefined;
}

export class Lives {
  readonly #o: LivesOptions;
  readonly #stop = new AbortController();
  #lives = 0;
  #writes = 0;
  #deaths = 0;
  #current: () => number = () => 0;
  #kill: () => void = () => undefined;
  #running: Promise<void> | undefined;

  constructor(options: LivesOptions) {
    this.#o = options;
  }

  /** Operators so far, the one that runs included. */
  get lives(): number {
    return this.#lives;
  }

  /** How often `death` came. */
  get deaths(): number {
    return this.#deaths;
  }

  /** Writes of all lives, without events. */
  get writes(): number {
    return this.#writes + this.#current();
  }

  /** The one that runs now dies at once. */
  kill(): void {
    this.#kill();
  }

  start(): void {
    this.#running = this.#live();
  }

  /** Time must go on until it resolves. Rejects with what an operator threw. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #live(): Promise<void> {
    const { clock, operatorClock, transport, random, log, flags, death, restartMs, leases } = this.#o;
    const options = parseOptions(flags);
    while (!this.#stop.signal.aborted) {
      const life = ++this.#lives;
      const body = mortal(transport(), death(life));
      this.#current = body.writes;
      this.#kill = body.kill;
      const own = random.fork(`life/${life}`);
      const operator = assembleOperator({
        ...{ options, clock: operatorClock, log, registry: new Registry(), instance: `operator-${life}` },
        transport: body.transport,
        newId: () => own.hex(32),
        random: own.uniform,
        leases: leases?.(),
      });
      await operator.run(AbortSignal.any([this.#stop.signal, body.dead]));
      this.#writes += body.writes();
      if (body.struck()) this.#deaths += 1;
      this.#current = () => 0;
      if (body.dead.aborted) await clock.sleep(restartMs, this.#stop.signal).catch(() => undefined);
    }
  }
}
