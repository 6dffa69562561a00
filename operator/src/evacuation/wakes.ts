// Which jobs are looked at when something changes: those whose own machine changed, and those that must leave and cannot yet.
// Promises: a change costs nothing while no guest waits to leave; changes that may help are gathered, and then those guests that
// wait are looked at once that may have what they wait for. Must not decide whether a guest has to leave: that is for leave.ts.

import type { ComputeJob } from '../api/compute-job.ts';
import { isTrue } from '../api/conditions.ts';
import type { Node } from '../api/kubernetes.ts';
import { isInstanceOver, isMigrationOver } from '../api/kubevirt.ts';
import type { VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import type { Clock, Timer } from '../kube/clock.ts';
import { keyOf } from '../kube/object.ts';
import type { Change } from '../kube/store.ts';
import type { RequirementClass } from '../matching/verdicts.ts';
import { annotations, labels } from '../model/names.ts';

/** How long changes are gathered that may help guests which wait to leave: at least, and for each of them. */
const gatherMs = 250;
const gatherEachMs = 20;
/** Not everything that gives room is heard of: after this long it is looked for all the same. */
const unheardMs = 60_000;

/** What a guest that has to leave waits for: a machine that takes its kind, or its turn to leave the one it is on. */
export type Awaited =
  { readonly kind: 'room'; readonly of: RequirementClass } | { readonly kind: 'turn'; readonly from: string };

export interface WakesOptions {
  readonly clock: Clock;
  /** Whether its guests have to leave may be another matter now. */
  readonly onMachine: (job: string) => void;
  /** Its guest has to leave, and may be able to now. */
  readonly onChance: (job: string) => void;
  /** Whether that may be had at this moment. */
  readonly isThere: (awaited: Awaited) => boolean;
}

export class Wakes {
  readonly #o: WakesOptions;
  /** Jobs by machine, and the machine of each instance by its key. */
  readonly #jobsOn = new Map<string, Map<string, string>>();
  readonly #nodeOf = new Map<string, string>();
  /** By job; undefined for what cannot be asked about. */
  readonly #waiting = new Map<string, Awaited | undefined>();
  #timer: Timer | undefined;
  #unheard: Timer | undefined;

  constructor(options: WakesOptions) {
    this.#o = options;
  }

  /** Guests that have to leave and cannot yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  waits(job: string, awaited?: Awaited): void {
    this.#waiting.set(job, awaited);
    this.#lookLater();
  }

  settled(job: string): void {
    this.#waiting.delete(job);
  }

  sawInstance({ type, object }: Change<VirtualMachineInstance>, job: string | undefined): void {
    const key = keyOf(object);
    const over = type === 'deleted' || isInstanceOver(object);
    const node = over ? undefined : object.status?.nodeName;
    const before = this.#nodeOf.get(key);
    if (before !== node) {
      if (before !== undefined) {
        const there = this.#jobsOn.get(before);
        there?.delete(key);
        if (there?.size === 0) this.#jobsOn.delete(before);
        this.#nodeOf.delete(key);
        this.mayHelp();
      }
      if (node !== undefined && job !== undefined) {
        const there = this.#jobsOn.get(node) ?? new Map<string, string>();
        this.#jobsOn.set(node, there.set(key, job));
        this.#nodeOf.set(key, node);
      }
    }
  }

  /** A claim whose guest never came to be is given up without any instance. */
  sawJob({ type, object, previous }: Change<ComputeJob>): void {
    if (type === 'deleted' || previous?.status?.node !== object.status?.node) this.mayHelp();
  }

  sawMigration({ type, object }: Change<VirtualMachineInstanceMigration>): void {
    if (type === 'deleted' || isMigrationOver(object)) this.mayHelp();
  }

  sawNode({ type, object, previous }: Change<Node>): void {
    // Guests may be heard of before the machine that they are on.
    if (!previous || closing(object) !== closing(previous)) {
      for (const job of this.#jobsOn.get(object.metadata.name)?.values() ?? []) this.#o.onMachine(job);
    }
    if (type !== 'updated' || !previous) return this.mayHelp();
    if (this.#waiting.size > 0 && lending(object) !== lending(previous)) this.mayHelp();
  }

  /** Room may have become free. */
  mayHelp(): void {
    if (this.#waiting.size === 0 || this.#timer) return;
    this.#timer = this.#o.clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#wakeWaiting();
      },
      Math.max(gatherMs, gatherEachMs * this.#waiting.size),
    );
  }

  /** Nothing is looked at any more. */
  close(): void {
    this.#timer?.cancel();
    this.#unheard?.cancel();
    this.#timer = this.#unheard = undefined;
  }

  #lookLater(): void {
    this.#unheard ??= this.#o.clock.setTimeout(() => {
      this.#unheard = undefined;
      this.#wakeWaiting();
      if (this.#waiting.size > 0) this.#lookLater();
    }, unheardMs);
  }

  #wakeWaiting(): void {
    for (const [job, awaited] of this.#waiting) if (!awaited || this.#o.isThere(awaited)) this.#o.onChance(job);
  }
}

/** What of a node says that its guests have to leave. */
function closing({ spec, metadata }: Node): string {
  const presence = metadata.labels?.[labels.presence];
  // Of an owner who is back, the offer says whether it is urgent.
  const offer = presence === 'present' ? metadata.annotations?.[annotations.offer] : undefined;
  return JSON.stringify([spec?.unschedulable, spec?.taints, presence, offer, metadata.labels?.[labels.approved]]);
}

/** What of a node says whether it could take a guest. Heartbeats and lists of images do not. */
function lending({ spec, metadata, status }: Node): string {
  const ready = isTrue(status?.conditions, 'Ready');
  const held = metadata.annotations?.[annotations.hold];
  return JSON.stringify([metadata.labels, spec?.unschedulable, spec?.taints, ready, status?.allocatable, held]);
}
