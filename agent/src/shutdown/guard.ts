// Lets the guests of a machine leave before it sleeps or shuts down: holds the lock while there are some, and gives it back when
// the last has gone or the time is over, shortly before which it ends those that are left: a launcher that is asked to shut its
// guest down in the middle of the machine's own shutdown would hold that up.
// Promises: level-based; the agent's end gives the lock back. It moves no guest itself: that is what the operator does for a
// machine that is its owner's, and one that leaves is.

import type { Logger } from 'pino';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { decideLock, leavingMs, longestDelayMs, type LockReason } from './decide.ts';
import type { Logind } from '../sensors/logind.ts';
import type { Inhibitor } from './inhibitor.ts';

const staysEveryMs = 1_000;
const leavesEveryMs = 100;

export interface ShutdownGuardOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly lock: Pick<Inhibitor, 'held' | 'take' | 'release'>;
  /** Undefined when nobody can count them. */
  readonly guests: () => number | undefined;
  /** Ends all guests that are left. May throw, and may have to be done again. */
  readonly endGuests: () => void;
  readonly logind: Pick<Logind, 'answers' | 'leavingForMs' | 'inhibitDelayMaxMs'>;
  /** The longest that the admin lets a shutdown wait, ms. */
  readonly delayMs: number;
}

export class ShutdownGuard {
  readonly #o: ShutdownGuardOptions;
  #reason: LockReason | undefined;
  #grantedMs: number | undefined;

  constructor(options: ShutdownGuardOptions) {
    this.#o = options;
  }

  /** For how long guests may still leave, ms; undefined while the machine stays, or does not wait for them. */
  get leavesInMs(): number | undefined {
    const { lock, logind } = this.#o;
    const { leavingForMs } = logind;
    return leavingForMs === undefined || !lock.held ? undefined : leavingMs(this.#limitMs(), leavingForMs);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, lock, logind } = this.#o;
    while (!signal.aborted) {
      this.look();
      const pauseMs = logind.leavingForMs === undefined ? staysEveryMs : leavesEveryMs;
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
    lock.release();
  }

  /** Makes it so now. */
  look(): void {
    const { lock, logind, log } = this.#o;
    const { leavingForMs } = logind;
    const guests = this.#o.guests();
    const { hold, reason } = decideLock({ guests, leavingForMs, limitMs: this.#limitMs(), held: lock.held });
    if (!hold) lock.release();
    // A lock outlives a logind that is started anew.
    else if (logind.answers) lock.take();
    if (reason === 'GuestsEnd') this.#end();
    if (reason === this.#reason) return;
    this.#reason = reason;
    if (leavingForMs === undefined) return;
    if (reason === 'GuestsLeave') log.info({ guests }, 'sleep or shutdown waits until the guests have gone');
    if (reason === 'GuestsEnd') log.warn({ guests, leavingForMs }, 'the guests that could not leave are ended');
    if (reason === 'GuestsGone') log.info({ leavingForMs }, 'the last guest has gone before sleep or shutdown');
    if (reason === 'LimitReached') log.warn({ guests, leavingForMs }, 'the machine leaves with guests on it');
  }

  #end(): void {
    try {
      this.#o.endGuests();
    } catch (error) {
      this.#o.log.error({ err: error }, 'guests could not be ended before sleep or shutdown');
    }
  }

  #limitMs(): number {
    const { delayMs, logind, log } = this.#o;
    const { inhibitDelayMaxMs } = logind;
    const limitMs = longestDelayMs(delayMs, inhibitDelayMaxMs);
    if (inhibitDelayMaxMs !== undefined && inhibitDelayMaxMs !== this.#grantedMs && limitMs < delayMs) {
      log.warn({ limitMs, wantedMs: delayMs }, 'logind lets a shutdown wait less than configured: InhibitDelayMaxSec');
    }
    this.#grantedMs = inhibitDelayMaxMs;
    return limitMs;
  }
}
