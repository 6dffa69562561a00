// A terminal on a guest's serial console.
// Promises: bytes in both directions as they are; the text so far stays when the line breaks, and where it went on is marked; nothing
// that is typed while the line is down is sent later; a guest that prints without end is made to wait, so that keys are answered.

import '@xterm/xterm/css/xterm.css';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import { pageNonce } from '../ui/nonce.ts';

const pasteBytes = 1024;
/** Bytes that the terminal has not drawn yet: above, the portal is told to wait, and below, to go on. */
const highWater = 512 * 1024;
const lowWater = 128 * 1024;

export class Serial {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #resizing: ResizeObserver;
  readonly #encoder = new TextEncoder();
  #socket: WebSocket | undefined;
  #attached = 0;
  #undrawn = 0;
  #waits = false;

  constructor(element: HTMLElement) {
    styleWithNonce();
    this.#terminal = new Terminal({
      scrollback: 5_000,
      cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
      fontSize: 14,
      minimumContrastRatio: 4.5,
      theme: { background: '#16181c', foreground: '#e6e6e6' },
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.open(element);
    this.#terminal.onData((text) => this.#send(this.#encoder.encode(text)));
    this.#terminal.onBinary((text) => this.#send(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    this.#resizing = new ResizeObserver(() => {
      if (element.clientWidth > 0) this.#fit.fit();
    });
    this.#resizing.observe(element);
  }

  attach(socket: WebSocket, live: () => void, where: string): void {
    this.#socket = socket;
    this.#waits = false;
    const number = ++this.#attached;
    socket.addEventListener('open', () => {
      if (number > 1) this.#terminal.write(`\r\n\x1b[3m-- ${where} --\x1b[0m\r\n`);
      live();
      this.#terminal.focus();
    });
    socket.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) this.#draw(socket, new Uint8Array(data));
    });
  }

  #draw(socket: WebSocket, bytes: Uint8Array): void {
    this.#undrawn += bytes.length;
    this.#terminal.write(bytes, () => {
      this.#undrawn -= bytes.length;
      if (this.#waits && socket === this.#socket && this.#undrawn < lowWater) this.#tell(socket, false);
    });
    if (!this.#waits && socket === this.#socket && this.#undrawn > highWater) this.#tell(socket, true);
  }

  /** Words of ours are text; what the guest hears is binary. */
  #tell(socket: WebSocket, waits: boolean): void {
    this.#waits = waits;
    if (socket.readyState === WebSocket.OPEN) socket.send(waits ? 'wait' : 'go');
  }

  focus(): void {
    this.#terminal.focus();
  }

  type(text: string): void {
    this.#terminal.paste(text);
  }

  close(): void {
    this.#resizing.disconnect();
    this.#terminal.dispose();
  }

  #send(bytes: Uint8Array<ArrayBuffer>): void {
    for (let at = 0; at < bytes.length; at += pasteBytes) {
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes.slice(at, at + pasteBytes));
    }
  }
}

let styled = false;

/** The terminal makes style elements, at its opening and later: under the page's policy each needs the nonce. */
function styleWithNonce(): void {
  if (styled) return;
  styled = true;
  const make = document.createElement.bind(document);
  document.createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
    const element = make(name, options);
    if (name.toLowerCase() === 'style') element.nonce = pageNonce();
    return element;
  };
}
