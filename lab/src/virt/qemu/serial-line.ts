// A guest's serial line, shared: QEMU serves one client, this is it, and any number of viewers see and type.
// Promise: QEMU never waits for a viewer. A viewer that does not read is dropped instead.
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { TransformCallback } from 'node:stream';

/** Unread bytes after which a viewer is dropped. */
const viewerLimitBytes = 1 << 20;

export class SerialLine {
  readonly #socket: Socket;
  readonly #viewers = new Set<SerialViewer>();
  readonly #events = new EventEmitter<{ output: [] }>();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#events.emit('output');
      for (const viewer of this.#viewers) viewer.offer(chunk);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const viewer of this.#viewers) viewer.finish();
    });
  }

  /** Calls back once, at the first output after now. */
  onceOutput(listener: () => void): void {
    this.#events.once('output', listener);
  }

  /** A new viewer: reads what the guest prints from now on, writes what is typed. Ends when the guest does. */
  attach(): Duplex {
    const viewer = new SerialViewer((chunk, done) => this.#type(chunk, done));
    this.#viewers.add(viewer);
    viewer.once('close', () => this.#viewers.delete(viewer));
    if (this.#socket.destroyed) viewer.finish();
    return viewer;
  }

  close(): void {
    this.#socket.destroy();
  }

  #type(chunk: Buffer, done: TransformCallback): void {
    if (this.#socket.destroyed) done(new Error('the serial line is closed'));
    else this.#socket.write(chunk, done);
  }
}

class SerialViewer extends Duplex {
  readonly #type: (chunk: Buffer, done: TransformCallback) => void;

  constructor(type: (chunk: Buffer, done: TransformCallback) => void) {
    super({ allowHalfOpen: false });
    this.#type = type;
  }

  override _read(): void {
    // Output comes when the guest prints, not when the viewer asks.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#type(chunk, done);
  }

  offer(chunk: Buffer): void {
    if (this.readableLength > viewerLimitBytes) this.destroy(new Error('the viewer of the serial line does not read'));
    else this.push(chunk);
  }

  finish(): void {
    this.push(null);
  }
}
