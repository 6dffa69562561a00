// How long guests stood still while they moved, as far as this process saw it: the time in which KubeVirt reported the
// instance as not ready during a migration.
// Promises: what was not watched from the migration's first moment is not guessed at.

import { isTrue } from '../api/conditions.ts';
import type { VirtualMachineInstance } from '../api/kubevirt.ts';
import type { Clock } from '../kube/clock.ts';

interface Watched {
  downMs: number;
  /** Since when the instance is not ready, monotonic ms. */
  downSince: number | undefined;
  /** It was made to stand still besides, which is counted elsewhere. */
  paused: boolean;
}

const mostWatched = 1000;

export class DowntimeObserver {
  readonly #clock: Clock;
  /** By uid of the migration. */
  readonly #watched = new Map<string, Watched>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  saw(vmi: VirtualMachineInstance, previous: VirtualMachineInstance | undefined): void {
    const state = vmi.status?.migrationState;
    const uid = state?.migrationUid;
    if (uid === undefined) return;
    let watched = this.#watched.get(uid);
    if (!watched) {
      // Only a migration whose beginning this change shows.
      if (!previous || previous.status?.migrationState?.migrationUid === uid || state?.endTimestamp !== undefined)
        return;
      for (const oldest of this.#watched.keys()) {
        if (this.#watched.size < mostWatched) break;
        this.#watched.delete(oldest);
      }
      watched = { downMs: 0, downSince: undefined, paused: false };
      this.#watched.set(uid, watched);
    }
    const now = this.#clock.monotonic();
    if (isTrue(vmi.status?.conditions, 'Paused')) watched.paused = true;
    const ready = watched.paused || isTrue(vmi.status?.conditions, 'Ready');
    if (!ready) watched.downSince ??= now;
    else if (watched.downSince !== undefined) {
      watched.downMs += now - watched.downSince;
      watched.downSince = undefined;
    }
  }

  /** Seconds; undefined when it was not watched, was paused besides, or the guest is not ready again yet. */
  of(migrationUid: string): { readonly seconds?: number | undefined; readonly pending: boolean } {
    const watched = this.#watched.get(migrationUid);
    if (!watched || watched.paused) return { pending: false };
    if (watched.downSince !== undefined) return { pending: true };
    return { seconds: Math.round(watched.downMs) / 1000, pending: false };
  }
}
