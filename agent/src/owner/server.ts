// The owner's side of the agent: a unix socket on the machine that shows what the agent thinks and takes "stop now" and "lend
// again". Whoever may open the socket may speak; it needs no rights in the cluster, and works while the cluster is away.

import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import type { Presence } from '../presence/decide.ts';

export const wishes = ['stop-now', 'lend-again'] as const;
export type Wish = (typeof wishes)[number];

export interface OwnersView {
  readonly machine: string;
  readonly presence: Presence;
  readonly since: string;
  /** Somebody is at it this moment, and guests are held back. */
  readonly active: boolean;
  readonly stopped: boolean;
}

export interface OwnersServerOptions {
  readonly socket: string;
  readonly view: () => OwnersView;
  readonly onWish: (wish: Wish) => void;
  readonly log: Logger;
}

/** GET / answers the view as JSON; POST /stop-now and /lend-again answer it as it is afterwards. */
export async function serveOwner({ socket, view, onWish, log }: OwnersServerOptions): Promise<Server> {
  const server = createServer((asked, answer) => {
    const reply = (status: number, body: object): void => {
      answer.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
    };
    asked.resume();
    if (asked.method === 'GET' && asked.url === '/') return reply(200, view());
    const wish = wishes.find((each) => asked.url === `/${each}`);
    if (wish === undefined) return reply(404, { error: `allowed are GET / and POST /${wishes.join(', POST /')}` });
    if (asked.method !== 'POST') return reply(405, { error: 'only POST is allowed' });
    try {
      onWish(wish);
      reply(200, view());
    } catch (error) {
      log.error({ err: error, wish }, 'the owner’s wish holds, but cannot be kept over a restart');
      reply(500, { error: `it holds until the agent is started anew, but could not be written: ${String(error)}` });
    }
  });
  mkdirSync(dirname(socket), { recursive: true });
  rmSync(socket, { force: true });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  // The machine's users are its owners; nobody else has a file system on it.
  chmodSync(socket, 0o666);
  return server;
}

/** Asks the agent behind `socket`. Throws in words when there is none. */
export function askAgent(socket: string, wish?: Wish): Promise<OwnersView> {
  return new Promise((resolve, reject) => {
    const path = wish === undefined ? '/' : `/${wish}`;
    const asked = request({ socketPath: socket, path, method: wish === undefined ? 'GET' : 'POST' }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const body = JSON.parse(text) as OwnersView & { error?: string };
        if (answer.statusCode === 200) resolve(body);
        else reject(new Error(body.error));
      });
    });
    asked.on('error', (error: NodeJS.ErrnoException) => {
      const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
      reject(absent ? new Error(`no agent answers at ${socket}`, { cause: error }) : error);
    });
    asked.end();
  });
}
