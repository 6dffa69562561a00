// The shape of one operation of the API: what it takes, what it answers, what it does. Routes and the API's document are both made
// from it, so that neither can say what the other does not.
// Promises: a request that does not fit its schema is refused with each parameter's name before anything is done.

import { Router, type Request, type Response } from 'express';
import type { z } from 'zod';
import type { Clock } from '../kube/clock.ts';
import { Problem } from '../server/problem.ts';
import type { Caller } from './callers.ts';
import { Pace, type Rate } from './pace.ts';
import { problemOf } from './refusals.ts';

type Shape = z.ZodType<Readonly<Record<string, unknown>>>;

export interface Asked<P, Q, B> {
  readonly caller: Caller;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
}

export interface Endpoint {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** With {name} for parameters, as OpenAPI writes it. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly status: 200 | 201 | 204 | 302;
  readonly params?: Shape | undefined;
  readonly query?: Shape | undefined;
  readonly body?: z.ZodType | undefined;
  readonly answer?: z.ZodType | undefined;
  /** Requests of one user, where one costs others more than most do; beside what holds for all of them together. */
  readonly rate?: Rate | undefined;
  handle(asked: Asked<never, never, never>, response: Response): Promise<unknown>;
}

/** Checks that the handler takes what the schemas give. */
export function endpoint<P extends Shape, Q extends Shape, B extends z.ZodType>(o: {
  readonly method: Endpoint['method'];
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly status?: Endpoint['status'];
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly answer?: z.ZodType;
  readonly rate?: Rate;
  readonly handle: (asked: Asked<z.output<P>, z.output<Q>, z.output<B>>, response: Response) => Promise<unknown>;
}): Endpoint {
  return { status: o.answer === undefined ? 204 : 200, ...o } as Endpoint;
}

/** Requests of one user: an eager page, but no program that asks without end. */
const requests: Rate = { perSecond: 20, burst: 100 };

/** @param callerOf who was found to ask; whoever is nobody does not get here. */
export function routesOf(
  endpoints: readonly Endpoint[],
  o: { readonly callerOf: (response: Response) => Caller; readonly clock: Clock },
): Router {
  const router = Router();
  const pace = new Pace(requests, o.clock);
  for (const each of endpoints) {
    const own = each.rate === undefined ? undefined : new Pace(each.rate, o.clock);
    router[each.method](each.path.replaceAll(/\{(\w+)\}/g, ':$1'), async (request: Request, response: Response) => {
      const caller = o.callerOf(response);
      pace.take(caller.user.name);
      own?.take(caller.user.name);
      if (each.body !== undefined && !request.is('application/json')) {
        throw new Problem(415, 'a body of the type application/json is needed');
      }
      const asked = {
        caller,
        params: checked(each.params, request.params),
        query: checked(each.query, { ...request.query }),
        body: checked(each.body, request.body as unknown),
      };
      let answer: unknown;
      try {
        answer = await each.handle(asked as never, response);
      } catch (error) {
        throw problemOf(error);
      }
      response.status(each.status).set('cache-control', 'no-store');
      if (each.answer === undefined) response.end();
      else response.json(answer);
    });
  }
  return router;
}

/** Throws Problem 400 that names what does not fit. */
export function checked<T>(schema: z.ZodType<T> | undefined, value: unknown): T | undefined {
  if (schema === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const parameters = parsed.error.issues.flatMap((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [];
    if (unknown.length === 0) return [{ parameter: issue.path.join('.'), message: issue.message }];
    return unknown.map((key) => ({ parameter: [...issue.path, key].join('.'), message: 'is not known' }));
  });
  const detail = parameters
    .map(({ parameter, message }) => (parameter ? `${parameter}: ${message}` : message))
    .join('; ');
  throw new Problem(400, detail, { parameters });
}
