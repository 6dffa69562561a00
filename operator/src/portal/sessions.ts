// A login as a cookie: who it is for and what proves it, encrypted and authenticated under keys that all replicas share.
// Promises: nothing is lost with the server; what is not ours, is over or was sealed under a key that is no longer known is no session;
// one that is used is prolonged, up to an end that nothing prolongs. Must not decide whether the proof is still good: whoever gave it
// is asked, again and again.

import { createHash, randomBytes } from 'node:crypto';
import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import type { Clock } from '../kube/clock.ts';
import type { User } from '../server/authentication.ts';
import { ExpiringCache } from '../server/expiring-cache.ts';

/** By what somebody is known. */
export type Proof =
  | { readonly kind: 'token'; readonly token: string }
  | {
      readonly kind: 'oidc';
      readonly user: User;
      /** Of the issuer, for it may call the user something else. */
      readonly subject: string;
      readonly access: string;
      readonly refresh?: string | undefined;
      /** When the issuer's word ends, ms since the epoch. */
      readonly goodUntilMs: number;
    };

export interface Session {
  readonly proof: Proof;
  /** When it ends unless it is prolonged, ms since the epoch. */
  readonly untilMs: number;
  /** When it ends whatever happens. */
  readonly endMs: number;
  /** Stays the same when it is prolonged; tickets are bound to it. */
  readonly id: string;
}

const longestMs = 12 * 3_600_000;
/** Without being prolonged. */
const idleMs = 2 * 3_600_000;
const keyBytes = 32;
const mostKnown = 10_000;

export class Sessions {
  readonly #keys: readonly { readonly id: string; readonly key: Uint8Array }[];
  readonly #clock: Clock;
  /** What this replica has heard of sessions whose older cookies are still held by open streams; only ever a hint. */
  readonly #latest = new ExpiringCache<Session | 'ended'>({ lifeMs: longestMs, capacity: mostKnown });

  /** @param keys 32 bytes each; the first seals, all of them open, so that keys can be changed without logging anybody out. */
  constructor(keys: readonly Uint8Array[], clock: Clock) {
    if (keys.length === 0) throw new RangeError('keys: at least one is needed');
    if (keys.some(({ length }) => length !== keyBytes)) throw new RangeError(`keys: each has ${keyBytes} bytes`);
    this.#keys = keys.map((key) => ({ id: createHash('sha256').update(key).digest('base64url').slice(0, 8), key }));
    this.#clock = clock;
  }

  begin(proof: Proof): Session {
    return this.#lasting(proof, randomBytes(16).toString('base64url'), this.#clock.now() + longestMs);
  }

  /** The same session, from now on. */
  prolong({ id, endMs }: Session, proof: Proof): Session {
    const session = this.#lasting(proof, id, endMs);
    this.#latest.set(id, session, this.#clock.monotonic());
    return session;
  }

  /** Older copies of it are good for nothing at this replica. */
  end({ id }: Session): void {
    this.#latest.set(id, 'ended', this.#clock.monotonic());
  }

  async seal({ proof, untilMs, endMs, id }: Session): Promise<string> {
    return this.encrypt({ p: proof, e: endMs, i: id, u: untilMs }, 'session', endMs);
  }

  /** @param held for long by an open stream: then it counts what has become of the session since. */
  async open(value: string, held = false): Promise<Session | undefined> {
    const claims = await this.decrypt(value, 'session');
    if (claims === undefined) return undefined;
    const { p: proof, e: endMs, i: id, u: untilMs } = claims as { p: Proof; e: number; i: string; u: number };
    const latest = this.#latest.get(id, this.#clock.monotonic());
    if (latest === 'ended') return undefined;
    const session = held && latest !== undefined ? latest : { proof, untilMs, endMs, id };
    return session.untilMs > this.#clock.now() ? session : undefined;
  }

  /** Seals anything small; what was sealed for one `purpose` does not open for another. */
  async encrypt(claims: Readonly<Record<string, unknown>>, purpose: string, untilMs: number): Promise<string> {
    const { id, key } = this.#keys[0]!;
    return new EncryptJWT({ ...claims })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id })
      .setAudience(purpose)
      .setExpirationTime(Math.floor(untilMs / 1000))
      .encrypt(key);
  }

  /** Undefined for what is not ours or is over. */
  async decrypt(value: string, purpose: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    try {
      const keyOf = ({ kid }: { kid?: string | undefined }): Uint8Array =>
        (this.#keys.find(({ id }) => id === kid) ?? this.#keys[0]!).key;
      const { payload } = await jwtDecrypt(value, keyOf, {
        audience: purpose,
        currentDate: new Date(this.#clock.now()),
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  #lasting(proof: Proof, id: string, latestMs: number): Session {
    // A new word of the issuer prolongs it; a token of the cluster is all that there will be.
    const final = proof.kind === 'token' ? (expiryOf(proof.token) ?? Infinity) : proof.goodUntilMs;
    const canBeRenewed = proof.kind === 'oidc' && proof.refresh !== undefined;
    const endMs = Math.min(latestMs, canBeRenewed ? Infinity : final);
    return { proof, id, endMs, untilMs: Math.min(endMs, final, this.#clock.now() + idleMs) };
  }
}

/** When a JWT says that it ends; its issuer has been asked about the rest. */
function expiryOf(token: string): number | undefined {
  const [, payload] = token.split('.');
  if (payload === undefined) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    // A token of another form says nothing about its end.
    return undefined;
  }
}
