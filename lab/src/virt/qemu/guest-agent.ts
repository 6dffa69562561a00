// Questions to the agent inside a guest (QEMU's guest agent), over its virtio port.
// Promise: an answer or an error within the time-out; one conversation at a time, for the port serves one client. What the guest
// says is its own claim and is only shown, never acted upon.
import { connect } from 'node:net';
import { randomInt } from 'node:crypto';
import { LineSplitter } from './qmp-message.ts';

/** As the agent names it; every field may be missing. */
export interface GuestOs {
  readonly id?: string;
  readonly name?: string;
  readonly prettyName?: string;
  readonly version?: string;
  readonly versionId?: string;
  readonly kernelRelease?: string;
  readonly kernelVersion?: string;
  readonly machine?: string;
}

export interface AgentInfo {
  readonly agentVersion: string;
  readonly hostname: string;
  readonly os: GuestOs;
}

const longestAnswerBytes = 1 << 20;

/** Asks who the guest is. Throws when the agent does not answer in time, or refuses. */
export async function askAgent(socketPath: string, timeoutMs = 5000): Promise<AgentInfo> {
  const agent = new Conversation(socketPath, timeoutMs);
  try {
    // Tells this conversation's answers from what an earlier one left in the port.
    await agent.ask('guest-sync', { id: randomInt(2 ** 31) });
    const { version = '' } = await agent.ask<{ version?: string }>('guest-info');
    const host = await agent.ask<Record<string, string>>('guest-get-host-name');
    const os = await agent.ask<Record<string, string>>('guest-get-osinfo');
    return { agentVersion: version, hostname: host['host-name'] ?? '', os: osOf(os) };
  } finally {
    agent.close();
  }
}

function osOf(told: Readonly<Record<string, string>>): GuestOs {
  const names = {
    ...{ id: 'id', name: 'name', prettyName: 'pretty-name', version: 'version', versionId: 'version-id' },
    ...{ kernelRelease: 'kernel-release', kernelVersion: 'kernel-version', machine: 'machine' },
  };
  const known = Object.entries(names).filter(([, key]) => typeof told[key] === 'string');
  return Object.fromEntries(known.map(([field, key]) => [field, told[key]]));
}

class Conversation {
  readonly #socket;
  readonly #lines = new LineSplitter();
  readonly #timer: NodeJS.Timeout;
  #received = 0;
  #failure: Error | undefined;
  #onAnswer: (answer: { return?: unknown; error?: { desc?: string } }) => void = () => undefined;
  #onFailure: (error: Error) => void = () => undefined;

  constructor(path: string, timeoutMs: number) {
    this.#socket = connect(path).setEncoding('utf8');
    this.#timer = setTimeout(() => this.#fail(new Error(`the agent did not answer within ${timeoutMs} ms`)), timeoutMs);
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the agent closed its port')));
    this.#socket.on('data', (chunk: string) => {
      this.#received += chunk.length;
      if (this.#received > longestAnswerBytes) return this.#fail(new Error('the agent says too much'));
      try {
        for (const line of this.#lines.push(chunk)) this.#onAnswer(JSON.parse(line) as object);
      } catch {
        this.#fail(new Error('the agent does not speak JSON'));
      }
    });
  }

  /** Sends one command and waits for its answer. */
  ask<T>(command: string, args: { readonly id?: number } = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#onFailure = reject;
      this.#onAnswer = ({ return: value, error }) => {
        if (args.id !== undefined && value !== args.id) return;
        if (error === undefined) resolve(value as T);
        else reject(new Error(`${command}: ${error.desc ?? 'refused'}`));
      };
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#onFailure(this.#failure);
  }
}
