// Which guests of this machine are being moved away from it: these are not held back, for the less of the processor their copy
// has, the longer they stay here, and their memory with them.
// Promises: asks the cluster only while guests are held back; what cannot be asked counts as nothing moving.

import type { Logger } from 'pino';
import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';

const everyMs = 1_000;
const timeoutMs = 2_000;

export interface MovingGuestsOptions {
  readonly machine: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether guests are held back now, and there are some. */
  readonly wanted: () => boolean;
  /** The instances on this machine. May throw. */
  readonly guests: (signal: AbortSignal) => Promise<readonly VirtualMachineInstance[]>;
}

export class MovingGuests {
  readonly #o: MovingGuestsOptions;
  #pods: ReadonlySet<string> = new Set();

  constructor(options: MovingGuestsOptions) {
    this.#o = options;
  }

  /** Uids of their pods here. */
  get pods(): ReadonlySet<string> {
    return this.#pods;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#o;
    while (!signal.aborted) {
      await this.look(signal);
      await clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }

  /** Asks now. */
  async look(signal: AbortSignal): Promise<void> {
    const { wanted, guests, machine, log } = this.#o;
    try {
      const here = wanted() ? await guests(AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])) : [];
      this.#pods = new Set(movingPods(here, machine));
    } catch (error) {
      this.#pods = new Set();
      log.debug({ err: error }, 'it is not known which guests move');
    }
  }
}

/** Uids of the pods on `machine` whose guests are being copied to another one. */
export function movingPods(guests: readonly VirtualMachineInstance[], machine: string): string[] {
  return guests.flatMap(({ status }) => {
    const { startTimestamp, endTimestamp, sourceNode } = status?.migrationState ?? {};
    const leaves = startTimestamp !== undefined && endTimestamp === undefined && (sourceNode ?? machine) === machine;
    if (!leaves) return [];
    return Object.entries(status?.activePods ?? {}).flatMap(([pod, node]) => (node === machine ? [pod] : []));
  });
}
