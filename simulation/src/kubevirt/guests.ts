// The guests that truly run, whatever the API's objects say about them.
// Promises: a guest works and prints only while it is alive; who watches is told of every start and end, so that two live guests
// of one job are noticed whoever is to blame.

import type { Clock, Timer } from '@idlewild/operator/kube/clock.ts';
import type { GuestPlan } from './behaviour.ts';
import type { ConsoleLogs } from './console-logs.ts';

export type GuestEnd = 'poweredOff' | 'crashed' | 'shutDown' | 'powerCut' | 'fenced' | 'killed';

export interface Guest {
  readonly vmiUid: string;
  /** namespace/name of the instance. */
  readonly vmi: string;
  /** namespace/name of the job. */
  readonly job: string;
  readonly attempt: number;
  readonly plan: GuestPlan;
  readonly sinceMs: number;
  /** The machine that it is on now. */
  readonly node: string;
  /** namespace/name of its launcher pod. */
  readonly pod: string;
  /** When its script began. */
  readonly startedMs?: number | undefined;
  readonly end?: GuestEnd | undefined;
  /** Since when it is paused. */
  readonly stillSinceMs?: number | undefined;
  /** For how long it has stood still since its script began, without that. */
  readonly stillMs: number;
}

/** Something that it will do, at a time that moves on while it stands still. */
interface Step {
  readonly act: () => void;
  dueMs: number;
  timer: Timer | undefined;
}

type Mutable = { -readonly [K in keyof Guest]: Guest[K] } & {
  readonly steps: Set<Step>;
  readonly nonce: string;
  /** Nobody asks for it any more once it has ended. */
  unwanted?: boolean;
};

export interface GuestListener {
  started?(guest: Guest): void;
  moved?(guest: Guest, from: string): void;
  /** @param workedMs of its script; what of it was useful is for others to say. */
  ended?(guest: Guest, end: GuestEnd, workedMs: number): void;
}

export class Guests {
  readonly #clock: Clock;
  readonly #logs: ConsoleLogs;
  readonly #byInstance = new Map<string, Mutable>();
  readonly #byNode = new Map<string, Set<Mutable>>();
  readonly #listeners: GuestListener[] = [];

  constructor(clock: Clock, logs: ConsoleLogs) {
    this.#clock = clock;
    this.#logs = logs;
  }

  watch(listener: GuestListener): void {
    this.#listeners.push(listener);
  }

  of(vmiUid: string): Guest | undefined {
    return this.#byInstance.get(vmiUid);
  }

  /** Those alive on a machine. */
  on(node: string): readonly Guest[] {
    return [...(this.#byNode.get(node) ?? [])];
  }

  /** Those that nobody has forgotten, dead ones included. */
  get size(): number {
    return this.#byInstance.size;
  }

  /** @param onOff called when it ends by itself. */
  start(
    o: Omit<Guest, 'sinceMs' | 'startedMs' | 'end' | 'stillMs'> & { nonce: string; bootMs: number; onOff: () => void },
  ): void {
    const { onOff, bootMs, ...rest } = o;
    const guest: Mutable = { ...rest, sinceMs: this.#clock.monotonic(), steps: new Set(), stillMs: 0 };
    this.#byInstance.set(guest.vmiUid, guest);
    this.#place(guest);
    for (const listener of this.#listeners) listener.started?.(guest);
    if (!guest.plan.comesUp) return;
    this.#later(guest, bootMs, () => {
      guest.startedMs = this.#clock.monotonic();
      guest.stillMs = 0;
      this.#mark(guest, 'start');
      const { workMs, ends } = guest.plan;
      if (workMs === undefined || ends === 'whenMoved') return;
      this.#later(guest, workMs, () => this.#finish(guest, onOff));
    });
  }

  /** The hand-over of a migration. */
  move(vmiUid: string, node: string, pod: string, onOff: () => void): void {
    const guest = this.#byInstance.get(vmiUid);
    if (!guest || guest.end) return;
    const from = guest.node;
    this.#byNode.get(from)?.delete(guest);
    guest.node = node;
    guest.pod = pod;
    this.#place(guest);
    for (const listener of this.#listeners) listener.moved?.(guest, from);
    if (guest.plan.ends === 'whenMoved') this.#later(guest, 2_000, () => this.#finish(guest, onOff));
  }

  /** @returns false when there is none alive, or it is so already. */
  pause(vmiUid: string): boolean {
    const guest = this.#byInstance.get(vmiUid);
    if (!guest || guest.end || guest.stillSinceMs !== undefined) return false;
    guest.stillSinceMs = this.#clock.monotonic();
    for (const step of guest.steps) step.timer?.cancel();
    return true;
  }

  unpause(vmiUid: string): boolean {
    const guest = this.#byInstance.get(vmiUid);
    if (!guest || guest.end || guest.stillSinceMs === undefined) return false;
    const stoodMs = this.#clock.monotonic() - guest.stillSinceMs;
    guest.stillMs += stoodMs;
    guest.stillSinceMs = undefined;
    for (const step of guest.steps) {
      step.dueMs += stoodMs;
      this.#arm(guest, step);
    }
    return true;
  }

  kill(vmiUid: string, end: GuestEnd): void {
    const guest = this.#byInstance.get(vmiUid);
    if (guest && !guest.end) this.#end(guest, end);
  }

  /** Its instance is gone. It may still be alive, on a machine that has not heard of that. */
  forget(vmiUid: string): void {
    const guest = this.#byInstance.get(vmiUid);
    if (guest?.end === undefined && guest !== undefined) guest.unwanted = true;
    else this.#byInstance.delete(vmiUid);
  }

  #finish(guest: Mutable, onOff: () => void): void {
    const { ends, exitCode } = guest.plan;
    if (ends === 'crash') {
      this.#end(guest, 'crashed');
      onOff();
      return;
    }
    if (ends !== 'powerOff') for (let said = 0; said < 3; said++) this.#mark(guest, `exit:${exitCode}`);
    // Its work is done; the system below it takes a moment to go down.
    this.#later(guest, 1_500, () => {
      this.#end(guest, 'poweredOff');
      onOff();
    });
  }

  #end(guest: Mutable, end: GuestEnd): void {
    guest.end = end;
    if (guest.unwanted) this.#byInstance.delete(guest.vmiUid);
    for (const { timer } of guest.steps) timer?.cancel();
    guest.steps.clear();
    const on = this.#byNode.get(guest.node);
    on?.delete(guest);
    if (on?.size === 0) this.#byNode.delete(guest.node);
    this.#logs.end(guest.pod);
    const untilMs = guest.stillSinceMs ?? this.#clock.monotonic();
    const workedMs = guest.startedMs === undefined ? 0 : Math.max(0, untilMs - guest.startedMs - guest.stillMs);
    for (const listener of this.#listeners) listener.ended?.(guest, end, workedMs);
  }

  #place(guest: Mutable): void {
    const on = this.#byNode.get(guest.node) ?? new Set();
    on.add(guest);
    this.#byNode.set(guest.node, on);
  }

  #mark(guest: Mutable, text: string): void {
    this.#logs.print(guest.pod, `\r\nidlewild:${guest.nonce}:${text}\r\n`);
  }

  #later(guest: Mutable, ms: number, act: () => void): void {
    const step: Step = { act, dueMs: this.#clock.monotonic() + ms, timer: undefined };
    guest.steps.add(step);
    if (guest.stillSinceMs === undefined) this.#arm(guest, step);
  }

  #arm(guest: Mutable, step: Step): void {
    step.timer = this.#clock.setTimeout(
      () => {
        guest.steps.delete(step);
        step.act();
      },
      Math.max(0, step.dueMs - this.#clock.monotonic()),
    );
  }
}
