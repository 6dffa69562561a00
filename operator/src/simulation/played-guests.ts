// Guests that exist only as timers: what they print on their console and how they end, told by the name of their image.
// Promises: a guest prints into the log of whichever pod it is in; two live guests of one job are noticed, whoever is to blame.
// For the simulated tests of the operator only.

import { EventEmitter, once } from 'node:events';

/** What makes a guest power itself off; `undefined` is nothing. */
type EndsBy = { readonly kind: 'time'; readonly afterMs: number } | { readonly kind: 'move' } | undefined;

/**
 * `sim/exit-3-after-50` exits 3 after 50 ms; `sim/exit-when-moved` exits 0 after a migration; `sim/exit-second-time` runs for
 * ever as the job's first guest and exits 0 as a later one; `sim/silent` never starts its script.
 */
function behaviourOf(image: string, isFirst: boolean): { exitCode: number; ends: EndsBy; starts: boolean } {
  const exit = /^sim\/exit-(\d+)-after-(\d+)$/.exec(image);
  if (exit) return { exitCode: Number(exit[1]), ends: { kind: 'time', afterMs: Number(exit[2]) }, starts: true };
  switch (image) {
    case 'sim/exit-when-moved':
      return { exitCode: 0, ends: { kind: 'move' }, starts: true };
    case 'sim/exit-second-time':
      return { exitCode: 0, ends: isFirst ? undefined : { kind: 'time', afterMs: 10 }, starts: true };
    case 'sim/silent':
      return { exitCode: 0, ends: undefined, starts: false };
    default:
      throw new Error(`no guest behaves like "${image}"`);
  }
}

interface PlayedGuest {
  readonly job: string;
  readonly timers: NodeJS.Timeout[];
  pod: string;
  alive: boolean;
  onMove?: () => void;
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
    const { exitCode, ends, starts } = behaviourOf(o.image, isFirst);
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
    if (starts) later(20, () => mark('start'));
    if (ends?.kind === 'time') later(20 + ends.afterMs, exit);
    if (ends?.kind === 'move') guest.onMove = () => later(20, exit);
  }

  move(vmiUid: string, pod: string): void {
    const guest = this.#guests.get(vmiUid);
    if (guest) guest.pod = pod;
  }

  /** The migration is over for KubeVirt, too. */
  settle(vmiUid: string): void {
    const guest = this.#guests.get(vmiUid);
    guest?.onMove?.();
    delete guest?.onMove;
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
