// The one way in for WebSockets: who asks is found out before the connection is taken over.
// Promises: every refusal is an HTTP answer with a problem, 401 for those who are not logged in, whatever the path; compression is
// off, since what is sent is either small or incompressible.

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Clock } from '../kube/clock.ts';
import { Problem } from '../server/problem.ts';
import type { Caller, Callers } from './callers.ts';
import { Pace } from './pace.ts';

export interface UpgradeRoute {
  /** Largest frame that a page may send, bytes. */
  readonly longestFrame: number;
  /** Sub-protocol that is answered, if the page offers it; a route without takes pages without. */
  readonly protocol?: string;
  /** Before the connection is taken over; throws Problem. What it gives is called once it is. */
  prepare(caller: Caller, request: IncomingMessage): Promise<(socket: WebSocket) => void>;
}

const pingMs = 25_000;
/** Of one user: a browser that opens all of its tabs again. */
const openings = { perSecond: 10, burst: 100 };
/** Of one path, of all users together. */
const mostOpen = 2_000;

export interface Upgrades {
  close(): void;
}

export function serveUpgrades(
  server: Server,
  o: {
    readonly callers: Callers;
    readonly routes: Readonly<Record<string, UpgradeRoute>>;
    readonly clock: Clock;
    readonly log: Logger;
  },
): Upgrades {
  const pace = new Pace(openings, o.clock);
  const servers = new Map<string, WebSocketServer>();
  for (const [path, { longestFrame, protocol }] of Object.entries(o.routes)) {
    const handleProtocols = (offered: Set<string>): string | false =>
      protocol !== undefined && offered.has(protocol) ? protocol : false;
    servers.set(
      path,
      new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: longestFrame, handleProtocols }),
    );
  }
  const alive = new WeakSet<WebSocket>();
  const pinging = setInterval(() => {
    for (const { clients } of servers.values()) {
      for (const client of clients) {
        if (!alive.delete(client)) client.terminate();
        else client.ping();
      }
    }
  }, pingMs);

  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const take = async (): Promise<void> => {
      const path = (request.url ?? '').split('?')[0] ?? '';
      const caller = await o.callers.of(request, 'socket');
      pace.take(caller.user.name);
      const route = o.routes[path];
      const taker = servers.get(path);
      if (route === undefined || taker === undefined) throw new Problem(404, 'there is no such stream');
      if (taker.clients.size >= mostOpen)
        throw new Problem(429, 'too many streams are open', { headers: { 'retry-after': '30' } });
      const begin = await route.prepare(caller, request);
      if (socket.destroyed) return;
      taker.handleUpgrade(request, socket, head, (client) => {
        alive.add(client);
        client.on('pong', () => alive.add(client));
        client.on('error', () => client.terminate());
        begin(client);
      });
    };
    take().catch((error: unknown) => refuse(socket, error, o.log));
  });
  return {
    close: () => {
      clearInterval(pinging);
      for (const each of servers.values()) {
        for (const client of each.clients) client.close(1001, 'server going');
        each.close();
      }
    },
  };
}

function refuse(socket: Duplex, error: unknown, log: Logger): void {
  const problem =
    error instanceof Problem ? error : new Problem(500, 'the stream could not be opened', { cause: error });
  if (problem.status >= 500) log.error({ err: problem.cause ?? problem }, 'a stream was not opened');
  const body = JSON.stringify({
    type: 'about:blank',
    title: 'Refused',
    status: problem.status,
    detail: problem.message,
  });
  const headers = {
    ...problem.headers,
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} Refused\r\n${lines.join('')}\r\n${body}`);
}
