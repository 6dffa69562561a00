// The live stream of this tab: one WebSocket over which everything that is shown is kept up to date.
// Promises: it comes back by itself for as long as the page is there, and goes on where it was; whoever looks at the data learns how old
// it is. Must not render anything.

import type { StreamMessage } from '@idlewild/operator/portal/schemas.ts';

type Topic =
  | { readonly topic: 'jobs' }
  | { readonly topic: 'machines' }
  | { readonly topic: 'job' | 'events' | 'output' | 'screen'; readonly namespace: string; readonly name: string };

export type Heard = Exclude<StreamMessage, { type: 'hello' | 'beat' }>;

interface Subscribed {
  readonly topic: Topic;
  readonly hear: (message: Heard) => void;
  rev?: string;
}

export type Link =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** `since`: when it was last heard, ms since the epoch. */
  | { readonly state: 'away'; readonly since: number }
  | { readonly state: 'loggedOut' };

const firstWaitMs = 250;
const longestWaitMs = 8_000;
/** The server beats every 5 s. */
const silenceMs = 12_000;

export class LiveStream {
  readonly #subscribed = new Map<number, Subscribed>();
  readonly #listeners = new Set<() => void>();
  #socket: WebSocket | undefined;
  #nextId = 1;
  #waitMs = firstWaitMs;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #heardAt = Date.now();
  #link: Link = { state: 'connecting' };
  #closed = false;
  /** Server's clock less ours, ms. */
  skewMs = 0;

  constructor() {
    this.#dial();
    addEventListener('online', this.#now);
    addEventListener('pageshow', this.#now);
    document.addEventListener('visibilitychange', this.#now);
  }

  get link(): Link {
    return this.#link;
  }

  /** For useSyncExternalStore. */
  onLink = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** @returns ends it. */
  subscribe(topic: Topic, hear: (message: Heard) => void): () => void {
    const id = this.#nextId++;
    this.#subscribed.set(id, { topic, hear });
    this.#send({ op: 'sub', id, ...topic });
    return () => {
      this.#subscribed.delete(id);
      this.#send({ op: 'unsub', id });
    };
  }

  close(): void {
    this.#closed = true;
    removeEventListener('online', this.#now);
    removeEventListener('pageshow', this.#now);
    document.removeEventListener('visibilitychange', this.#now);
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#socket?.close();
  }

  #dial(): void {
    clearTimeout(this.#timer);
    const url = new URL('/api/v1/stream', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.addEventListener('open', () => {
      this.#waitMs = firstWaitMs;
      for (const [id, { topic, rev }] of this.#subscribed) {
        this.#send({ op: 'sub', id, ...topic, ...(topic.topic === 'jobs' && rev ? { since: rev } : {}) });
      }
      this.#say({ state: 'live' });
    });
    socket.addEventListener('message', ({ data }) => this.#heard(JSON.parse(data as string) as StreamMessage));
    socket.addEventListener('close', () => {
      if (socket !== this.#socket || this.#closed) return;
      clearTimeout(this.#silence);
      this.#say({ state: 'away', since: this.#heardAt });
      // Whoever is turned away at the door gets no code, and a login may have been renewed since a stream was opened with its older
      // cookie: the API says whether there is one.
      void fetch('/api/v1/me', { credentials: 'same-origin' }).then(
        ({ status }) => {
          if (status !== 401) return;
          clearTimeout(this.#timer);
          this.#say({ state: 'loggedOut' });
        },
        () => undefined,
      );
      this.#timer = setTimeout(() => this.#dial(), this.#waitMs * (0.5 + Math.random() / 2));
      this.#waitMs = Math.min(longestWaitMs, this.#waitMs * 2);
    });
  }

  #heard(message: StreamMessage): void {
    this.#heardAt = Date.now();
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket?.close(), silenceMs);
    if (message.type === 'hello' || message.type === 'beat') {
      this.skewMs = message.now - Date.now();
      return;
    }
    const subscribed = this.#subscribed.get(message.id);
    if (subscribed === undefined) return;
    if ('rev' in message) subscribed.rev = message.rev;
    subscribed.hear(message);
  }

  /** The laptop has woken up, or somebody looks again: no reason to wait any longer. */
  readonly #now = (): void => {
    if (this.#link.state !== 'away' || document.visibilityState === 'hidden') return;
    if (this.#socket?.readyState === WebSocket.CONNECTING) return;
    this.#waitMs = firstWaitMs;
    this.#dial();
  };

  #say(link: Link): void {
    this.#link = link;
    for (const listener of this.#listeners) listener();
  }

  #send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
