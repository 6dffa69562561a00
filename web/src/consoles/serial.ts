// A terminal on a guest's serial console.
// Promises: bytes in both directions as they are; the text so far stays when the line breaks, and where it went on is marked, with what
// was printed meanwhile as far as the guest's log has it; nothing that is typed while the line is down is sent later; a guest that
// prints without end is made to wait, so that keys are answered.

import '@xterm/xterm/css/xterm.css';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import type { ConsoleLog } from '@idlewild/operator/portal/console-schemas.ts';
import { pageNonce } from '../ui/nonce.ts';
import { keyboardIsFree } from './keyboard.ts';
import { pastOf } from './past.ts';
import { nothingSeen, remember, type Seen } from './replay.ts';

const pasteBytes = 1024;
/** Bytes that the terminal has not drawn yet: above, the portal is told to wait, and below, to go on. */
const highWater = 512 * 1024;
const lowWater = 128 * 1024;

/** Where the guest is. */
export interface SerialPlace {
  readonly attempt: number;
  /** In words. */
  readonly where: string;
  /** What the guest has printed lately. */
  readonly log: () => Promise<ConsoleLog>;
}

export class Serial {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #resizing: ResizeObserver;
  readonly #encoder = new TextEncoder();
  #socket: WebSocket | undefined;
  #attempt: number | undefined;
  #seen: Seen = nothingSeen;
  #undrawn = 0;
  #waits = false;
  #muted = false;

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

  attach(socket: WebSocket, live: () => void, place: SerialPlace): void {
    this.#socket = socket;
    this.#waits = false;
    const decoder = new TextDecoder();
    /** What has come before the past is known; it is shown behind that. */
    let held: Uint8Array[] | undefined = [];
    let heldText = '';
    socket.addEventListener('open', () => {
      live();
      if (keyboardIsFree()) this.#terminal.focus();
      void this.#catchUp(socket, place, () => heldText).then((current) => {
        const late = held ?? [];
        held = undefined;
        if (current) this.#seen = remember(this.#seen, heldText);
        for (const bytes of late) {
          // What another line has shown by now must not come again from this one.
          if (current) this.#draw(socket, bytes);
          else this.#count(socket, -bytes.length);
        }
      });
    });
    socket.addEventListener('message', ({ data }) => {
      if (!(data instanceof ArrayBuffer) || socket !== this.#socket) return;
      const bytes = new Uint8Array(data);
      const text = decoder.decode(bytes, { stream: true });
      this.#count(socket, bytes.length);
      if (held === undefined) {
        this.#seen = remember(this.#seen, text);
        this.#draw(socket, bytes);
        return;
      }
      held.push(bytes);
      heldText += text;
    });
  }

  /** Shows what was printed before the line was open. @returns false if there is another line by now. */
  async #catchUp(socket: WebSocket, { attempt, where, log }: SerialPlace, live: () => string): Promise<boolean> {
    const back = this.#attempt !== undefined;
    const seen = this.#attempt === attempt ? this.#seen : nothingSeen;
    const { text, gap, pods } = await pastOf({ seen, read: log, live });
    if (socket !== this.#socket) return false;
    this.#attempt = attempt;
    this.#seen = remember(seen, text, pods);
    const doubt = gap ? '; some of what it printed before may be missing' : '';
    if (back) this.#terminal.write(`\r\n\x1b[3m-- ${where}${doubt} --\x1b[0m\r\n`);
    // The guest has asked this terminal, or another one, for answers long ago: it must not get them now, as if they were typed.
    this.#muted = true;
    this.#terminal.write(text, () => (this.#muted = false));
    return true;
  }

  #draw(socket: WebSocket, bytes: Uint8Array): void {
    this.#terminal.write(bytes, () => this.#count(socket, -bytes.length));
  }

  /** Bytes that came and are not drawn yet, or fewer again. */
  #count(socket: WebSocket, bytes: number): void {
    this.#undrawn += bytes;
    if (socket !== this.#socket) return;
    if (!this.#waits && this.#undrawn > highWater) this.#tell(socket, true);
    else if (this.#waits && this.#undrawn < lowWater) this.#tell(socket, false);
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
    this.#socket = undefined;
    this.#resizing.disconnect();
    this.#terminal.dispose();
  }

  #send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#muted) return;
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
