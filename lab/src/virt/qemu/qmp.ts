// A client of QEMU's control socket.
// Promise: every command ends: with its answer, with QEMU's refusal, after its own time-out (a stopped QEMU accepts
// connections and never answers), or when the connection closes. Events arrive in order.
import { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { pause } from '../../images/file-lock.ts';
import { LineSplitter, parseQmpLine } from './qmp-message.ts';
import type { QmpEvent, QmpMessage } from './qmp-message.ts';

export class QmpError extends Error {
  readonly kind: 'refused' | 'timeout' | 'closed';

  constructor(kind: 'refused' | 'timeout' | 'closed', message: string) {
    super(message);
    this.name = 'QmpError';
    this.kind = kind;
  }
}

interface Pending {
  readonly command: string;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: QmpError) => void;
}

const commandTimeoutMs = 5000;
const connectRetryMs = 15;

export class Qmp {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #events = new EventEmitter<{ event: [QmpEvent]; close: [] }>();
  #nextId = 1;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#events.setMaxListeners(0);
    const lines = new LineSplitter();
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      for (const line of lines.push(chunk)) this.#receive(parseQmpLine(line));
    });
    // A broken connection is told by 'close', which always follows.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#close());
  }

  /** Connects as soon as the socket is there and negotiates. The signal gives up the wait. */
  static async connect(path: string, signal: AbortSignal): Promise<Qmp> {
    const socket = await connectWhenReady(path, signal);
    const qmp = new Qmp(socket);
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Runs a command and answers what it returned. Throws QmpError. */
  execute<T = unknown>(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    timeoutMs = commandTimeoutMs,
  ): Promise<T> {
    if (this.#closed) return Promise.reject(new QmpError('closed', `${command}: the control socket is closed`));
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new QmpError('timeout', `${command}: no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.set(id, { command, timer, resolve: (value) => resolve(value as T), reject });
      this.#socket.write(
        `${JSON.stringify({ execute: command, id, ...(args === undefined ? {} : { arguments: args }) })}\n`,
      );
    });
  }

  onEvent(listener: (event: QmpEvent) => void): void {
    this.#events.on('event', listener);
  }

  onClose(listener: () => void): void {
    this.#events.on('close', listener);
  }

  /**
   * The next event that matches. Called before the command that causes the event, so that none is missed; an answer that
   * nobody waits for any more may fail unnoticed. Throws QmpError `timeout` or `closed`, or the signal's reason.
   */
  waitFor(matches: (event: QmpEvent) => boolean, timeoutMs: number, signal?: AbortSignal): Promise<QmpEvent> {
    const found = new Promise<QmpEvent>((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#events.off('event', onEvent);
        this.#events.off('close', onClose);
        signal?.removeEventListener('abort', onAbort);
        act();
      };
      const onEvent = (event: QmpEvent): void => {
        if (matches(event)) settle(() => resolve(event));
      };
      const onClose = (): void => settle(() => reject(new QmpError('closed', 'the control socket closed')));
      const onAbort = (): void => settle(() => reject(signal?.reason as Error));
      const late = (): void => reject(new QmpError('timeout', `the event did not come within ${timeoutMs} ms`));
      const timer = setTimeout(() => settle(late), timeoutMs);
      this.#events.on('event', onEvent);
      this.#events.on('close', onClose);
      signal?.addEventListener('abort', onAbort);
      if (signal?.aborted === true) onAbort();
      else if (this.#closed) onClose();
    });
    found.catch(() => undefined);
    return found;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(message: QmpMessage): void {
    switch (message.kind) {
      case 'greeting':
        return;
      case 'event':
        this.#events.emit('event', message.event);
        return;
      case 'return':
        this.#settle(message.id)?.resolve(message.value);
        return;
      case 'error': {
        const pending = this.#settle(message.id);
        pending?.reject(new QmpError('refused', `${pending.command}: ${message.message}`));
      }
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    clearTimeout(pending.timer);
    this.#pending.delete(id);
    return pending;
  }

  #close(): void {
    this.#closed = true;
    for (const id of [...this.#pending.keys()]) {
      const pending = this.#settle(id);
      pending?.reject(new QmpError('closed', `${pending.command}: the control socket closed`));
    }
    this.#events.emit('close');
  }
}

/** Connects to a Unix socket that may not exist yet. */
export async function connectWhenReady(path: string, signal: AbortSignal): Promise<Socket> {
  for (;;) {
    signal.throwIfAborted();
    const socket = connect(path);
    const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      socket.once('connect', () => resolve(undefined));
      socket.once('error', resolve);
    });
    if (failure === undefined) return socket;
    if (failure.code !== 'ENOENT' && failure.code !== 'ECONNREFUSED') throw failure;
    await pause(connectRetryMs, signal);
  }
}
