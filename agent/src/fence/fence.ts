// The fence of one machine: its guests live by a permission that runs out by itself, and are ended when it has.
// Promises: nothing is called ended while a process of it is left; what could not be done is told, here, on the log and to the
// owner; armed means that the permission could be written, that the switch on the host is at work, and that guests would be found.

import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { GuestPlaces } from '../throttle/guest-groups.ts';
import type { BootClock } from './boot.ts';
import { sweep } from './guests.ts';
import { readPermission, withdrawPermission, writePermission, type Permission } from './lease-file.ts';
import { isBeating, readBeat } from './switch.ts';

export interface FenceOptions {
  /** The permission, read by the switch. */
  readonly file: string;
  /** The beat, written by the switch. */
  readonly beat: string;
  readonly places: GuestPlaces;
  readonly boot: BootClock;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Why the permission was not renewed, for the log and the owner. */
export interface Cause {
  readonly reason: string;
  readonly words: string;
}

export interface Ended {
  /** ms since the epoch. */
  readonly atMs: number;
  readonly cause: Cause;
}

/** A guest is gone a few ms after it was told; one that is not may wait for a disk. */
const patienceMs = 1_000;
const lookAgainMs = 5;
const remembered = 5;

export class Fence {
  readonly #o: FenceOptions;
  #written = false;
  #left: readonly number[] = [];
  #failure: string | undefined;
  #ended: readonly Ended[] = [];
  #sweeping: Promise<boolean> = Promise.resolve(true);

  constructor(options: FenceOptions) {
    this.#o = options;
  }

  get armed(): boolean {
    const { beat, boot } = this.#o;
    return this.#knowsGuests && this.#written && isBeating(readBeat(beat), boot.now());
  }

  /** What cannot be ended, in words; undefined when everything could. */
  get trouble(): string | undefined {
    if (this.#left.length > 0) return `processes ${this.#left.join(', ')} of a guest do not end`;
    const { pods } = this.#o.places;
    if (pods.length > 0 && !this.#knowsGuests) return `no control group of a kubelet is at ${pods.join(', ')}`;
    return this.#failure;
  }

  /** A kubelet makes its group before any pod. Where it has a name that we were not told, no guest would be found. */
  get #knowsGuests(): boolean {
    const { groups, pods } = this.#o.places;
    return groups.length > 0 || pods.some((dir) => existsSync(dir));
  }

  /** When guests were ended, and why, the newest first. */
  get ended(): readonly Ended[] {
    return this.#ended;
  }

  /** What a predecessor on this boot left behind. */
  inherited(): Permission | undefined {
    const found = readPermission(this.#o.file);
    return found?.boot === this.#o.boot.id ? found : undefined;
  }

  /** All guests may live until then, and some pods longer. Seconds since the machine was started. */
  permit(deadlineS: number, pods: ReadonlyMap<string, number>): void {
    const { file, boot, log } = this.#o;
    try {
      writePermission(file, { boot: boot.id, deadlineS, pods });
      this.#written = true;
    } catch (error) {
      if (this.#written) log.error({ err: error, file }, 'guests will be ended: their permission cannot be written');
      this.#written = false;
    }
  }

  withdraw(): void {
    const { file, log } = this.#o;
    try {
      withdrawPermission(file);
    } catch (error) {
      log.error({ err: error, file }, 'the permission of the guests cannot be withdrawn; it runs out by itself');
    }
  }

  /** @param spared uids of pods. @returns whether nothing is left that must go. Never throws. */
  end(cause: Cause, spared: ReadonlySet<string>): Promise<boolean> {
    this.#sweeping = this.#sweeping.then(() => this.#end(cause, spared));
    return this.#sweeping;
  }

  async #end(cause: Cause, spared: ReadonlySet<string>): Promise<boolean> {
    const { places, clock, log } = this.#o;
    const deadlineMs = clock.monotonic() + patienceMs;
    let told = false;
    for (;;) {
      try {
        const { found, left } = sweep(places, spared);
        if (found.length > 0 && !told && this.#left.length === 0) this.#tell(cause, found);
        told = true;
        this.#failure = undefined;
        if (left.length === 0 || clock.monotonic() > deadlineMs) {
          if (left.length > 0) log.error({ left, ...cause }, 'unfenced: processes of a guest do not end');
          this.#left = left;
          return left.length === 0;
        }
      } catch (error) {
        const failure = `guests cannot be ended: ${error instanceof Error ? error.message : String(error)}`;
        if (this.#failure !== failure) log.error({ err: error, ...cause }, 'unfenced: guests cannot be ended');
        this.#failure = failure;
        return false;
      }
      await clock.sleep(lookAgainMs);
    }
  }

  #tell(cause: Cause, found: readonly number[]): void {
    const { clock, log } = this.#o;
    log.warn({ reason: cause.reason, processes: found }, `guests are ended: ${cause.words}`);
    this.#ended = [{ atMs: clock.now(), cause }, ...this.#ended].slice(0, remembered);
  }
}
