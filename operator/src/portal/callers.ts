// Who calls: a browser with its cookie, or a program with a bearer token.
// Promises: nobody without one of the two gets further than 401, for plain requests and for WebSockets alike; a browser's call that
// changes something, and every WebSocket of a browser, must come from a page of our own (exact origin).

import type { IncomingMessage } from 'node:http';
import { tokenOf, type Authentication, type User } from '../server/authentication.ts';
import { Problem } from '../server/problem.ts';
import { joinCookie, splitCookie, type CookieKind } from './cookies.ts';
import type { Oidc } from './oidc.ts';
import type { Session, Sessions } from './sessions.ts';

export interface Caller {
  readonly user: User;
  /** Absent for programs. */
  readonly session?: Session | undefined;
}

export interface CallersOptions {
  readonly authentication: Authentication;
  readonly sessions: Sessions;
  readonly oidc?: Oidc | undefined;
  /** Origins under which the portal is reached, such as https://portal.example.org. */
  readonly origins: () => ReadonlySet<string>;
  /** Whether it is reached by https only. */
  readonly secure: boolean;
}

/** Pages send it with every call that changes something: a form of another site cannot. */
export const ownHeader = 'x-idlewild';

/** What proves the login does not fit into cookies. */
export class SessionTooLong extends Error {}

export class Callers {
  readonly #o: CallersOptions;

  constructor(options: CallersOptions) {
    this.#o = options;
  }

  get cookieName(): string {
    return this.#o.secure ? '__Host-idlewild' : 'idlewild';
  }

  /** Set-Cookie headers of a login. Throws SessionTooLong. */
  async cookies(session: Session): Promise<readonly string[]> {
    const headers = splitCookie(this.#cookie(), await this.#o.sessions.seal(session), session.untilMs);
    if (headers === undefined) throw new SessionTooLong();
    return headers;
  }

  /** Set-Cookie headers of a logout. */
  noCookies(): readonly string[] {
    return splitCookie(this.#cookie(), '', 0) ?? [];
  }

  /**
   * Throws Problem 400, 401, 403, 429 or 503.
   * @param way `held`: an open stream asks again, with the request that it was opened by.
   */
  async of(request: IncomingMessage, way: 'call' | 'socket' | 'held' = 'call'): Promise<Caller> {
    const sealed = this.#cookieOf(request);
    const bearer = request.headers.authorization;
    if (bearer !== undefined) {
      if (sealed !== undefined) throw new Problem(400, 'either a cookie or a bearer token, not both');
      return { user: await this.#userOfToken(tokenOf(request) ?? '', request) };
    }
    const session = sealed === undefined ? undefined : await this.#o.sessions.open(sealed, way === 'held');
    if (session === undefined) throw notLoggedIn();
    if (way !== 'call') this.requireOwnOrigin(request);
    else if (request.method !== 'GET' && request.method !== 'HEAD') this.requireOwnPage(request);
    return { user: await this.#userOf(session, request), session };
  }

  /** Whatever session the request carries, whether its proof is still good or not. */
  async sessionOf(request: IncomingMessage): Promise<Session | undefined> {
    const sealed = this.#cookieOf(request);
    return sealed === undefined ? undefined : this.#o.sessions.open(sealed);
  }

  requireOwnPage(request: IncomingMessage): void {
    this.requireOwnOrigin(request);
    if (request.headers[ownHeader] === undefined) throw new Problem(403, `the header ${ownHeader} is needed`);
  }

  requireOwnOrigin(request: IncomingMessage): void {
    const { origin } = request.headers;
    if (origin !== undefined && this.#o.origins().has(origin)) return;
    throw new Problem(403, `the portal is not reached as ${origin ?? 'nobody says'}; its --public-url must name it`);
  }

  async #userOf({ proof }: Session, request: IncomingMessage): Promise<User> {
    if (proof.kind === 'token') return this.#userOfToken(proof.token, request);
    if (this.#o.oidc === undefined || !(await this.#o.oidc.stillGood(proof))) throw notLoggedIn();
    return proof.user;
  }

  async #userOfToken(token: string, request: IncomingMessage): Promise<User> {
    if (token === '') throw notLoggedIn();
    return this.#o.authentication.userOfToken(token, request.socket.remoteAddress ?? '');
  }

  #cookie(): CookieKind {
    const attributes = ['Path=/', 'HttpOnly', 'SameSite=Strict', ...(this.#o.secure ? ['Secure'] : [])];
    return { name: this.cookieName, attributes };
  }

  #cookieOf(request: IncomingMessage): string | undefined {
    return joinCookie(this.cookieName, request.headers.cookie);
  }
}

function notLoggedIn(): Problem {
  return new Problem(401, 'log in first', { headers: { 'www-authenticate': 'Bearer realm="idlewild"' } });
}
