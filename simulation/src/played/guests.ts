// Guests that exist only as timers: what they print on their console and how they end, told by the name of their image.
// Promises: a guest prints into the log of whichever pod it is in; two live guests of one job are noticed, whoever is to blame.
// For tests against a real API server only.

import { EventEmitter, once } from 'node:events';

/**
 * `sim/exit-3-after-50` exits 3 after 50 ms; `sim/exit-second-time` runs for ever (no `afterMs`) as the job's first guest and
 * exits 0 as a later one.
 */
function behaviourOf(image: string, isFirst: boolean): { exitCode: number; afterMs?: number } {
  const exit = /^sim\/exit-(\d+)-after-(\d+)$/.exec(image);
  if (exit) return { exitCode: Number(exit[1]), afterMs: Number(exit[2]) };
  switch (image) {
    case 'sim/exit-second-time':
      return isFirst ? { exitCode: 0 } : { exitCode: 0, afterMs: 10 };
    default:
      throw new Error(`no guest behaves like "${image}"`);
  }
}

interface PlayedGuest {
  readonly job: string;
  readonly timers: NodeJS.Timeout[];
  readonly pod: string;
  alive: boolean;
}

export class ConsoleLogs {
  readonly #text = new Map<string, string>();
  readonly #over = new Set<string>();
  readonly #changes = new EventEmitter().setMaxListeners(0);

  print(pod: string, text: string): void {
    this.#text.set(pod, (this.#text.get(pod) ?? '') + text);
    this.#changes.emit('change');
  }

  end(pod: string): void {
    this.#over.add(pod);
    this.#changes.emit('change');
  }

  /** From the beginning; with `follow` until the log has ended. */
  async *follow(pod: string, follow: boolean, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let at = 0;
    while (!signal.aborted) {
      const text = (this.#text.get(pod) ?? '').slice(at);
      at += text.length;
      if (text !== '') yield Buffer.from(text);
      else if (!follow || this.#over.has(pod)) return;
      else await once(this.#changes, 'change', { signal });
    }
  }
}

export class PlayedGuests {
  readonly logs = new ConsoleLogs();
  /** Jobs that had two live guests at one time. */
  readonly twins: string[] = [];
  readonly #guests = new Map<string, PlayedGuest>();

  isAlive(vmiUid: string): boolean {
    return this.#guests.get(vmiUid)?.alive === true;
  }

  hasRun(vmiUid: string): boolean {
    return this.#guests.has(vmiUid);
  }

  /** @param onOff called when the guest powers itself off. */
  start(o: { vmiUid: string; job: string; pod: string; nonce: string; image: string; onOff: () => void }): void {
    if (this.#guests.has(o.vmiUid)) return;
    if ([...this.#guests.values()].some(({ job, alive }) => alive && job === o.job)) this.twins.push(o.job);
    const isFirst = ![...this.#guests.values()].some(({ job }) => job === o.job);
    const { exitCode, afterMs } = behaviourOf(o.image, isFirst);
    const guest: PlayedGuest = { job: o.job, timers: [], pod: o.pod, alive: true };
    this.#guests.set(o.vmiUid, guest);
    const later = (ms: number, act: () => void): void => {
      guest.timers.push(setTimeout(() => guest.alive && act(), ms));
    };
    const mark = (text: string): void => this.logs.print(guest.pod, `\r\nidlewild:${o.nonce}:${text}\r\n`);
    const exit = (): void => {
      mark(`exit:${exitCode}`);
      this.kill(o.vmiUid);
      o.onOff();
    };
    later(20, () => mark('start'));
    if (afterMs !== undefined) later(20 + afterMs, exit);
  }

  kill(vmiUid: string): void {
    const guest = this.#guests.get(vmiUid);
    if (!guest) return;
    guest.alive = false;
    for (const timer of guest.timers) clearTimeout(timer);
    this.logs.end(guest.pod);
  }

  close(): void {
    for (const uid of this.#guests.keys()) this.kill(uid);
  }
}
