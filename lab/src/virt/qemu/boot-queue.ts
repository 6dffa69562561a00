// How many guests of one host may boot at the same time, over all its processes.
// Booting is all processor: more at once makes every one of them slower. A slot is a lock that dies with its holder.
import { join } from 'node:path';
import { pause, tryLock } from '../../images/file-lock.ts';
import type { Guest } from './guest.ts';

export interface BootQueueOptions {
  /** Folder for the slots, the same for all processes that share them. */
  readonly dir: string;
  readonly slots?: number;
  /** A slot is given back after this time even if the guest has not said a word, ms. */
  readonly slotTimeoutMs?: number;
}

export interface BootSlot {
  /** Gives the slot back; a second call does nothing. */
  release(): void;
}

const pollMs = 50;

export class BootQueue {
  readonly #dir: string;
  readonly #slots: number;
  readonly #slotTimeoutMs: number;
  /** Those of this process, in the order in which they came: one at a time asks for a slot. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ dir, slots = 2, slotTimeoutMs = 20_000 }: BootQueueOptions) {
    this.#dir = dir;
    this.#slots = slots;
    this.#slotTimeoutMs = slotTimeoutMs;
  }

  /** Waits for a free slot. Throws the signal's reason when aborted. */
  enter(signal?: AbortSignal): Promise<BootSlot> {
    const turn = this.#turn.then(() => this.#take(signal));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Starts a guest in a slot, which is free again once the guest prints, ends or takes too long. */
  async boot(start: () => Promise<Guest>, signal?: AbortSignal): Promise<Guest> {
    const slot = await this.enter(signal);
    let guest: Guest;
    try {
      guest = await start();
    } catch (error) {
      slot.release();
      throw error;
    }
    const timer = setTimeout(() => slot.release(), this.#slotTimeoutMs);
    const release = (): void => {
      clearTimeout(timer);
      slot.release();
    };
    guest.once('booted', release);
    guest.once('exit', release);
    return guest;
  }

  async #take(signal: AbortSignal | undefined): Promise<BootSlot> {
    for (;;) {
      signal?.throwIfAborted();
      for (let slot = 0; slot < this.#slots; slot += 1) {
        const lock = await tryLock(join(this.#dir, `boot-slot-${slot}`));
        if (lock !== undefined) return lock;
      }
      await pause(pollMs, signal);
    }
  }
}
