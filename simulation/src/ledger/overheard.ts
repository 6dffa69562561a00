// Operators over one pool, life after life, with everything that they say overheard: what they write to the API (but for
// Secrets), what they log, what they count and what they remember.
// For tests of the ledger. Promises: the history outlives every operator, as a file does.

import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import type { LedgerEntry } from '@idlewild/operator/ledger/entry.ts';
import { MemoryHistory } from '@idlewild/operator/ledger/memory-history.ts';
import { assembleOperator } from '@idlewild/operator/operator.ts';
import { parseOptions } from '@idlewild/operator/options.ts';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Pool } from '../crash/pool.ts';
import { mortal, type Death } from '../faults/mortal-transport.ts';
import { Random } from '../world/random.ts';

class LastingHistory extends MemoryHistory {
  override close(): void {}
}

export class Overheard {
  readonly history = new LastingHistory();
  readonly #said: string[] = [];
  readonly #secrets: string[] = [];
  readonly #pool: Pool;
  readonly #wrap: (transport: Transport) => Transport;
  readonly #stop = new AbortController();
  #lives = 0;
  #writes = 0;
  #running: Promise<void> | undefined;

  constructor(pool: Pool, wrap: (transport: Transport) => Transport = (transport) => transport) {
    this.#pool = pool;
    this.#wrap = wrap;
  }

  /** Everything that any operator said, as text. */
  get said(): string {
    return [...this.#said, ...this.entries().map((entry) => JSON.stringify(entry))].join('\n');
  }

  /** What was written to Secrets. */
  get toSecrets(): string {
    return this.#secrets.join('\n');
  }

  /** Writes of the operators that have ended. */
  get writes(): number {
    return this.#writes;
  }

  get lives(): number {
    return this.#lives;
  }

  /** Oldest first. */
  entries(job?: string): LedgerEntry[] {
    const query = job === undefined ? {} : { namespaces: ['lab'], job };
    return [...this.history.query({ ...query, limit: 100_000 }).entries].reverse();
  }

  start(death?: Death): void {
    this.#running = this.#live(death);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const running = this.#running;
    await this.#pool.clock.advance(10_000);
    await running;
  }

  async #live(death: Death | undefined): Promise<void> {
    const clock: Clock = this.#pool.clock;
    const options = parseOptions(['--retry-base', '1s', '--hold-down', '5s']);
    const log = pino(
      // The whole of every error; pino's own way writes into what it serialises, and objects of this API are frozen.
      {
        level: 'trace',
        serializers: { err: (error: Error) => ({ ...error, message: error.message, stack: error.stack }) },
      },
      new Writable({ write: (text, _encoding, done) => (this.#hear(text as Buffer), done()) }),
    );
    while (!this.#stop.signal.aborted) {
      const life = ++this.#lives;
      const body = mortal(
        this.#listening(this.#wrap(this.#pool.api.transport({ user: 'operator' }))),
        life === 1 ? death : undefined,
      );
      const random = new Random(life);
      const registry = new Registry();
      const operator = assembleOperator({
        ...{ options, clock, log, registry, instance: `operator-${life}`, history: this.history },
        transport: body.transport,
        newId: () => random.hex(32),
        random: random.uniform,
      });
      await operator.run(AbortSignal.any([this.#stop.signal, body.dead]));
      this.#writes += body.writes();
      this.#hear(await registry.metrics());
      if (body.dead.aborted) await clock.sleep(2_000, this.#stop.signal).catch(() => undefined);
    }
  }

  #listening(inner: Transport): Transport {
    return {
      ...inner,
      request: (request) => {
        const text = `${request.path} ${JSON.stringify(request.body)}`;
        if (/\/secrets(\/|$)/.test(request.path)) this.#secrets.push(text);
        else this.#hear(text);
        return inner.request(request);
      },
    };
  }

  #hear(text: string | Buffer): void {
    this.#said.push(String(text));
  }
}
