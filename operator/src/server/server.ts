// The operator's own HTTP server: metrics, whether it lives and is ready, and the history of jobs.
// Promises: /healthz answers as long as the process turns its event loop; /readyz is 200 only when everything it decides on
// has been read at least once. Must not offer anything that changes the cluster, nor anything of users without asking who asks.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Router } from 'express';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { listen } from './listen.ts';
import { answerProblems } from './problem.ts';

export interface ServerOptions {
  /** 0 picks a free port. */
  readonly port: number;
  /** `::` is every address. */
  readonly host: string;
  readonly registry: Registry;
  readonly log: Logger;
  /** What is not ready yet, in words; empty when ready. */
  readonly notReady: () => readonly string[];
  /** What is answered only to those who may know. */
  readonly routes?: readonly Router[] | undefined;
}

export interface RunningServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function startServer({
  port,
  host,
  registry,
  log,
  notReady,
  routes = [],
}: ServerOptions): Promise<RunningServer> {
  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', (_request, response) => {
    response.type('text/plain').send('ok\n');
  });
  app.get('/readyz', (_request, response) => {
    const missing = notReady();
    response.status(missing.length === 0 ? 200 : 503);
    response.type('text/plain').send(missing.length === 0 ? 'ok\n' : `not ready: ${missing.join(', ')}\n`);
  });
  app.get('/metrics', async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
  for (const each of routes) app.use(each);
  // Not only for the routes: express shows stacks to whoever asks.
  app.use(answerProblems(log));
  const server = createServer({ maxHeaderSize: 32 * 1024, requestTimeout: 30_000 }, app);
  await listen(server, port, host);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
