// Runs something in one process at a time, by a Lease.
// Promises: `onLead`'s signal is aborted before anybody else can hold the lease (renewDeadline < leaseDuration, counted from
// before the last renewal was sent); the lease is released only after `onLead` has ended.

import type { Logger } from 'pino';
import { leases } from '../api/resources.ts';
import type { Lease } from '../api/kubernetes.ts';
import type { KubeClient } from './client.ts';
import { systemClock, type Clock } from './clock.ts';
import { isAlreadyExists, isConflict, isNotFound, KubeError, toKubeError } from './errors.ts';
import {
  checkTerms,
  claimSpec,
  heldForMs,
  jitterFactor,
  observe,
  releaseSpec,
  type LeaseTerms,
  type Observation,
} from './lease-rules.ts';

export interface LeaderOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process: the pod's name, or host name and a random part. */
  readonly identity: string;
  readonly leaseDurationMs?: number | undefined;
  readonly renewDeadlineMs?: number | undefined;
  readonly retryPeriodMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Runs while we lead; must end soon after its signal is aborted. */
  readonly onLead: (signal: AbortSignal) => Promise<void>;
  /** Told at every change, for a metric. */
  readonly onChange?: ((leading: boolean) => void) | undefined;
}

/**
 * Waits for the lease, leads, and ends: "stopped" when `signal` was aborted or `onLead` returned (the lease is released),
 * "lost" when it could not be renewed in time (the process should exit). What `onLead` throws is thrown on.
 */
export async function runWithLease(options: LeaderOptions): Promise<'lost' | 'stopped'> {
  const candidate = new Candidate(options);
  if (!(await candidate.acquire())) return 'stopped';
  return candidate.lead();
}

class Candidate {
  readonly #o: LeaderOptions;
  readonly #terms: LeaseTerms;
  readonly #clock: Clock;
  readonly #log: Logger;
  #seen: Observation | undefined;
  #renewedAt = 0;

  constructor(options: LeaderOptions) {
    if (!options.identity) throw new RangeError('identity: must not be empty');
    this.#o = options;
    this.#terms = {
      leaseDurationMs: options.leaseDurationMs ?? 15_000,
      renewDeadlineMs: options.renewDeadlineMs ?? 10_000,
      retryPeriodMs: options.retryPeriodMs ?? 2_000,
    };
    checkTerms(this.#terms);
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log.child({ lease: `${options.namespace}/${options.name}`, identity: options.identity });
  }

  /** True when we hold the lease, false when the caller's signal ended the wait. */
  async acquire(): Promise<boolean> {
    const { signal } = this.#o;
    const random = this.#o.random ?? Math.random;
    let holder: string | undefined;
    while (!signal.aborted) {
      try {
        if (await this.#takeOrRenew(signal)) return true;
        const now = this.#seen?.lease.spec?.holderIdentity ?? '';
        if (now !== holder) this.#log.info({ holder: now }, 'another process leads, waiting');
        holder = now;
      } catch (error) {
        if (signal.aborted) break;
        this.#log.warn({ err: toKubeError(error).message }, 'could not read or take the lease, will try again');
      }
      await this.#pause(this.#terms.retryPeriodMs * (1 + (jitterFactor - 1) * random()), signal);
    }
    return false;
  }

  async lead(): Promise<'lost' | 'stopped'> {
    const { signal, onLead, onChange } = this.#o;
    this.#log.info('leading');
    onChange?.(true);
    const term = new AbortController();
    const onAbort = (): void => term.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) term.abort();
    let kept = true;
    try {
      const renewing = this.#keepRenewing(term.signal).then((lost) => {
        if (lost) kept = false;
        term.abort();
      });
      try {
        await onLead(term.signal);
      } finally {
        term.abort();
        await renewing;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      onChange?.(false);
      if (kept) await this.#release();
    }
    return kept ? 'stopped' : 'lost';
  }

  /** Renews until `signal` is aborted (false) or the lease must be taken for lost (true). */
  async #keepRenewing(signal: AbortSignal): Promise<boolean> {
    const { retryPeriodMs, renewDeadlineMs } = this.#terms;
    let pauseMs = retryPeriodMs;
    for (;;) {
      await this.#pause(Math.min(pauseMs, this.#remainingMs()), signal);
      if (signal.aborted) return false;
      const remaining = this.#remainingMs();
      if (remaining <= 0) {
        this.#log.error({ renewDeadlineMs }, 'the lease could not be renewed in time');
        return true;
      }
      const attempt = new AbortController();
      const giveUp = (): void => attempt.abort();
      signal.addEventListener('abort', giveUp, { once: true });
      // A connection to a server that is gone without a word must leave time for another one.
      const deadline = this.#clock.setTimeout(giveUp, Math.min(remaining, renewDeadlineMs / 2));
      pauseMs = retryPeriodMs;
      try {
        if (!(await this.#takeOrRenew(attempt.signal))) {
          this.#log.error({ holder: this.#seen?.lease.spec?.holderIdentity }, 'the lease was taken by another process');
          return true;
        }
      } catch (error) {
        if (signal.aborted) return false;
        if (attempt.signal.aborted) pauseMs = 0;
        this.#log.warn({ err: toKubeError(error).message }, 'could not renew the lease');
      } finally {
        deadline.cancel();
        signal.removeEventListener('abort', giveUp);
      }
    }
  }

  /** Until the last renewal is too old to go on leading. */
  #remainingMs(): number {
    return this.#renewedAt + this.#terms.renewDeadlineMs - this.#clock.monotonic();
  }

  /** One try: true when we hold the lease afterwards. */
  async #takeOrRenew(signal: AbortSignal): Promise<boolean> {
    const { identity } = this.#o;
    let seen = this.#seen;
    // A leader renews what it wrote last without reading first; only a conflict makes it look.
    if (seen?.lease.spec?.holderIdentity !== identity) {
      seen = await this.#read(signal);
      if (!seen) return this.#write(undefined, signal);
      if (heldForMs(seen, identity, this.#clock.monotonic()) > 0) return false;
    }
    try {
      return await this.#write(seen.lease, signal);
    } catch (error) {
      if (isNotFound(error)) return this.#write(undefined, signal);
      if (!isConflict(error)) throw error;
      // To the API server, a change of one that was deleted is a conflict: the uid that it names is nobody's.
      seen = await this.#read(signal);
      if (seen && seen.lease.spec?.holderIdentity !== identity) return false;
      return this.#write(seen?.lease, signal);
    }
  }

  /** Undefined when there is none. */
  async #read(signal: AbortSignal): Promise<Observation | undefined> {
    const { client, namespace, name } = this.#o;
    try {
      const lease = await client.get<Lease>(leases, { namespace, name }, { signal });
      return (this.#seen = observe(this.#seen, lease, this.#clock.monotonic()));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return undefined;
    }
  }

  /** Creates (no `previous`) or updates the lease in our name; false when somebody else was quicker to create it. */
  async #write(previous: Lease | undefined, signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, identity } = this.#o;
    const sentAt = this.#clock.monotonic();
    const spec = claimSpec(previous?.spec, identity, this.#terms.leaseDurationMs, this.#clock.now());
    let lease: Lease;
    if (previous) {
      lease = await client.replace<Lease>(leases, { ...previous, spec }, { signal });
    } else {
      try {
        lease = await client.create<Lease>(leases, { metadata: { namespace, name }, spec }, { signal });
      } catch (error) {
        if (isAlreadyExists(error)) return false;
        throw error;
      }
    }
    signal.throwIfAborted();
    this.#seen = { lease, atMs: sentAt };
    this.#renewedAt = sentAt;
    return true;
  }

  async #release(): Promise<void> {
    const lease = this.#seen?.lease;
    if (lease?.spec?.holderIdentity !== this.#o.identity) return;
    try {
      await this.#o.client.replace<Lease>(leases, { ...lease, spec: releaseSpec(lease.spec, this.#clock.now()) });
      this.#log.info('lease released');
    } catch (error) {
      const { message } = toKubeError(error);
      this.#log.warn({ err: message }, 'could not release the lease, the next leader waits until it runs out');
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error instanceof Error ? error : new KubeError('sleep failed', { kind: 'aborted' });
    }
  }
}
