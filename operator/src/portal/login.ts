// Logging in with a token of the cluster, logging out, and who one is.
// Promises: a token is asked of the API server before it becomes a cookie; it is neither logged nor answered. Logging out removes the
// cookie, and cannot make a token of the cluster itself invalid. Guesses are slow.

import { Router, json, type Request, type Response } from 'express';
import type { Authentication } from '../server/authentication.ts';
import { Problem } from '../server/problem.ts';
import { SessionTooLong, type Callers } from './callers.ts';
import { checked, endpoint, type Endpoint } from './endpoint.ts';
import { LoginFailed, type Oidc } from './oidc.ts';
import { loginPath as oidcPath } from './oidc-login.ts';
import { loginTroubles } from './login-troubles.ts';
import type { Pace } from './pace.ts';
import { loggedIn, loggedOut, loginBody, loginWays, me, renewed, type LoggedOut, type LoginWays } from './schemas.ts';
import type { Session, Sessions } from './sessions.ts';
import type { Visibility } from './visibility.ts';

export const loginPath = '/api/v1/login';
export const logoutPath = '/api/v1/logout';

export interface LoginOptions {
  readonly authentication: Authentication;
  readonly callers: Callers;
  readonly sessions: Sessions;
  readonly oidc?: Oidc | undefined;
  /** Of addresses that log in. */
  readonly pace: Pace;
  /** The origin under which this request reached the portal. */
  readonly originOf: (request: Request) => string;
}

export type OpenOperation = Omit<Endpoint, 'handle' | 'tag'>;

/** What anybody may ask. */
export const openOperations: readonly OpenOperation[] = [
  { method: 'get', path: loginPath, summary: 'How one may log in', status: 200, answer: loginWays },
  {
    method: 'post',
    path: loginPath,
    summary: 'Log in with a token of the cluster',
    status: 200,
    body: loginBody,
    answer: loggedIn,
  },
  { method: 'post', path: logoutPath, summary: 'Log out', status: 200, answer: loggedOut },
];

export function loginRoutes(o: LoginOptions): Router {
  const { authentication, callers, sessions, oidc, pace } = o;
  const router = Router();
  router.get(loginPath, (_request: Request, response: Response) => {
    const ways: LoginWays = oidc === undefined ? {} : { oidc: { label: oidc.label, path: oidcPath } };
    response.set('cache-control', 'no-store').json(ways);
  });
  router.post(loginPath, json({ limit: '16kb' }), async (request: Request, response: Response) => {
    callers.requireOwnPage(request);
    const address = request.socket.remoteAddress ?? '';
    pace.take(address);
    if (!request.is('application/json')) throw new Problem(415, 'a body of the type application/json is needed');
    const { token } = checked(loginBody, request.body)!;
    const { name } = await authentication.userOfToken(token, address);
    try {
      response.set('set-cookie', [...(await callers.cookies(sessions.begin({ kind: 'token', token })))]);
    } catch (error) {
      if (!(error instanceof SessionTooLong)) throw error;
      throw new Problem(400, 'the token is too long for a browser to keep; `kubectl create token` makes shorter ones');
    }
    response.set('cache-control', 'no-store').json({ name });
  });
  router.post(logoutPath, async (request: Request, response: Response) => {
    callers.requireOwnPage(request);
    const session = await callers.sessionOf(request);
    response.set('set-cookie', [...callers.noCookies()]).set('cache-control', 'no-store');
    const answer: LoggedOut = session === undefined ? {} : await ended(session, `${o.originOf(request)}/login`);
    response.json(answer);
  });
  const ended = async (session: Session, afterwards: string): Promise<LoggedOut> => {
    sessions.end(session);
    const page = session.proof.kind === 'oidc' ? await oidc?.end(session.proof, afterwards) : undefined;
    return page === undefined ? {} : { location: page.href };
  };
  return router;
}

export function sessionEndpoints(
  o: Pick<LoginOptions, 'callers' | 'sessions' | 'oidc'> & { readonly visibility: Visibility },
): Endpoint[] {
  const { callers, sessions, oidc, visibility } = o;
  return [
    endpoint({
      method: 'get',
      path: '/api/v1/me',
      summary: 'Who you are, and what you may do',
      tag: 'login',
      answer: me,
      handle: async ({ caller: { user, session } }) => {
        const [namespaces, machines] = await Promise.all([visibility.namespaces(user), visibility.machines(user)]);
        return { name: user.name, groups: user.groups, ...(session && timesOf(session)), namespaces, machines };
      },
    }),
    endpoint({
      method: 'post',
      path: `${loginPath}/renew`,
      summary: 'Stay logged in',
      tag: 'login',
      answer: renewed,
      handle: async ({ caller: { session } }, response) => {
        if (session === undefined) throw new Problem(400, 'a program with a token has no login to renew');
        try {
          const { proof } = session;
          const next = proof.kind === 'oidc' && oidc !== undefined ? await oidc.renew(proof) : proof;
          const later = sessions.prolong(session, next);
          response.set('set-cookie', [...(await callers.cookies(later))]);
          return timesOf(later);
        } catch (error) {
          if (!(error instanceof LoginFailed)) throw error;
          throw new Problem(error.trouble === 'down' ? 503 : 401, loginTroubles[error.trouble], { cause: error });
        }
      },
    }),
  ];
}

function timesOf({ untilMs, endMs }: Session): { readonly until: string; readonly ends: string } {
  return { until: new Date(untilMs).toISOString(), ends: new Date(endMs).toISOString() };
}
