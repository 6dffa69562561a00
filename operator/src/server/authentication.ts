// Who asks: a bearer token of the cluster, checked by its API server (TokenReview).
// Promises: an answer is believed for ten seconds at most; a token is neither kept nor logged, only a digest of it is; an
// address that keeps guessing is asked to wait before the API server hears of its next guess.

import { createHash } from 'node:crypto';
import type { Request } from 'express';
import { tokenReviews } from '../api/resources.ts';
import { TokenBucket } from '../kube/backoff.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { ExpiringCache } from './expiring-cache.ts';
import { Problem } from './problem.ts';

/** A user as the API server knows them. */
export interface User {
  readonly name: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly user?: {
      readonly username?: string;
      readonly uid?: string;
      readonly groups?: readonly string[];
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
}

const believedMs = 10_000;
const mostTokens = 1_000;
const longestToken = 8 * 1024;
const reviewTimeoutMs = 5_000;
/** Failures of one address: so many at once, then one per second. Of all addresses together ten times as many. */
const failures = { perSecond: 1, burst: 10 };
const failuresOfAll = { perSecond: 10, burst: 100 };
const mostAddresses = 5_000;
const addressMs = 10 * 60_000;
/** RFC 6750, section 2.1. */
const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

interface Guesses {
  readonly bucket: TokenBucket;
  /** Monotonic ms. */
  blockedUntil: number;
}

export class Authentication {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  /** By digest of the token; undefined: the token is no good. */
  readonly #known = new ExpiringCache<Promise<User | undefined>>({ lifeMs: believedMs, capacity: mostTokens });
  readonly #addresses = new ExpiringCache<Guesses>({ lifeMs: addressMs, capacity: mostAddresses });
  readonly #all: Guesses = { bucket: new TokenBucket(failuresOfAll), blockedUntil: 0 };

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Throws Problem 401, 429 when the address has failed too often, 503 when nobody can tell. */
  async userOf(request: Request): Promise<User> {
    const token = tokenOf(request);
    if (token === undefined) throw notAuthenticated('a bearer token of the cluster is needed');
    return this.userOfToken(token, request.socket.remoteAddress ?? '');
  }

  /**
   * The same for a token that came by another way than the header.
   * @param address whose guess it is, should it be none.
   */
  async userOfToken(token: string, address: string): Promise<User> {
    const digest = createHash('sha256').update(token).digest('base64');
    const now = this.#clock.monotonic();
    let answer = this.#known.get(digest, now);
    if (!answer) {
      this.#refuseGuessers(address, now);
      answer = this.#review(token);
      this.#known.set(digest, answer, now);
      answer.catch(() => this.#known.delete(digest));
    }
    let user: User | undefined;
    try {
      user = await answer;
    } catch (error) {
      throw new Problem(503, 'the API server could not be asked who you are', { cause: error });
    }
    if (user) return user;
    this.#failed(address);
    throw notAuthenticated('the bearer token is not valid in this cluster');
  }

  async #review(token: string): Promise<User | undefined> {
    const signal = AbortSignal.timeout(reviewTimeoutMs);
    const { status } = await this.#client.create<TokenReview>(
      tokenReviews,
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec: { token } },
      { signal },
    );
    const { username, uid, groups = [], extra = {} } = status?.user ?? {};
    if (status?.authenticated !== true || !username) return undefined;
    return { name: username, uid, groups, extra };
  }

  #refuseGuessers(address: string, now: number): void {
    for (const { blockedUntil } of [this.#guessesOf(address, now), this.#all]) {
      if (blockedUntil <= now) continue;
      const seconds = Math.ceil((blockedUntil - now) / 1000);
      throw new Problem(429, `too many tokens were not valid; try again in ${seconds} s`, {
        headers: { 'retry-after': String(seconds) },
      });
    }
  }

  #failed(address: string): void {
    const now = this.#clock.monotonic();
    for (const guesses of [this.#guessesOf(address, now), this.#all]) {
      const waitMs = guesses.bucket.reserve(now);
      if (waitMs > 0) guesses.blockedUntil = now + waitMs;
    }
  }

  #guessesOf(address: string, now: number): Guesses {
    const known = this.#addresses.get(address, now) ?? { bucket: new TokenBucket(failures), blockedUntil: 0 };
    this.#addresses.set(address, known, now);
    return known;
  }
}

/** The bearer token of the Authorization header, if there is one of the right form. */
export function tokenOf(request: Pick<Request, 'headers'>): string | undefined {
  const header = request.headers.authorization ?? '';
  return header.length > longestToken ? undefined : bearer.exec(header)?.[1];
}

function notAuthenticated(detail: string): Problem {
  return new Problem(401, detail, { headers: { 'www-authenticate': 'Bearer realm="idlewild"' } });
}
