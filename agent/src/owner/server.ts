// The owner's side of the agent: a unix socket on the machine, and if wanted a port of the loopback address, that show what the
// agent thinks and take "stop now" and "lend again". Whoever is on the machine may speak; it needs no rights in the cluster, and
// works while the cluster is away.
// Promises: a web page of somebody else in the owner's browser can neither read this nor speak for the owner.

import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { contentSecurityPolicy } from './page-style.ts';
import { page } from './page.ts';
import type { OwnersView } from './view.ts';
import { inWords } from './words.ts';

export const wishes = ['stop-now', 'lend-again'] as const;
export type Wish = (typeof wishes)[number];

export interface OwnersServerOptions {
  readonly view: () => Promise<OwnersView>;
  readonly onWish: (wish: Wish) => void;
  /** ms since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
}

const loopback = '127.0.0.1';

/** GET / answers the view, as a page or as JSON; POST /stop-now and /lend-again do so as it is afterwards. */
export async function serveOwner(o: OwnersServerOptions & { readonly socket: string }): Promise<Server> {
  const { socket } = o;
  const server = serverFor(o, () => true);
  mkdirSync(dirname(socket), { recursive: true });
  rmSync(socket, { force: true });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  // The machine's users are its owners; nobody else has a file system on it.
  chmodSync(socket, 0o666);
  return server;
}

/** The same for a browser on the machine, at http://127.0.0.1:port. */
export async function servePage(o: OwnersServerOptions & { readonly port: number }): Promise<Server> {
  const server = serverFor(o, fromOwnPage);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(o.port, loopback, resolve));
  return server;
}

function serverFor(
  { view, onWish, now, log }: OwnersServerOptions,
  mayAsk: (asked: IncomingMessage) => boolean,
): Server {
  const answerTo = async (asked: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const { accept = 'application/json' } = asked.headers;
    const wantsPage = accept.includes('text/html');
    const json = (status: number, body: object): void => {
      answer.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
    };
    /** In words for whoever did not ask for anything else, such as curl. */
    const told = (seen: OwnersView): void => {
      if (accept.includes('json')) return json(200, seen);
      answer.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(`${inWords(seen, now())}\n`);
    };
    if (!mayAsk(asked)) return json(403, { error: 'only the page of this machine itself may ask' });
    if (asked.method === 'GET' && asked.url === '/') {
      const seen = await view();
      if (!wantsPage) return told(seen);
      answer.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page(seen, now()));
      return;
    }
    const wish = wishes.find((each) => asked.url === `/${each}`);
    if (wish === undefined) return json(404, { error: `allowed are GET / and POST /${wishes.join(', POST /')}` });
    if (asked.method !== 'POST') return json(405, { error: 'only POST is allowed' });
    try {
      onWish(wish);
    } catch (error) {
      log.error({ err: error, wish }, 'the owner’s wish holds, but cannot be kept over a restart');
      return json(500, {
        error: `it holds until the agent is started anew, but could not be written: ${String(error)}`,
      });
    }
    if (wantsPage) answer.writeHead(303, { location: '/' }).end();
    else told(await view());
  };
  return createServer((asked, answer) => {
    asked.resume();
    for (const [name, value] of Object.entries(headers)) answer.setHeader(name, value);
    answerTo(asked, answer).catch((error: unknown) => {
      log.error({ err: error }, 'the owner cannot be answered');
      answer.writeHead(500).end();
    });
  });
}

const headers: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  // Without a referrer at all, browsers would hide the origin of the button, too.
  'referrer-policy': 'same-origin',
  vary: 'accept',
};

/**
 * A name that somebody else lets point to the loopback address is refused, and so is what a page from elsewhere sends: browsers
 * say where a POST comes from, and no page can say otherwise.
 */
function fromOwnPage({ headers: { host, origin }, method, socket }: IncomingMessage): boolean {
  const own = [loopback, 'localhost'].map((name) => `${name}:${socket.localPort}`);
  if (host === undefined || !own.includes(host)) return false;
  return method === 'GET' ? origin === undefined || origin === `http://${host}` : origin === `http://${host}`;
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
      reject(
        absent
          ? new Error(`no agent answers at ${socket}; is it running, or is its socket elsewhere (--socket FILE)?`, {
              cause: error,
            })
          : error,
      );
    });
    asked.end();
  });
}
