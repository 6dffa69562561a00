// A transport on which things go wrong, seeded: the same seed and the same requests give the same faults.
// Promises: each watch tells its events in order, but watches lag each other; what fails is a KubeError as a real connection
// would give it; once `calm` was called nothing more goes wrong.

import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { errorFromResponse, KubeError } from '@idlewild/operator/kube/errors.ts';
import type { Transport, TransportRequest, TransportResponse } from '@idlewild/operator/kube/transport.ts';
import type { Random } from '../world/random.ts';
import type { FaultKind, FaultRates } from './fault-plan.ts';
import { faultyWatch } from './faulty-watch.ts';
import type { SkewedClock } from './skewed-clock.ts';

const longestMs = 10_000;
/** Lists come in pages so small, whatever is asked for, where pages are to expire: a server may always give less. */
const pageSize = 2;
const leastMsBetweenJumps = 10_000;
const mostMsBetweenJumps = 50_000;

export class Faults {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #rates: FaultRates;
  readonly #counts = new Map<FaultKind, number>();
  #calm = false;

  constructor(o: { clock: Clock; random: Random; rates: FaultRates }) {
    this.#clock = o.clock;
    this.#random = o.random;
    this.#rates = o.rates;
  }

  /** How often each fault came. */
  get counts(): ReadonlyMap<FaultKind, number> {
    return this.#counts;
  }

  /** From now on everything works. */
  calm(): void {
    this.#calm = true;
  }

  transport(inner: Transport): Transport {
    const { watch } = inner;
    return {
      server: inner.server,
      close: () => inner.close(),
      request: (request) => this.#request(inner, request),
      stream: async (request) => {
        if (this.strikes('resetBefore')) throw this.reset('GET', request.path);
        return inner.stream(request);
      },
      ...(watch && { watch: (request) => faultyWatch(this, watch, request, this.#clock) }),
    };
  }

  /** Sets the clock wrong, now and again and again. */
  skew(clock: SkewedClock): void {
    const { skewMs } = this.#rates;
    if (skewMs === 0) return;
    this.#count('skewMs');
    clock.skewMs = this.#calm ? 0 : Math.round(this.#random.between(-skewMs, skewMs));
    if (this.#calm) return;
    const nextMs = this.#random.between(leastMsBetweenJumps, mostMsBetweenJumps);
    this.#clock.setTimeout(() => this.skew(clock), nextMs);
  }

  /** Whether the fault comes this time. */
  strikes(kind: FaultKind): boolean {
    const rate = this.#rates[kind];
    if (this.#calm || rate === 0 || !this.#random.chance(rate)) return false;
    this.#count(kind);
    return true;
  }

  lagMs(mostMs: number): number {
    return this.#random.between(1, mostMs);
  }

  reset(method: string, path: string): KubeError {
    return new KubeError(`${method} ${path}: the connection was reset`, { kind: 'network' });
  }

  #count(kind: FaultKind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  async #request(inner: Transport, asked: TransportRequest): Promise<TransportResponse> {
    const request = this.#inPages(asked);
    const { method, path, query } = request;
    const refused = (status: number, reason: string, retryAfter?: string): KubeError => {
      const body = { kind: 'Status', status: 'Failure', reason, message: `${reason}, by way of trial`, code: status };
      return errorFromResponse(`${method} ${path}`, status, body, retryAfter, 0);
    };
    if (this.strikes('slow')) await this.#wait(request);
    if (this.strikes('resetBefore')) throw this.reset(method, path);
    if (this.strikes('throttled')) throw refused(429, 'TooManyRequests', '1');
    if (isUpdate(request) && this.strikes('conflict')) throw refused(409, 'Conflict');
    if (query?.['continue'] && this.strikes('expiredPage')) throw refused(410, 'Expired');
    if (this.strikes('serverError')) {
      if (method !== 'GET' && this.#random.chance(0.5)) await inner.request(request).catch(() => undefined);
      throw refused(500, 'InternalError');
    }
    const cutOff = this.strikes('resetAfter');
    const slow = this.strikes('slow');
    let response: TransportResponse | undefined;
    let failure: unknown;
    try {
      response = await inner.request(request);
    } catch (error) {
      failure = error;
    }
    if (slow) await this.#wait(request);
    if (cutOff) throw this.reset(method, path);
    if (response === undefined) throw failure;
    return response;
  }

  #inPages(request: TransportRequest): TransportRequest {
    const { query } = request;
    if (this.#calm || this.#rates.expiredPage === 0 || query?.['limit'] === undefined) return request;
    return { ...request, query: { ...query, limit: pageSize } };
  }

  async #wait({ method, path, signal }: TransportRequest): Promise<void> {
    try {
      await this.#clock.sleep(this.lagMs(longestMs), signal);
    } catch (cause) {
      throw new KubeError(`${method} ${path}: aborted`, { kind: 'aborted', cause });
    }
  }
}

function isUpdate({ method }: TransportRequest): boolean {
  return method === 'PATCH' || method === 'PUT';
}
