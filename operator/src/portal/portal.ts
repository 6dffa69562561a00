// The portal: everything that a user of the lab does in a browser, under the user's own rights. One process, any number of replicas.
// Promises: it keeps nothing that a restart would lose; anonymous calls get 401 on every path under /api and on every WebSocket, but
// for the login itself. Must not decide anything about jobs: it only asks the API server, in words that its user may use.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { Logger } from 'pino';
import { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { plainProtocol } from '../kube/socket.ts';
import type { Transport, TransportOptions } from '../kube/transport.ts';
import { Authentication } from '../server/authentication.ts';
import { Authorization } from '../server/authorization.ts';
import { listen } from '../server/listen.ts';
import { answerProblems, Problem } from '../server/problem.ts';
import { Callers, type Caller } from './callers.ts';
import { consoleLogEndpoint } from './console-log.ts';
import { consolePath, consoleRoute } from './consoles.ts';
import { endpoint, routesOf, type Endpoint } from './endpoint.ts';
import { jobEndpoints } from './job-endpoints.ts';
import { historyEndpoint } from './history-endpoint.ts';
import { HistorySource } from './history-source.ts';
import { labEndpoints } from './lab-endpoints.ts';
import { LabSwitches } from './lab-switches.ts';
import { loginRoutes, openOperations, sessionEndpoints } from './login.ts';
import { machineEndpoints } from './machine-endpoints.ts';
import { Oidc, type OidcOptions } from './oidc.ts';
import { oidcOperations, oidcRoutes } from './oidc-login.ts';
import { openApiOf } from './openapi.ts';
import { Pace } from './pace.ts';
import { overviewEndpoint } from './overview.ts';
import { pagesOf, securityHeaders } from './pages.ts';
import { document } from './schemas.ts';
import { Sessions } from './sessions.ts';
import { Sources } from './sources.ts';
import { Stills } from './stills.ts';
import { streamPath, streamRoute } from './stream.ts';
import { Tickets } from './tickets.ts';
import { serveUpgrades } from './upgrades.ts';
import { UsageLog } from './usage-log.ts';
import { Visibility } from './visibility.ts';

export interface PortalOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** `::` is every address. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Origins under which browsers reach it; those of loopback at its own port unless any is given. */
  readonly publicUrls: readonly string[];
  /** 32 bytes each; the first one seals. */
  readonly sessionKeys: readonly Uint8Array[];
  /** The issuer whose users may log in; without it only tokens of the cluster do. */
  readonly oidc?: OidcOptions | undefined;
  /** The built pages; without them only the API is served. */
  readonly web?: string | undefined;
  /** Where the operator tells its history; without it only jobs that are still there tell theirs. */
  readonly operator?: { readonly url: string; readonly token: TransportOptions['token'] } | undefined;
  /** The control socket of the lab whose portal it is; none anywhere else. */
  readonly labControlSocket?: string | undefined;
}

export interface RunningPortal {
  readonly port: number;
  /** Where a browser finds it. */
  readonly url: string;
  /** Resolves once everything has been read that it answers from. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** Of one address, anything at all: there may be many users behind it. */
const visits = { perSecond: 200, burst: 1_000 };
/** Of one address: a room full of people at the start of a lesson. */
const logins = { perSecond: 5, burst: 50 };

export async function startPortal(o: PortalOptions): Promise<RunningPortal> {
  const { clock, log } = o;
  const client = new KubeClient(o.transport, { fieldManager: 'idlewild-portal', clock });
  const secure = o.publicUrls.length > 0 && o.publicUrls.every((url) => url.startsWith('https:'));
  let origins: ReadonlySet<string> = new Set(o.publicUrls.map((url) => new URL(url).origin));
  const authentication = new Authentication(client, clock);
  const authorization = new Authorization(client, clock);
  const sessions = new Sessions(o.sessionKeys, clock);
  const oidc = o.oidc === undefined ? undefined : new Oidc(o.oidc, clock, log);
  const callers = new Callers({ authentication, sessions, oidc, origins: () => origins, secure });
  const sources = new Sources({ client, clock, log });
  const visibility = new Visibility(authorization, {
    namespaces: () => sources.namespaceNames(),
    lab: o.labControlSocket !== undefined,
  });
  const virtualMachineOf = sources.virtualMachineOf.bind(sources);
  const stills = new Stills({ client, log, virtualMachineOf });
  const tickets = new Tickets(sessions, clock);
  const history = o.operator === undefined ? undefined : new HistorySource(o.operator);
  const usage = new UsageLog(clock, () => sources.machineRows());
  const pages = o.web === undefined ? undefined : pagesOf(o.web);

  const endpoints: Endpoint[] = [
    ...sessionEndpoints({ callers, sessions, oidc, visibility }),
    ...jobEndpoints({ client, sources, authorization, visibility, tickets, now: clock.now }),
    ...machineEndpoints({ client, sources, authorization, now: clock.now }),
    consoleLogEndpoint({ client, authorization, sources }),
    historyEndpoint({ sources, visibility, authorization, history, log }),
    overviewEndpoint({ sources, visibility, usage, now: clock.now }),
  ];
  if (o.labControlSocket !== undefined) {
    endpoints.push(...labEndpoints(new LabSwitches(o.labControlSocket), authorization));
  }
  endpoints.push(
    endpoint({
      method: 'get',
      path: '/api/v1/openapi.json',
      summary: 'This document',
      tag: 'about',
      answer: document,
      handle: () => Promise.resolve(apiDocument),
    }),
  );

  const apiDocument = openApiOf({
    endpoints,
    open: [...openOperations, ...(oidc === undefined ? [] : oidcOperations)],
    sockets: [
      { path: streamPath, summary: 'What changes, as it changes' },
      {
        path: consolePath,
        summary: 'A console of a guest, with a ticket as a second sub-protocol',
        protocol: plainProtocol,
      },
    ],
    version: '0.1.0',
  });

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.get('/healthz', (_request, response) => {
    response.type('text/plain').send('ok\n');
  });
  app.get('/readyz', (_request, response) => {
    const missing = sources.notReady();
    response.status(missing.length === 0 ? 200 : 503).type('text/plain');
    response.send(missing.length === 0 ? 'ok\n' : `not ready: ${missing.join(', ')}\n`);
  });
  app.use(securityHeaders(secure));
  const visiting = new Pace(visits, clock);
  app.use((request, _response, next) => {
    visiting.take(request.socket.remoteAddress ?? '');
    next();
  });
  const originOf = ({ headers }: Request): string =>
    [...origins].find((origin) => new URL(origin).host === headers.host) ?? [...origins][0]!;
  const pace = new Pace(logins, clock);
  app.use(loginRoutes({ authentication, callers, sessions, oidc, pace, originOf }));
  if (oidc !== undefined) app.use(oidcRoutes({ oidc, callers, sessions, pace, originOf, secure, now: clock.now }));
  // Before the body is read: nobody may make us read one who has not said who they are.
  const known = new WeakMap<Response, Caller>();
  app.use('/api', async (request, response, next) => {
    known.set(response, await callers.of(request));
    next();
  });
  app.use('/api', express.json({ limit: '1mb' }));
  app.use(routesOf(endpoints, { callerOf: (response) => known.get(response)!, clock }));
  app.use('/api', () => {
    throw new Problem(404, 'there is no such resource');
  });
  if (pages !== undefined) app.use(pages.router);
  app.use(() => {
    throw new Problem(404, 'there is no such page');
  });
  app.use(unreadable);
  app.use(answerProblems(log));

  const server = createServer({ maxHeaderSize: 32 * 1024, requestTimeout: 30_000 }, app);
  const build = pages?.build ?? 'none';
  const upgrades = serveUpgrades(server, {
    callers,
    clock,
    log,
    routes: {
      [streamPath]: streamRoute({ sources, stills, visibility, authorization, callers, client, clock, log, build }),
      [consolePath]: consoleRoute({ client, authorization, callers, tickets, log }),
    },
  });
  await listen(server, o.port, o.host);
  const { port } = server.address() as AddressInfo;
  if (origins.size === 0) origins = new Set([`http://127.0.0.1:${port}`, `http://localhost:${port}`]);
  const stop = new AbortController();
  const reading = sources.run(stop.signal);
  void Promise.all([sources.jobs.synced(), sources.nodes.synced()]).then(
    () => usage.run(stop.signal),
    () => undefined,
  );
  return {
    port,
    url: o.publicUrls[0] ?? `http://127.0.0.1:${port}`,
    ready: async () => {
      await Promise.all([sources.jobs.synced(), sources.nodes.synced(), sources.namespaces.synced()]);
    },
    close: async () => {
      stop.abort();
      upgrades.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await Promise.all([reading, history?.close()]);
    },
  };
}

/** What express says of a body that it could not read. */
function unreadable(error: unknown, _request: Request, _response: Response, next: NextFunction): void {
  const { type } = error as { type?: unknown };
  if (type === 'entity.too.large') next(new Problem(413, 'the body is too large'));
  else if (type === 'entity.parse.failed') next(new Problem(400, 'the body is no JSON'));
  else if (typeof type === 'string' && /^(encoding|charset|request)\./.test(type))
    next(new Problem(400, 'the body cannot be read'));
  else next(error);
}
