// The machines themselves: whether they have power and a network, since when, and who is told.
// Must not know what runs on them, nor what the API says of them.

import type { Clock } from '@idlewild/operator/kube/clock.ts';

export interface Host {
  readonly name: string;
  readonly on: boolean;
  readonly linked: boolean;
  /** Grows with every loss of power: what ran before is not running now. */
  readonly boots: number;
  /** When it was last heard: the present while it can be, monotonic ms. */
  readonly heardMs: number;
}

export interface HostListener {
  silent?(host: Host): void;
  heard?(host: Host): void;
  powerLost?(host: Host): void;
}

type Mutable = { -readonly [K in keyof Host]: Host[K] };

export class Hosts {
  readonly #clock: Clock;
  readonly #hosts = new Map<string, Mutable>();
  readonly #listeners: HostListener[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(listener: HostListener): void {
    this.#listeners.push(listener);
  }

  add(name: string): void {
    if (!this.#hosts.has(name)) this.#hosts.set(name, { name, on: true, linked: true, boots: 1, heardMs: 0 });
  }

  get(name: string): Host {
    const host = this.#known(name);
    if (host.on && host.linked) host.heardMs = this.#clock.monotonic();
    return host;
  }

  list(): readonly Host[] {
    return [...this.#hosts.values()];
  }

  isReachable(name: string): boolean {
    const host = this.#hosts.get(name);
    return host !== undefined && host.on && host.linked;
  }

  powerOff(name: string): void {
    const host = this.#known(name);
    if (!host.on) return;
    const silenced = host.linked;
    if (silenced) host.heardMs = this.#clock.monotonic();
    host.on = false;
    for (const listener of this.#listeners) {
      listener.powerLost?.(host);
      if (silenced) listener.silent?.(host);
    }
  }

  powerOn(name: string): void {
    const host = this.#known(name);
    if (host.on) return;
    host.on = true;
    host.boots++;
    if (host.linked) for (const listener of this.#listeners) listener.heard?.(host);
  }

  /** Its cable is out; what it runs goes on. */
  cut(name: string): void {
    const host = this.#known(name);
    if (!host.linked) return;
    if (host.on) host.heardMs = this.#clock.monotonic();
    host.linked = false;
    if (host.on) for (const listener of this.#listeners) listener.silent?.(host);
  }

  link(name: string): void {
    const host = this.#known(name);
    if (host.linked) return;
    host.linked = true;
    if (host.on) for (const listener of this.#listeners) listener.heard?.(host);
  }

  #known(name: string): Mutable {
    const host = this.#hosts.get(name);
    if (!host) throw new RangeError(`machine: "${name}" does not exist`);
    return host;
  }
}
