// The issuer of OpenID Connect that this lab trusts, as one of its clients: authorization code with PKCE, state and nonce.
// Promises: it is looked for when somebody logs in and not before, so that the portal starts without it; what goes wrong is one of the
// words of login-troubles.ts; secrets and tokens are neither logged nor part of an error. A login that the issuer has withdrawn is
// noticed within a minute; an issuer that does not answer ends no login, as with an API server, which never asks it.

import { createHash } from 'node:crypto';
import { Agent, fetch as plainFetch } from 'undici';
import * as client from 'openid-client';
import type { Logger } from 'pino';
import type { Clock } from '../kube/clock.ts';
import type { User } from '../server/authentication.ts';
import { ExpiringCache } from '../server/expiring-cache.ts';
import { ClaimRefused, userOfClaims, type ClaimRules } from './claims.ts';
import type { LoginTrouble } from './login-troubles.ts';
import type { Proof } from './sessions.ts';

export interface OidcOptions {
  readonly rules: ClaimRules;
  readonly clientId: string;
  /** Without it the portal is a public client, with PKCE alone. */
  readonly clientSecret?: string | undefined;
  readonly scope: string;
  /** What the page's button calls it. */
  readonly label: string;
  /** PEM, when the system does not trust its certificate. */
  readonly ca?: string | undefined;
}

export type OidcProof = Extract<Proof, { kind: 'oidc' }>;

/** What the browser keeps between the two halves of a login, sealed. */
export interface Begun {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export class LoginFailed extends Error {
  readonly trouble: LoginTrouble;

  constructor(trouble: LoginTrouble, options?: ErrorOptions) {
    super(trouble, options);
    this.trouble = trouble;
  }
}

const timeoutSeconds = 5;
const believedMs = 60_000;
const mostKnown = 5_000;
const unsound = new Set([
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_KEY_SELECTION_FAILED',
]);

export class Oidc {
  readonly #o: OidcOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  #found: Promise<client.Configuration> | undefined;
  /** By digest of the access token: whether the issuer still stands by it. */
  readonly #believed = new ExpiringCache<Promise<boolean>>({ lifeMs: believedMs, capacity: mostKnown });

  constructor(o: OidcOptions, clock: Clock, log: Logger) {
    this.#o = o;
    this.#clock = clock;
    this.#log = log;
  }

  get label(): string {
    return this.#o.label;
  }

  /** Throws LoginFailed. @returns where the browser goes, and what it must bring back. */
  async begin(redirectUri: string): Promise<{ readonly url: URL; readonly begun: Begun }> {
    const config = await this.#issuer();
    const begun = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
    };
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: this.#o.scope,
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: 'S256',
    });
    return { url, begun };
  }

  /** Throws LoginFailed. @param answer the address that the issuer sent the browser back to. */
  async finish(answer: URL, { state, nonce, verifier }: Begun): Promise<OidcProof> {
    if (answer.searchParams.get('state') !== state) throw new LoginFailed('mismatch');
    const config = await this.#issuer();
    const tokens = await this.#asked(() =>
      client.authorizationCodeGrant(config, answer, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      }),
    );
    const claims = tokens.claims();
    if (claims === undefined) throw new LoginFailed('unsound');
    return this.#proofOf(tokens, claims);
  }

  /** A new word of the issuer for the same user. Throws LoginFailed. Without a refresh token it is the old one. */
  async renew(proof: OidcProof): Promise<OidcProof> {
    const { refresh } = proof;
    if (refresh === undefined) return proof;
    const config = await this.#issuer();
    const tokens = await this.#asked(() => client.refreshTokenGrant(config, refresh));
    const claims = tokens.claims();
    if (claims === undefined) {
      const goodUntilMs = this.#endOf(tokens, undefined);
      return { ...proof, access: tokens.access_token, refresh: tokens.refresh_token ?? refresh, goodUntilMs };
    }
    if (claims.sub !== proof.subject) throw new LoginFailed('unsound');
    return { refresh, ...this.#proofOf(tokens, claims) };
  }

  /** Whether the login still holds, as far as the issuer can be asked. */
  async stillGood(proof: OidcProof): Promise<boolean> {
    if (proof.goodUntilMs <= this.#clock.now()) return false;
    const digest = createHash('sha256').update(proof.access).digest('base64');
    const now = this.#clock.monotonic();
    let answer = this.#believed.get(digest, now);
    if (answer === undefined) {
      answer = this.#ask(proof);
      this.#believed.set(digest, answer, now);
    }
    return answer;
  }

  /** The issuer forgets the tokens, where it offers that. @returns where the browser goes to log out there, if anywhere. */
  async end({ access, refresh }: OidcProof, afterwards: string): Promise<URL | undefined> {
    try {
      const config = await this.#issuer();
      const { end_session_endpoint: page, revocation_endpoint: revoking } = config.serverMetadata();
      if (revoking !== undefined) {
        for (const token of [refresh, access]) if (token !== undefined) await client.tokenRevocation(config, token);
      }
      return page === undefined
        ? undefined
        : client.buildEndSessionUrl(config, { post_logout_redirect_uri: afterwards });
    } catch (error) {
      this.#log.warn({ reason: reasonOf(error) }, 'the login service did not hear of a logout');
      return undefined;
    } finally {
      this.#believed.delete(createHash('sha256').update(access).digest('base64'));
    }
  }

  async #ask({ access, subject }: OidcProof): Promise<boolean> {
    try {
      const config = await this.#issuer();
      if (config.serverMetadata().userinfo_endpoint === undefined) return true;
      await client.fetchUserInfo(config, access, subject);
      return true;
    } catch (error) {
      if (error instanceof client.WWWAuthenticateChallengeError && error.status < 500) return false;
      this.#log.warn({ reason: reasonOf(error) }, 'the login service could not be asked whether a login still holds');
      return true;
    }
  }

  #proofOf(
    tokens: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers,
    claims: client.IDToken,
  ): OidcProof {
    return {
      kind: 'oidc',
      user: this.#userOf(claims),
      subject: claims.sub,
      access: tokens.access_token,
      ...(tokens.refresh_token === undefined ? {} : { refresh: tokens.refresh_token }),
      goodUntilMs: this.#endOf(tokens, claims),
    };
  }

  #endOf({ expires_in: seconds }: client.TokenEndpointResponse, claims: client.IDToken | undefined): number {
    const now = this.#clock.now();
    if (seconds !== undefined) return now + seconds * 1000;
    return claims === undefined ? now + believedMs : claims.exp * 1000;
  }

  #userOf(claims: client.IDToken): User {
    try {
      return userOfClaims(claims, this.#o.rules);
    } catch (error) {
      if (!(error instanceof ClaimRefused)) throw error;
      this.#log.warn({ reason: error.message }, 'somebody whom the login service knows is nobody here');
      throw new LoginFailed('nobody', { cause: error });
    }
  }

  #issuer(): Promise<client.Configuration> {
    if (this.#found === undefined) {
      const looking = this.#discover();
      this.#found = looking;
      looking.catch(() => (this.#found = undefined));
    }
    return this.#found;
  }

  async #discover(): Promise<client.Configuration> {
    const issuer = new URL(this.#o.rules.issuer);
    const dispatcher = this.#o.ca === undefined ? undefined : new Agent({ connect: { ca: this.#o.ca } });
    return this.#asked(() =>
      client.discovery(issuer, this.#o.clientId, undefined, authenticationOf(this.#o.clientSecret), {
        timeout: timeoutSeconds,
        // Refused for anything but loopback when the flags are read.
        ...(issuer.protocol === 'http:' ? { execute: [client.allowInsecureRequests] } : {}),
        ...(dispatcher === undefined
          ? {}
          : { [client.customFetch]: (url, init) => plainFetch(url, { ...init, dispatcher } as never) as never }),
      }),
    );
  }

  async #asked<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      const trouble = troubleOf(error);
      this.#log.warn({ trouble, reason: reasonOf(error) }, 'a login by the login service did not come about');
      throw new LoginFailed(trouble, { cause: error });
    }
  }
}

/** The way that the issuer takes; what every issuer must take when it does not say. */
function authenticationOf(secret: string | undefined): client.ClientAuth {
  if (secret === undefined) return client.None();
  const [basic, post] = [client.ClientSecretBasic(secret), client.ClientSecretPost(secret)];
  return (issuer, ...rest) => {
    const ways = issuer.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (ways.includes('client_secret_basic') ? basic : post)(issuer, ...rest);
  };
}

function troubleOf(error: unknown): LoginTrouble {
  if (error instanceof LoginFailed) return error.trouble;
  if (error instanceof client.AuthorizationResponseError)
    return error.error === 'server_error' || error.error === 'temporarily_unavailable' ? 'down' : 'refused';
  if (error instanceof client.ResponseBodyError) return error.error === 'invalid_grant' ? 'expired' : 'unsound';
  if (error instanceof client.ClientError && error.code !== undefined && unsound.has(error.code)) return 'unsound';
  return 'down';
}

/** Without anything of a token: such errors may carry whole answers. */
function reasonOf(error: unknown): string {
  if (error instanceof client.ResponseBodyError || error instanceof client.AuthorizationResponseError)
    return error.error;
  const { message, code } = error as { message?: unknown; code?: unknown };
  return [code, message].filter((word) => typeof word === 'string').join(': ');
}
