// A login as a cookie: the user's token, encrypted and authenticated under a key that all replicas share.
// Promises: the server keeps nothing of it; what is not ours, is over or was sealed under a key that is no longer known is no
// session. Must not decide whether the token is still good: the API server does, again and again.

import { createHash } from 'node:crypto';
import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import type { Clock } from '../kube/clock.ts';

/** What the cookie holds. */
export interface Session {
  readonly token: string;
  /** When it ends whatever happens, ms since the epoch. */
  readonly untilMs: number;
  /** The same session has the same one; tickets are bound to it. */
  readonly id: string;
}

/** Browsers keep 4096 bytes of a cookie, its name and attributes included. */
const longestCookie = 3_900;
const longestMs = 12 * 3_600_000;
const keyBytes = 32;

export class TokenTooLong extends Error {}

export class Sessions {
  readonly #keys: readonly { readonly id: string; readonly key: Uint8Array }[];
  readonly #clock: Clock;

  /** @param keys 32 bytes each; the first seals, all of them open, so that keys can be changed without logging anybody out. */
  constructor(keys: readonly Uint8Array[], clock: Clock) {
    if (keys.length === 0) throw new RangeError('keys: at least one is needed');
    if (keys.some(({ length }) => length !== keyBytes)) throw new RangeError(`keys: each has ${keyBytes} bytes`);
    this.#keys = keys.map((key) => ({ id: createHash('sha256').update(key).digest('base64url').slice(0, 8), key }));
    this.#clock = clock;
  }

  /** @returns the cookie's value and when it ends. Throws TokenTooLong. */
  async seal(token: string): Promise<{ readonly value: string; readonly untilMs: number }> {
    const now = this.#clock.now();
    const untilMs = Math.min(now + longestMs, expiryOf(token) ?? Infinity);
    const value = await this.encrypt({ t: token }, 'session', untilMs);
    if (value.length > longestCookie) throw new TokenTooLong();
    return { value, untilMs };
  }

  async open(value: string): Promise<Session | undefined> {
    const claims = await this.decrypt(value, 'session');
    if (claims === undefined || typeof claims['t'] !== 'string') return undefined;
    const id = createHash('sha256').update(value).digest('base64url');
    return { token: claims['t'], untilMs: Number(claims['exp']) * 1000, id };
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
