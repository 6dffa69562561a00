// GET /api/v1/history: what was decided about jobs, newest first.
//
//   curl -H "Authorization: Bearer $(kubectl create token NAME -n NAMESPACE)" 'http://OPERATOR/api/v1/history?namespace=lab&job=render'
//
// Parameters: namespace (several times for several), job (needs one namespace), machine, since (RFC 3339), limit (1 to 1000, 100 unless
// told), cursor (`next` of the page before). JSON, or one line of JSON per entry when application/x-ndjson is accepted rather; the next page is also in the
// Link header. Whoever may get the ComputeJobs of a namespace may ask about it, whoever may list them everywhere about all.
// Promises: reads only; bounded by its limit and by how often one user may ask. A replica that does not lead has no history, and
// says so with 503.

import { Router, type Request, type Response } from 'express';
import * as z from 'zod';
import { TokenBucket } from '../kube/backoff.ts';
import type { Clock } from '../kube/clock.ts';
import type { HistoryCursor, HistoryStore } from '../ledger/history.ts';
import type { Authentication, User } from './authentication.ts';
import type { Authorization } from './authorization.ts';
import { ExpiringCache } from './expiring-cache.ts';
import { Problem } from './problem.ts';

export const historyPath = '/api/v1/history';

export interface HistoryRoutes {
  readonly history: Pick<HistoryStore, 'query'>;
  readonly authentication: Authentication;
  readonly authorization: Authorization;
  readonly clock: Clock;
  /** Whether this replica decides, and so knows what was decided. */
  readonly leads: () => boolean;
}

const json = 'application/json';
const lines = 'application/x-ndjson';
/** Requests of one user: a portal turns pages faster than a person reads them. */
const requests = { perSecond: 10, burst: 40 };
const mostUsers = 5_000;
/** What fits into an address. */
const mostNamespaces = 300;

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const machineName = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;
const schema = z
  .strictObject({
    namespace: z.preprocess(
      (given) => (typeof given === 'string' ? [given] : given),
      z
        .array(z.string().regex(label, 'must be the name of a namespace'))
        .max(mostNamespaces, `may be given ${mostNamespaces} times at most`)
        .optional(),
    ),
    job: z.string().regex(label, 'must be the name of a ComputeJob').optional(),
    machine: z.string().regex(machineName, 'must be the name of a machine').optional(),
    since: z.iso.datetime({ offset: true, error: 'must be a time such as 2026-01-01T12:00:00Z' }).optional(),
    limit: z
      .string()
      .regex(/^\d{1,4}$/, 'must be a whole number from 1 to 1000')
      .transform(Number)
      .refine((limit) => limit >= 1 && limit <= 1_000, 'must be a whole number from 1 to 1000')
      .default(100),
    cursor: z
      .string()
      .transform((text, context) => {
        const cursor = cursorFrom(text);
        if (cursor) return cursor;
        context.addIssue({ code: 'custom', message: 'must be the `next` of an earlier answer' });
        return z.NEVER;
      })
      .optional(),
  })
  .refine(({ job, namespace }) => job === undefined || namespace?.length === 1, {
    path: ['namespace'],
    message: 'is needed with job, and only one: names of jobs are unique only within one',
  });

export function historyRoutes(o: HistoryRoutes): Router {
  const router = Router();
  const buckets = new ExpiringCache<TokenBucket>({ lifeMs: 600_000, capacity: mostUsers });
  const asks = (user: User): void => {
    const now = o.clock.monotonic();
    const bucket = buckets.get(user.name, now) ?? new TokenBucket(requests);
    buckets.set(user.name, bucket, now);
    if (!bucket.tryTake(now))
      throw new Problem(429, 'too many requests; try again in a second', { headers: { 'retry-after': '1' } });
  };
  router.get(historyPath, async (request, response) => {
    const user = await o.authentication.userOf(request);
    asks(user);
    const { namespace: namespaces, job, machine, since, limit, cursor } = parametersOf(request);
    await mayKnow(o.authorization, user, namespaces, job);
    if (!o.leads()) throw new Problem(503, 'another replica leads, and has the history');
    const sinceMs = since === undefined ? undefined : Date.parse(since);
    const page = o.history.query({ namespaces, job, machine, sinceMs, limit, cursor });
    answer(request, response, page.entries, page.next && cursorText(page.next));
  });
  router.all(historyPath, (request) => {
    throw new Problem(405, `${request.method} is not possible here; GET is`, { headers: { allow: 'GET, HEAD' } });
  });
  return router;
}

/** Throws Problem 403. */
async function mayKnow(
  authorization: Authorization,
  user: User,
  namespaces: readonly string[] | undefined,
  name: string | undefined,
): Promise<void> {
  if (namespaces === undefined) return authorization.require(user, { verb: 'list' });
  // Whoever may list them everywhere is not asked about each.
  if (namespaces.length > 1 && (await authorization.allows(user, { verb: 'list' }))) return;
  await Promise.all(namespaces.map((namespace) => authorization.require(user, { verb: 'get', namespace, name })));
}

function parametersOf(request: Request): z.output<typeof schema> {
  const parsed = schema.safeParse({ ...request.query });
  if (parsed.success) return parsed.data;
  const parameters = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((parameter) => ({ parameter, message: 'is not known' }))
      : [{ parameter: String(issue.path[0]), message: issue.message }],
  );
  const detail = parameters.map(({ parameter, message }) => `${parameter}: ${message}`).join('; ');
  throw new Problem(400, detail.slice(0, 1_000), { parameters: parameters.slice(0, 20) });
}

function answer(request: Request, response: Response, entries: readonly unknown[], next: string | undefined): void {
  const type = request.accepts([json, lines]);
  if (type === false) throw new Problem(406, `${json} and ${lines} are what there is`);
  response.set({ 'cache-control': 'no-store', vary: 'Accept, Authorization' });
  if (next !== undefined) {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(request.query as Record<string, string | string[]>))
      for (const each of [value].flat()) query.append(key, each);
    query.set('cursor', next);
    response.set('link', `<${historyPath}?${query.toString()}>; rel="next"`);
  }
  response.type(type);
  if (type === lines) response.send(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  else response.send(JSON.stringify({ items: entries, ...(next === undefined ? {} : { next }) }));
}

function cursorText({ atMs, id }: HistoryCursor): string {
  return Buffer.from(`${atMs}.${id}`).toString('base64url');
}

function cursorFrom(text: string): HistoryCursor | undefined {
  const match = /^(-?\d{1,15})\.(\d{1,15})$/.exec(text.length > 64 ? '' : Buffer.from(text, 'base64url').toString());
  return match ? { atMs: Number(match[1]), id: Number(match[2]) } : undefined;
}
