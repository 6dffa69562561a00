// Logging in through the lab's login service (OpenID Connect): there, and back again.
// Promises: what comes back is taken only by the browser that was sent, once, within ten minutes, and never to a place outside the
// portal; whatever goes wrong leads to the login page with a word that says what. Must not show an answer of the issuer.

import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { SessionTooLong, type Callers } from './callers.ts';
import { joinCookie } from './cookies.ts';
import type { LoginTrouble } from './login-troubles.ts';
import type { OpenOperation } from './login.ts';
import { LoginFailed, type Begun, type Oidc } from './oidc.ts';
import type { Pace } from './pace.ts';
import type { Sessions } from './sessions.ts';

export const loginPath = '/api/v1/login/oidc';
export const callbackPath = `${loginPath}/callback`;

export interface OidcLoginOptions {
  readonly oidc: Oidc;
  readonly callers: Callers;
  readonly sessions: Sessions;
  readonly pace: Pace;
  readonly originOf: (request: Request) => string;
  /** Whether the portal is reached by https only. */
  readonly secure: boolean;
  /** ms since the epoch. */
  readonly now: () => number;
}

const pathOnly = z.string().max(1024);
export const oidcOperations: readonly OpenOperation[] = [
  {
    method: 'get',
    path: loginPath,
    summary: 'Go to the login service; `to` is the page to come back to',
    status: 302,
    query: z.strictObject({ to: pathOnly.optional() }),
  },
  {
    method: 'get',
    path: callbackPath,
    summary: 'Where the login service sends the browser back to',
    status: 302,
    query: z.looseObject({ state: z.string().optional(), code: z.string().optional() }),
  },
];

const purpose = 'login';
const lifeMs = 10 * 60_000;

interface Underway extends Begun {
  readonly to: string;
}

export function oidcRoutes(o: OidcLoginOptions): Router {
  const name = o.secure ? '__Secure-idlewild-login' : 'idlewild-login';
  // The issuer's answer comes from its own site, and a browser sends no stricter cookie with that.
  const attributes = [`Path=${loginPath}`, 'HttpOnly', 'SameSite=Lax', ...(o.secure ? ['Secure'] : [])].join('; ');
  const kept = (value: string, untilMs: number): string =>
    `${name}=${value}; ${attributes}; Expires=${new Date(untilMs).toUTCString()}`;
  const router = Router();

  router.get(loginPath, async (request: Request, response: Response) => {
    o.pace.take(request.socket.remoteAddress ?? '');
    const to = ownPath(request.query['to']);
    await orTrouble(response, to, async () => {
      const { url, begun } = await o.oidc.begin(o.originOf(request) + callbackPath);
      const underway: Underway = { ...begun, to };
      const untilMs = o.now() + lifeMs;
      response.set('set-cookie', kept(await o.sessions.encrypt({ ...underway }, purpose, untilMs), untilMs));
      away(response, url.href);
    });
  });

  router.get(callbackPath, async (request: Request, response: Response) => {
    o.pace.take(request.socket.remoteAddress ?? '');
    const sealed = joinCookie(name, request.headers.cookie);
    const underway = sealed === undefined ? undefined : await o.sessions.decrypt(sealed, purpose);
    const { to = '/', ...begun } = (underway ?? {}) as Partial<Underway>;
    response.append('set-cookie', kept('', 0));
    await orTrouble(response, to, async () => {
      if (underway === undefined) throw new LoginFailed('lost');
      const proof = await o.oidc.finish(new URL(request.originalUrl, o.originOf(request)), begun as Begun);
      const session = o.sessions.begin(proof);
      for (const cookie of await o.callers.cookies(session)) response.append('set-cookie', cookie);
      away(response, `/login?done=1&to=${encodeURIComponent(to)}`);
    });
  });
  return router;
}

async function orTrouble(response: Response, to: string, act: () => Promise<void>): Promise<void> {
  let trouble: LoginTrouble;
  try {
    await act();
    return;
  } catch (error) {
    if (error instanceof LoginFailed) ({ trouble } = error);
    else if (error instanceof SessionTooLong) trouble = 'tooLong';
    else throw error;
  }
  away(response, `/login?trouble=${trouble}&to=${encodeURIComponent(to)}`);
}

function away(response: Response, to: string): void {
  response.set('cache-control', 'no-store').redirect(302, to);
}

/** A path of the portal, or its first page. */
function ownPath(to: unknown): string {
  return typeof to === 'string' && /^\/(?![/\\])[\x21-\x7e]{0,1000}$/.test(to) && !to.startsWith('/api/') ? to : '/';
}
