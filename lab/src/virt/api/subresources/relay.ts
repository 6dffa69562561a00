// Console sessions: a user's WebSocket joined to the machine's. One session per instance and console: a new one ends the old one,
// unless it asks to preserve it. Promises: both sides carry binary frames only; text frames of the user are dropped, as KubeVirt does.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer, type RawData } from 'ws';
import { CONSOLE_PROTOCOL } from './machine-link.ts';

/** Above this many unsent bytes the other side is told to wait. */
const HIGH_WATER_BYTES = 1024 * 1024;
const GOING_AWAY = 1001;

export class Relay {
  readonly #sessions = new Map<string, WebSocket>();
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(CONSOLE_PROTOCOL) ? CONSOLE_PROTOCOL : false),
  });

  /** @param key instance and console. */
  isActive(key: string): boolean {
    return this.#sessions.has(key);
  }

  /** Takes over the user's connection and joins it to an open console of the machine. */
  join(key: string, console: WebSocket, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.once('close', () => console.terminate());
    this.#server.handleUpgrade(request, socket, head, (user) => {
      this.#sessions.get(key)?.close(GOING_AWAY);
      this.#sessions.set(key, user);
      user.once('close', () => {
        if (this.#sessions.get(key) === user) this.#sessions.delete(key);
      });
      pass(user, console, (isBinary) => isBinary);
      pass(console, user, () => true);
      console.resume();
    });
  }

  /** Ends every session. */
  close(): void {
    for (const user of this.#sessions.values()) user.terminate();
    this.#server.close();
  }
}

function pass(from: WebSocket, to: WebSocket, accepts: (isBinary: boolean) => boolean): void {
  from.on('message', (data: RawData, isBinary) => {
    if (!accepts(isBinary) || to.readyState !== WebSocket.OPEN) return;
    to.send(data as Buffer, { binary: true }, () => {
      if (from.isPaused && to.bufferedAmount < HIGH_WATER_BYTES) from.resume();
    });
    if (to.bufferedAmount >= HIGH_WATER_BYTES) from.pause();
  });
  from.once('close', () => to.close());
  from.once('error', () => to.close());
}
