// A guest's console or screen as a user's program reaches it: KubeVirt's subresources over the API server, with WebSockets.
// Promise: a refusal is told with its HTTP status; a session remembers all that it received, so nothing is missed between waits.
import { WebSocket } from 'ws';
import type { LabCluster } from './cluster.ts';

/** How KubeVirt's clients (virtctl, noVNC behind its proxies) name the raw stream; frames are binary. */
export const plainProtocol = 'plain.kubevirt.io';

export interface Access {
  readonly server: string;
  readonly caPem: string;
  readonly token: string;
}

/** The way in that the lab's kubeconfig describes. */
export async function adminAccess(cluster: LabCluster): Promise<Access> {
  const { stdout } = await cluster.kubectl(['config', 'view', '--raw', '--minify', '-o', 'json']);
  const config = JSON.parse(stdout) as {
    clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
    users: { user: { token: string } }[];
  };
  const [cluster0, user0] = [config.clusters[0]?.cluster, config.users[0]?.user];
  if (cluster0 === undefined || user0 === undefined) throw new Error('the kubeconfig names no cluster or no user');
  const caPem = Buffer.from(cluster0['certificate-authority-data'], 'base64').toString('utf8');
  return { server: cluster0.server, caPem, token: user0.token };
}

/** The API path of a subresource of an instance. */
export function subresourcePath(instance: string, subresource: string, namespace = 'default'): string {
  return `/apis/subresources.kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances/${instance}/${subresource}`;
}

/** A refused session: the answer's HTTP status, and its body as `message`. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, body: string) {
    super(body);
    this.status = status;
  }
}

export class ConsoleSession {
  readonly #socket: WebSocket;
  readonly #closed: Promise<void>;
  #received = Buffer.alloc(0);
  #textFrames = 0;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer, binary) => {
      this.#received = Buffer.concat([this.#received, data]);
      if (!binary) this.#textFrames += 1;
      for (const wake of this.#waiting) wake();
    });
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** Throws Refused when the server answers with anything but the switch to a WebSocket. */
  static async open({ server, caPem, token }: Access, path: string): Promise<ConsoleSession> {
    const socket = new WebSocket(`${server.replace(/^http/, 'ws')}${path}`, plainProtocol, {
      ca: caPem,
      headers: { authorization: `Bearer ${token}` },
    });
    const session = new ConsoleSession(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.on('error', reject);
      socket.once('unexpected-response', (_request, answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        answer.once('close', () => reject(new Refused(answer.statusCode ?? 0, body)));
      });
    });
    return session;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  get text(): string {
    return this.#received.toString('latin1');
  }

  /** Frames that came as text; a raw stream has none. */
  get textFrames(): number {
    return this.#textFrames;
  }

  type(text: string): void {
    this.#socket.send(Buffer.from(text));
  }

  /** The first match in all that was received; throws with it when there is none in time. */
  async until(pattern: RegExp, timeoutMs = 20_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) return match;
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${String(pattern)} did not come within ${timeoutMs} ms, but: ${this.text}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, left);
        this.#waiting.add(wake);
      });
    }
  }

  /** Types a command into the guest's shell and answers what `$(...)` of it is; `tag` tells this answer from others. */
  async ask(tag: string, command: string): Promise<string> {
    this.type(`echo "${tag}""=<$(${command})>"\n`);
    return (await this.until(new RegExp(`${tag}=<([^>]*)>`)))[1] ?? '';
  }

  /** Resolves when the server has ended the session. */
  ended(): Promise<void> {
    return this.#closed;
  }

  close(): void {
    this.#socket.terminate();
  }
}
