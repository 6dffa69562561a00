// The lab's own control: one unix socket, one request a connection, as lines of JSON. The running lab answers, commands ask.
// Promises: every request is answered or the connection ends; what is asked is checked before anything is done.
import { rmSync } from 'node:fs';
import net from 'node:net';
import { createInterface } from 'node:readline';

export interface NewMachine {
  readonly room?: string;
  readonly cores?: number;
  readonly memoryMiB?: number;
  readonly desktop?: boolean;
}

export const machineVerbs = ['off', 'on', 'cut', 'uncut', 'hang', 'resume'] as const;
export type MachineVerb = (typeof machineVerbs)[number];

export const ownerVerbs = ['arrive', 'leave', 'stop-now', 'lend-again'] as const;
export type OwnerVerb = (typeof ownerVerbs)[number];

export const agentVerbs = ['kill', 'stop', 'cont'] as const;
export type AgentVerb = (typeof agentVerbs)[number];

export type Request =
  | { readonly op: 'status' }
  | { readonly op: 'down' }
  | { readonly op: 'machine'; readonly verb: MachineVerb; readonly name: string }
  | { readonly op: 'owner'; readonly verb: OwnerVerb; readonly name: string }
  | { readonly op: 'agent'; readonly verb: AgentVerb; readonly name: string }
  | { readonly op: 'add'; readonly name: string; readonly machine: NewMachine };

export type Answer = { readonly ok: true; readonly data: unknown } | { readonly ok: false; readonly error: string };

export async function serveControl(
  socket: string,
  handle: (request: Request) => Promise<unknown>,
): Promise<net.Server> {
  rmSync(socket, { force: true });
  const server = net.createServer((client) => {
    client.on('error', () => client.destroy());
    createInterface({ input: client }).once('line', (line) => {
      void answerTo(line, handle).then((answer) => client.end(JSON.stringify(answer) + '\n'));
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  return server;
}

async function answerTo(line: string, handle: (request: Request) => Promise<unknown>): Promise<Answer> {
  try {
    return { ok: true, data: (await handle(JSON.parse(line) as Request)) ?? null };
  } catch (error) {
    return { ok: false, error: (error as Error).message };
  }
}

/** No lab listens there. */
export class NotRunning extends Error {
  override readonly name = 'NotRunning';
}

/** Asks the running lab. Throws NotRunning when there is none, or an Error with its words. */
export async function ask<T>(socket: string, request: Request): Promise<T> {
  const client = net.connect(socket);
  const text = await new Promise<string>((resolve, reject) => {
    let heard = '';
    client.on('data', (chunk) => (heard += chunk.toString()));
    client.once('end', () => resolve(heard));
    client.once('error', (error: NodeJS.ErrnoException) => {
      const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
      reject(absent ? new NotRunning('no lab runs here', { cause: error }) : error);
    });
    client.write(JSON.stringify(request) + '\n');
  });
  if (text === '') throw new NotRunning('the lab ended before it answered');
  const answer = JSON.parse(text) as Answer;
  if (!answer.ok) throw new Error(answer.error);
  return answer.data as T;
}
