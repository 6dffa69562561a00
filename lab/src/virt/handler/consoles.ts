// Consoles and buttons of running guests, for virt-api: serial console and screen over WebSocket, screenshot, pause, reset.
// Promises: sub-protocol plain.kubevirt.io with binary frames; a new session of one kind ends the old one, as KubeVirt does it.
import type { IncomingMessage } from 'node:http';
import { pipeline, type Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer, type WebSocket } from 'ws';
import type { HandlerAnswer, HandlerRequest } from '../../machines/endpoint/server.ts';
import type { AgentInfo } from '../qemu/guest-agent.ts';
import type { Guest } from '../qemu/guest.ts';

export const consoleProtocol = 'plain.kubevirt.io';

export interface ConsoleOptions {
  /** The guest of an instance that runs here. */
  readonly guestOf: (namespace: string, name: string) => Guest | undefined;
  /** Writes whether the instance is paused. */
  readonly setPaused: (namespace: string, name: string, paused: boolean) => Promise<void>;
}

type ConsoleKind = 'console' | 'vnc';

export class Consoles {
  readonly #o: ConsoleOptions;
  readonly #sessions = new Map<string, WebSocket>();
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(consoleProtocol) ? consoleProtocol : false),
  });

  constructor(options: ConsoleOptions) {
    this.#o = options;
  }

  async handle({ namespace, name, subresource }: HandlerRequest): Promise<HandlerAnswer> {
    const guest = this.#o.guestOf(namespace, name);
    if (guest === undefined)
      return { status: 404, body: `virtualmachineinstance ${namespace}/${name} does not run here` };
    switch (subresource) {
      case 'pause':
        if (guest.state === 'paused') return { status: 409, body: 'VMI is already paused' };
        await guest.pause();
        await this.#o.setPaused(namespace, name, true);
        return { status: 202 };
      case 'unpause':
        if (guest.state !== 'paused') return { status: 409, body: 'VMI is not paused' };
        await guest.resume();
        await this.#o.setPaused(namespace, name, false);
        return { status: 202 };
      case 'reset':
        await guest.reset();
        return { status: 202 };
      case 'softreboot':
        await guest.sendKeys(['ctrl', 'alt', 'delete']);
        return { status: 202 };
      case 'vnc/screenshot':
        if (!guest.spec.graphics) return { status: 400, body: 'no graphics devices are present' };
        return { status: 200, type: 'image/png', body: await guest.screenshot() };
      case 'guestosinfo':
        return { status: 200, type: 'application/json', body: JSON.stringify(guestInfo(await guest.agentInfo())) };
      default:
        return { status: 404, body: `the machine serves no subresource ${subresource}` };
    }
  }

  upgrade({ namespace, name, subresource }: HandlerRequest, raw: IncomingMessage, socket: Duplex, head: Buffer): void {
    const guest = this.#o.guestOf(namespace, name);
    const refusal = refusalOf(guest, subresource);
    if (guest === undefined || refusal !== undefined) {
      const body = JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 400, message: refusal });
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
      return;
    }
    this.#server.handleUpgrade(raw, socket, head, (client) => {
      const key = `${subresource}/${namespace}/${name}`;
      this.#sessions.get(key)?.terminate();
      this.#sessions.set(key, client);
      client.once('close', () => {
        if (this.#sessions.get(key) === client) this.#sessions.delete(key);
      });
      client.on('error', () => client.terminate());
      void this.#connect(guest, subresource as ConsoleKind, client);
    });
  }

  async #connect(guest: Guest, kind: ConsoleKind, client: WebSocket): Promise<void> {
    try {
      const far = kind === 'vnc' ? await guest.connectVnc() : guest.attachSerial();
      const near = createWebSocketStream(client);
      pipeline(near, far, () => client.close());
      pipeline(far, near, () => client.close());
    } catch (error) {
      client.close(1011, (error as Error).message.slice(0, 100));
    }
  }
}

/** The answer of the subresource guestosinfo, as far as the agent's words fill it. */
function guestInfo({ agentVersion, hostname, os }: AgentInfo): Readonly<Record<string, unknown>> {
  return { guestAgentVersion: agentVersion, hostname, os };
}

function refusalOf(guest: Guest | undefined, subresource: string): string | undefined {
  if (guest === undefined) return 'VMI is not running';
  if (subresource === 'console') return undefined;
  if (subresource !== 'vnc') return `the machine serves no stream ${subresource}`;
  return guest.spec.graphics ? undefined : 'no graphics devices are present';
}
