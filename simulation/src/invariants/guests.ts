// At most one live guest per job, and never more on a machine than it lends. Both of the guests that truly run.
// A machine that is only cut off and has no agent cannot be told to stop its guest: such twins are counted, and accused only when
// they outlive the machine's return.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node, Pod } from '@idlewild/operator/api/kubernetes.ts';
import { isMigrationOver, type VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { nodes, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import { refOf } from '@idlewild/operator/kube/object.ts';
import type { Guest } from '../kubevirt/guests.ts';
import { isMigrationTarget, isPodOver } from '../kubevirt/objects.ts';
import type { CheckContext } from './check.ts';
import { covers, lentBy, mebibytes, needOf, none, sum, type Share } from './facts.ts';

/** A machine that is heard again has so long to end what nobody wants any more. */
const returnMs = 15_000;

export class GuestChecks {
  /** Pairs of guests of one job that nobody could have prevented. */
  splitBrains = 0;
  readonly #o: CheckContext;
  readonly #alive = new Map<string, Set<Guest>>();
  /** When a machine that had been silent was heard again. */
  readonly #heardMs = new Map<string, number>();

  constructor(o: CheckContext) {
    this.#o = o;
    const { guests, hosts } = o.simulation.kubeVirt;
    guests.watch({
      started: (guest) => {
        this.#twins(guest);
        this.#alive.set(guest.job, (this.#alive.get(guest.job) ?? new Set()).add(guest));
        this.#share(guest.node, guest);
      },
      moved: (guest) => this.#share(guest.node, guest),
      ended: (guest) => {
        const alive = this.#alive.get(guest.job);
        alive?.delete(guest);
        if (alive?.size === 0) this.#alive.delete(guest.job);
      },
    });
    hosts.watch({
      heard: ({ name }) => {
        this.#heardMs.set(name, o.clock.monotonic());
        o.clock.setTimeout(() => {
          if (hosts.isReachable(name)) for (const guest of guests.on(name)) this.#returned(guest);
        }, returnMs);
      },
    });
  }

  isAlive(job: string): boolean {
    return this.#alive.has(job);
  }

  /** For how long its guest has been paused since its script began, ms. */
  stillMs(job: string): number {
    const now = this.#o.clock.monotonic();
    const still = [...(this.#alive.get(job) ?? [])].map(
      ({ stillMs, stillSinceMs = now }) => stillMs + (now - stillSinceMs),
    );
    return Math.max(0, ...still);
  }

  #twins(guest: Guest): void {
    const { hosts } = this.#o.simulation.kubeVirt;
    for (const other of this.#alive.get(guest.job) ?? []) {
      const heardMs = this.#heardMs.get(other.node) ?? Number.NEGATIVE_INFINITY;
      const unheard = !hosts.isReachable(other.node) || this.#o.clock.monotonic() - heardMs < returnMs;
      if (unheard && !this.#o.simulation.options.fenced) this.splitBrains++;
      else this.#accuse(guest, other);
    }
  }

  #returned(guest: Guest): void {
    const { hosts } = this.#o.simulation.kubeVirt;
    const since = this.#o.clock.monotonic() - returnMs;
    for (const other of this.#alive.get(guest.job) ?? []) {
      const settled = other.sinceMs < since && guest.sinceMs < since;
      if (other !== guest && settled && hosts.isReachable(other.node)) this.#accuse(guest, other);
    }
  }

  #accuse(guest: Guest, other: Guest): void {
    const [first, second] = [`${other.vmi} on ${other.node}`, `${guest.vmi} on ${guest.node}`];
    this.#o.accuse('one live guest per job', `${guest.job} has two: ${first} and ${second}`, [
      guest.job,
      `${guest.job}-`,
    ]);
  }

  /** Live guests, and room for those that are about to come over. */
  #share(machine: string, cause: Guest): void {
    const { cluster, guests, relations } = this.#o.simulation.kubeVirt;
    const node = cluster.get<Node>(nodes, { name: machine });
    if (!node) return;
    let used: Share = none;
    const names: string[] = [];
    for (const guest of guests.on(machine)) {
      used = sum(used, this.#needOf(guest.vmi));
      names.push(guest.vmi);
    }
    for (const pod of relations.podsOn(machine)) {
      const vmi = vmiOf(pod);
      if (!isMigrationTarget(pod) || isPodOver(pod) || !this.#isComing(vmi, pod)) continue;
      if (names.includes(vmi)) continue;
      used = sum(used, this.#needOf(vmi));
      names.push(`${vmi} (coming)`);
    }
    const lent = lentBy(node);
    if (covers(lent, used)) return;
    const words = `${machine} lends ${JSON.stringify(lent)}, but with ${cause.vmi} ${JSON.stringify(used)} are used: ${names.join(', ')}`;
    this.#o.accuse('lent share', words, [machine, ...names.map((name) => name.split(' ')[0] ?? '')]);
  }

  /** The migration that the pod was made for is still under way. */
  #isComing(vmi: string, pod: Pod): boolean {
    const uid = pod.metadata.labels?.['kubevirt.io/migrationJobUID'];
    const { relations } = this.#o.simulation.kubeVirt;
    return relations.migrationsOf(vmi).some((each) => each.metadata.uid === uid && !isMigrationOver(each));
  }

  #needOf(vmi: string): Share {
    const { cluster } = this.#o.simulation.kubeVirt;
    const found = cluster.get<VirtualMachineInstance>(virtualMachineInstances, refOf(vmi));
    // A guest without an instance is one that is about to be noticed and ended.
    if (!found) return none;
    const { domain, volumes = [] } = found.spec;
    const disk = volumes.reduce((total, { emptyDisk }) => total + (emptyDisk ? mebibytes(emptyDisk.capacity) : 0), 0);
    return needOf({
      spec: {
        resources: { cores: domain.cpu?.cores ?? 1, memory: domain.memory?.guest ?? 0, disk },
        console: domain.devices.autoattachGraphicsDevice === false ? 'None' : 'VNC',
        architecture: found.spec.architecture,
      },
    } as ComputeJob);
  }
}

function vmiOf({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.annotations?.['kubevirt.io/domain']}`;
}
