// Tickets for consoles: short-lived, for one guest, one protocol and one session of a user, and good once.
// Promises: a replica takes a ticket once; another replica can open it, and then needs the same session's cookie beside it, as every
// replica does: a ticket alone opens nothing.

import { randomBytes } from 'node:crypto';
import type { Clock } from '../kube/clock.ts';
import { ExpiringCache } from '../server/expiring-cache.ts';
import type { ConsoleProtocol } from './schemas.ts';
import type { Sessions } from './sessions.ts';

export interface Grant {
  readonly namespace: string;
  readonly job: string;
  readonly virtualMachine: string;
  readonly protocol: ConsoleProtocol;
  readonly takeOver: boolean;
  /** The user's name, and the session if there is one. */
  readonly holder: string;
}

interface Granted extends Grant {
  readonly jti: string;
}

const lifeMs = 30_000;
const mostUsed = 50_000;

export class Tickets {
  readonly #sessions: Sessions;
  readonly #clock: Clock;
  readonly #used = new ExpiringCache<true>({ lifeMs: 2 * lifeMs, capacity: mostUsed });

  constructor(sessions: Sessions, clock: Clock) {
    this.#sessions = sessions;
    this.#clock = clock;
  }

  issue(grant: Grant): Promise<string> {
    const id = randomBytes(16).toString('base64url');
    return this.#sessions.encrypt({ ...grant, jti: id }, 'console', this.#clock.now() + lifeMs);
  }

  /** Undefined when it is none, is over, was used, or is somebody else's. */
  async redeem(ticket: string, holder: string): Promise<Grant | undefined> {
    const claims = await this.#sessions.decrypt(ticket, 'console');
    if (claims === undefined) return undefined;
    const { jti, namespace, job, virtualMachine, protocol, takeOver, holder: whose } = claims as unknown as Granted;
    const now = this.#clock.monotonic();
    if (whose !== holder || this.#used.get(jti, now)) return undefined;
    this.#used.set(jti, true, now);
    return { namespace, job, virtualMachine, protocol, takeOver, holder: whose };
  }
}
