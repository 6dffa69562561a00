// The line from this tab to a guest's console: a ticket, then a WebSocket, again and again for as long as the page wants one.
// Promises: it never dials without a ticket of its own, never takes a screen from somebody else unasked, and says at any time what it
// waits for. A new place of the guest is dialled at once; a line that broke for no known reason after a pause that grows.

import type { ConsoleProtocol, ConsoleTicket } from '@idlewild/operator/portal/schemas.ts';
import { call, jobPath, Refusal } from '../data/api.ts';
import type { Place } from './place.ts';

export type LineState =
  | { readonly kind: 'noGuest' }
  | { readonly kind: 'opening' }
  | { readonly kind: 'live' }
  | { readonly kind: 'broken'; readonly retryAt: number }
  | { readonly kind: 'inUse' }
  | { readonly kind: 'refused'; readonly why: string };

export interface LineOptions {
  readonly namespace: string;
  readonly name: string;
  readonly protocol: ConsoleProtocol;
  /** A socket that is still connecting. Says that it is live, in time. */
  readonly attach: (socket: WebSocket, live: () => void) => void;
  readonly onState: (state: LineState) => void;
}

const codes = { loginOver: 4401, rightWithdrawn: 4403, inUse: 4409 } as const;
const firstPauseMs = 300;
const longestPauseMs = 8_000;
const inUsePauseMs = 4_000;
const doubtMs = 5_000;

export class Line {
  readonly #o: LineOptions;
  #place: Place | undefined;
  #heardAt = 0;
  /** Only the latest dialling counts; what an earlier one still says is of no interest. */
  #dialling = 0;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = firstPauseMs;
  #state: LineState = { kind: 'noGuest' };
  #closed = false;

  constructor(options: LineOptions) {
    this.#o = options;
    addEventListener('online', this.#awake);
    addEventListener('pageshow', this.#awake);
    document.addEventListener('visibilitychange', this.#awake);
  }

  /** Where the guest is now; undefined while there is none. */
  moveTo(place: Place | undefined): void {
    const before = this.#place;
    if (place?.attempt === before?.attempt && place?.node === before?.node) return;
    this.#place = place;
    this.#pauseMs = firstPauseMs;
    if (place === undefined) {
      this.#drop();
      this.#say({ kind: 'noGuest' });
    } else if (this.#state.kind === 'inUse') {
      // Whoever has the screen comes first at the new place, too; we ask again in a moment anyway.
    } else if (place.attempt !== before?.attempt) {
      // The line to the guest before may look alive for minutes, when its machine has lost its network.
      void this.#dial(false);
    } else if (this.#state.kind === 'live') this.#doubt();
    else void this.#dial(false);
  }

  now(takeOver = false): void {
    this.#pauseMs = firstPauseMs;
    if (this.#place !== undefined) void this.#dial(takeOver);
  }

  close(): void {
    this.#closed = true;
    removeEventListener('online', this.#awake);
    removeEventListener('pageshow', this.#awake);
    document.removeEventListener('visibilitychange', this.#awake);
    this.#drop();
  }

  /** A line ends by itself when the guest's old place does; one that does not, and says nothing more, is not waited for. */
  #doubt(): void {
    const doubted = this.#dialling;
    const heard = this.#heardAt;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#dialling === doubted && this.#heardAt === heard) void this.#dial(false);
    }, doubtMs);
  }

  async #dial(takeOver: boolean, quietly = false): Promise<void> {
    this.#drop();
    const number = ++this.#dialling;
    const stale = (): boolean => number !== this.#dialling || this.#closed;
    if (!quietly) this.#say({ kind: 'opening' });
    const { namespace, name, protocol } = this.#o;
    let ticket: ConsoleTicket;
    try {
      ticket = await call('POST', `${jobPath(namespace, name)}/consoles`, { body: { protocol, takeOver } });
    } catch (error) {
      if (stale()) return;
      if (error instanceof Refusal && (error.status === 403 || error.status === 401)) {
        this.#say({ kind: 'refused', why: error.message });
      } else this.#later();
      return;
    }
    if (stale()) return;
    const url = new URL(ticket.path, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url, ['plain.kubevirt.io', `ticket.${ticket.ticket}`]);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.addEventListener('message', () => {
      this.#heardAt = performance.now();
      // Only now: the portal opens a line before it knows whether the guest takes it.
      this.#pauseMs = firstPauseMs;
    });
    // Before anybody else hears of it: what the code says is known only here.
    socket.addEventListener('close', ({ code, reason }) => {
      if (stale()) return;
      if (code === codes.inUse) {
        this.#say({ kind: 'inUse' });
        // Asks again now and then, politely: it may have been our own line of a moment ago, or the other one leaves.
        this.#timer = setTimeout(() => void this.#dial(false, true), inUsePauseMs);
      } else if (code === codes.loginOver || code === codes.rightWithdrawn) this.#say({ kind: 'refused', why: reason });
      else this.#later();
    });
    this.#o.attach(socket, () => {
      if (!stale()) this.#say({ kind: 'live' });
    });
  }

  #later(): void {
    const pause = this.#pauseMs * (0.5 + Math.random() / 2);
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2);
    this.#say({ kind: 'broken', retryAt: Date.now() + pause });
    this.#timer = setTimeout(() => {
      if (document.visibilityState === 'visible') void this.#dial(false);
    }, pause);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#dialling++;
    this.#socket?.close();
    this.#socket = undefined;
  }

  readonly #awake = (): void => {
    if (document.visibilityState === 'visible' && this.#state.kind === 'broken') this.now();
  };

  #say(state: LineState): void {
    this.#state = state;
    this.#o.onState(state);
  }
}
