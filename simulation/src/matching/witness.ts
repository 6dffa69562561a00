// The whole operator at a small simulated pool, and everything that it asks of the API server: what, when, and how often.
// For tests of matching, the queue and preemption only.

import type { ComputeJob, ComputeJobSpec } from '@idlewild/operator/api/compute-job.ts';
import { getCondition } from '@idlewild/operator/api/conditions.ts';
import { computeJobs } from '@idlewild/operator/api/resources.ts';
import { errorFromResponse } from '@idlewild/operator/kube/errors.ts';
import type { Transport, TransportRequest } from '@idlewild/operator/kube/transport.ts';
import { openAttempt } from '@idlewild/operator/model/job.ts';
import { pino } from 'pino';
import { Pool, type Rooms } from '../crash/pool.ts';
import type { Death } from '../faults/mortal-transport.ts';
import type { Behaviour } from '../kubevirt/behaviour.ts';
import { Lives } from '../runtime/lives.ts';
import { Random } from '../world/random.ts';

export const secondMs = 1_000;
export const minuteMs = 60_000;

export interface Asked extends Pick<TransportRequest, 'method' | 'path' | 'body'> {
  /** On the virtual clock, from 0. */
  readonly atMs: number;
}

/** What a request meets instead of its answer: a refusal, or a delay before it is carried out. */
export type Fate = { readonly status: number; readonly message: string } | { readonly delayMs: number } | undefined;

export interface WitnessOptions {
  /** Names of machines in one room, or rooms by machine. Each lends two cores. */
  readonly machines: readonly string[] | Rooms;
  readonly flags?: readonly string[];
  readonly behaviour?: Partial<Behaviour>;
  readonly fate?: (request: TransportRequest, witness: Witness) => Fate;
  /** How the first operator ends. */
  readonly death?: Death | undefined;
}

/** All that a machine lends. */
export const whole = { resources: { cores: 2, memory: '128Mi', gpus: 0 } } as const;
export const image = (name: string) => ({ image: { containerDisk: `sim/${name}` } });

export class Witness {
  readonly pool: Pool;
  readonly asked: Asked[] = [];
  readonly #lives: Lives;

  constructor(o: WitnessOptions) {
    const rooms: Rooms = Array.isArray(o.machines)
      ? Object.fromEntries(o.machines.map((name: string) => [name, 'lab-a']))
      : (o.machines as Rooms);
    const log = pino({ level: process.env['IDLEWILD_LOG'] ?? 'silent' });
    const random = new Random(1);
    this.pool = new Pool({ rooms, behaviour: o.behaviour ?? {}, random: random.fork('pool'), log });
    const { clock, api } = this.pool;
    this.#lives = new Lives({
      ...{ clock, operatorClock: clock, log, restartMs: 2_000, random: random.fork('operator') },
      flags: ['--retry-base', '1s', '--hold-down', '5s', ...(o.flags ?? [])],
      transport: () => this.#listening(api.transport({ user: 'operator' }), o.fate),
      death: (life) => (life === 1 ? o.death : undefined),
    });
    this.#lives.start();
  }

  get writes(): number {
    return this.#lives.writes;
  }

  get nowMs(): number {
    return this.pool.clock.monotonic();
  }

  submit(name: string, spec: Partial<ComputeJobSpec> = {}): void {
    this.pool.submit(name, { ...image('for-ever'), ...spec });
  }

  job(name: string): ComputeJob | undefined {
    return this.pool.job(name);
  }

  jobs(): readonly ComputeJob[] {
    return this.pool.api.list<ComputeJob>(computeJobs);
  }

  /** Where the job's open attempt is, from the claim on. */
  on(name: string): string | undefined {
    const job = this.job(name);
    return job && openAttempt(job)?.node;
  }

  condition(name: string, type: string) {
    return getCondition(this.job(name)?.status?.conditions, type);
  }

  advance(ms: number): Promise<void> {
    return this.pool.clock.advance(ms);
  }

  async until(what: string, holds: () => boolean, withinMs = 30 * minuteMs): Promise<void> {
    if (await this.pool.clock.runUntil(holds, this.nowMs + withinMs)) return;
    const jobs = this.jobs().map(({ metadata, status }) => ({ name: metadata.name, status }));
    throw new Error(`never: ${what}; ${JSON.stringify(jobs.slice(0, 5))}`);
  }

  runs(name: string): Promise<void> {
    return this.until(`${name} runs`, () => this.pool.runsOn(name) !== undefined);
  }

  /** Requests for the status of one job, or of all of them. */
  statusWrites(name?: string): Asked[] {
    const path = name === undefined ? /\/computejobs\/[^/]+\/status$/ : new RegExp(`/computejobs/${name}/status$`);
    return this.asked.filter((each) => each.method === 'PATCH' && path.test(each.path));
  }

  /** Events that tell of the job, in the order in which they were sent. */
  events(name: string): { readonly reason: string; readonly note: string }[] {
    return this.asked.flatMap(({ method, path, body }) => {
      if (method !== 'POST' || !path.endsWith('/events')) return [];
      const event = body as { reason: string; note: string; regarding?: { name?: string } };
      return event.regarding?.name === name ? [{ reason: event.reason, note: event.note }] : [];
    });
  }

  async close(): Promise<void> {
    const stopped = this.#lives.stop();
    await this.advance(10_000);
    await stopped;
    if (this.pool.twins.length > 0) throw new Error(`two live guests of one job: ${this.pool.twins.join('; ')}`);
  }

  #listening(inner: Transport, fate: WitnessOptions['fate']): Transport {
    return {
      ...inner,
      request: async (request) => {
        const { method, path, body } = request;
        this.asked.push({ method, path, body, atMs: this.nowMs });
        const met = fate?.(request, this);
        if (met && 'delayMs' in met) await this.pool.clock.sleep(met.delayMs);
        if (met && 'status' in met) {
          const answer = { kind: 'Status', status: 'Failure', message: met.message, code: met.status };
          throw errorFromResponse(`${method} ${path}`, met.status, answer, undefined);
        }
        return inner.request(request);
      },
    };
  }
}

export async function at(o: WitnessOptions, play: (witness: Witness) => Promise<void>): Promise<void> {
  const witness = new Witness(o);
  try {
    await play(witness);
  } finally {
    await witness.close();
  }
}
