// Logging in and out, and who one is.
// Promises: a token is asked of the API server before it becomes a cookie; it is neither logged nor answered. Logging out removes the
// cookie, and cannot make the token itself invalid.

import { Router, json, type Request, type Response } from 'express';
import type { Authentication } from '../server/authentication.ts';
import { Problem } from '../server/problem.ts';
import type { Callers } from './callers.ts';
import { checked, endpoint, type Endpoint } from './endpoint.ts';
import { loginBody, me } from './schemas.ts';
import { TokenTooLong, type Sessions } from './sessions.ts';
import type { Visibility } from './visibility.ts';

export const loginPath = '/api/v1/login';
export const logoutPath = '/api/v1/logout';

export interface LoginOptions {
  readonly authentication: Authentication;
  readonly callers: Callers;
  readonly sessions: Sessions;
}

export function loginRoutes({ authentication, callers, sessions }: LoginOptions): Router {
  const router = Router();
  router.post(loginPath, json({ limit: '16kb' }), async (request: Request, response: Response) => {
    callers.requireOwnPage(request);
    if (!request.is('application/json')) throw new Problem(415, 'a body of the type application/json is needed');
    const { token } = checked(loginBody, request.body)!;
    const user = await authentication.userOfToken(token, request.socket.remoteAddress ?? '');
    try {
      const { value, untilMs } = await sessions.seal(token);
      response.set('set-cookie', callers.cookie(value, untilMs)).set('cache-control', 'no-store');
    } catch (error) {
      if (!(error instanceof TokenTooLong)) throw error;
      throw new Problem(400, 'the token is too long for a browser to keep; `kubectl create token` makes shorter ones');
    }
    response.json({ name: user.name });
  });
  router.post(logoutPath, (request: Request, response: Response) => {
    callers.requireOwnPage(request);
    response.set('set-cookie', callers.cookie()).set('cache-control', 'no-store').status(204).end();
  });
  return router;
}

export function meEndpoint(visibility: Visibility): Endpoint {
  return endpoint({
    method: 'get',
    path: '/api/v1/me',
    summary: 'Who you are, and what you may do',
    tag: 'login',
    answer: me,
    handle: async ({ caller: { user, session } }) => {
      const [namespaces, machines] = await Promise.all([visibility.namespaces(user), visibility.machines(user)]);
      const until = session === undefined ? {} : { until: new Date(session.untilMs).toISOString() };
      return { name: user.name, groups: user.groups, ...until, namespaces, machines };
    },
  });
}
