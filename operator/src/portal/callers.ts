// Who calls: a browser with its cookie, or a program with a bearer token.
// Promises: nobody without one of the two gets further than 401, for plain requests and for WebSockets alike; a browser's call that
// changes something, and every WebSocket of a browser, must come from a page of our own (exact origin).

import type { IncomingMessage } from 'node:http';
import { tokenOf, type Authentication, type User } from '../server/authentication.ts';
import { Problem } from '../server/problem.ts';
import type { Session, Sessions } from './sessions.ts';

export interface Caller {
  readonly user: User;
  /** Absent for programs. */
  readonly session?: Session | undefined;
}

export interface CallersOptions {
  readonly authentication: Authentication;
  readonly sessions: Sessions;
  /** Origins under which the portal is reached, such as https://portal.example.org. */
  readonly origins: () => ReadonlySet<string>;
  /** Whether it is reached by https only. */
  readonly secure: boolean;
}

/** Pages send it with every call that changes something: a form of another site cannot. */
export const ownHeader = 'x-idlewild';

export class Callers {
  readonly #o: CallersOptions;

  constructor(options: CallersOptions) {
    this.#o = options;
  }

  get cookieName(): string {
    return this.#o.secure ? '__Host-idlewild' : 'idlewild';
  }

  /** The Set-Cookie header of a login; without a value that of a logout. */
  cookie(value = '', untilMs = 0): string {
    const attributes = ['Path=/', 'HttpOnly', 'SameSite=Strict', `Expires=${new Date(untilMs).toUTCString()}`];
    return [`${this.cookieName}=${value}`, ...attributes, ...(this.#o.secure ? ['Secure'] : [])].join('; ');
  }

  /** Throws Problem 400, 401, 403, 429 or 503. */
  async of(request: IncomingMessage, way: 'call' | 'socket' = 'call'): Promise<Caller> {
    const sealed = this.#cookieOf(request);
    const bearer = request.headers.authorization;
    if (bearer !== undefined) {
      if (sealed !== undefined) throw new Problem(400, 'either a cookie or a bearer token, not both');
      return { user: await this.#userOf(tokenOf(request) ?? '', request) };
    }
    const session = sealed === undefined ? undefined : await this.#o.sessions.open(sealed);
    if (session === undefined) throw notLoggedIn();
    if (way === 'socket') this.requireOwnOrigin(request);
    else if (request.method !== 'GET' && request.method !== 'HEAD') this.requireOwnPage(request);
    return { user: await this.#userOf(session.token, request), session };
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

  async #userOf(token: string, request: IncomingMessage): Promise<User> {
    if (token === '') throw notLoggedIn();
    return this.#o.authentication.userOfToken(token, request.socket.remoteAddress ?? '');
  }

  #cookieOf(request: IncomingMessage): string | undefined {
    for (const pair of (request.headers.cookie ?? '').split(';')) {
      const [name, value] = pair.trim().split('=', 2);
      if (name === this.cookieName && value !== undefined && value !== '') return value;
    }
    return undefined;
  }
}

function notLoggedIn(): Problem {
  return new Problem(401, 'log in first', { headers: { 'www-authenticate': 'Bearer realm="idlewild"' } });
}
