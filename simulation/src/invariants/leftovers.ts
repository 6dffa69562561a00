// Nothing leaks: no object outlives its job for long, the operator's caches hold what the API holds, the players forget.

import type { Pod } from '@idlewild/operator/api/kubernetes.ts';
import {
  computeJobs,
  pods,
  secrets,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
  type ResourceType,
} from '@idlewild/operator/api/resources.ts';
import { keyOf, type KubeObject } from '@idlewild/operator/kube/object.ts';
import type { Write } from '../api/memory-api.ts';
import type { Check, CheckContext } from './check.ts';

const goneMs = 5 * 60_000;
const types: readonly ResourceType[] = [
  virtualMachines,
  virtualMachineInstances,
  virtualMachineInstanceMigrations,
  pods,
  secrets,
];

export class LeftoverChecks implements Check {
  readonly #o: CheckContext;
  /** When jobs went, by namespace/name; forgotten when the name is used again, and after their objects were looked for. */
  readonly #goneMs = new Map<string, number>();

  constructor(o: CheckContext) {
    this.#o = o;
  }

  saw({ type, kind, object }: Write, atMs: number): void {
    if (kind.type.plural !== computeJobs.plural) return;
    if (type === 'DELETED') this.#goneMs.set(keyOf(object), atMs);
    else if (type === 'ADDED') this.#goneMs.delete(keyOf(object));
  }

  look(atMs: number): void {
    for (const type of types)
      for (const object of this.#o.simulation.api.list<KubeObject>(type)) this.#wanted(type, object, atMs);
    for (const [job, goneMs_] of this.#goneMs) if (atMs - goneMs_ > 48 * 3_600_000) this.#goneMs.delete(job);
    this.#caches();
    this.#players();
  }

  #wanted(type: ResourceType, object: KubeObject, atMs: number): void {
    const name = object.metadata.labels?.['idlewild.dev/job'];
    if (name === undefined) return;
    const job = `${object.metadata.namespace}/${name}`;
    const since = this.#goneMs.get(job);
    if (since === undefined || atMs - since < goneMs) return;
    // What is on a machine that nobody can reach goes when it is lost for good or comes back.
    if (type === pods && !this.#isReachable(object as Pod)) return;
    const unreachable = this.#o.simulation.kubeVirt.relations.podsOf(object).some((pod) => !this.#isReachable(pod));
    if (unreachable || type === virtualMachines) {
      const instance = this.#o.simulation.api.get<KubeObject>(virtualMachineInstances, object.metadata);
      if (instance && this.#o.simulation.kubeVirt.relations.podsOf(instance).some((pod) => !this.#isReachable(pod)))
        return;
    }
    const minutes = Math.round((atMs - since) / 60_000);
    this.#o.accuse('nothing leaks', `${type.kind} ${keyOf(object)} is left, ${minutes} min after its job`, [
      `${job} `,
      `${job}-`,
    ]);
  }

  #isReachable({ spec }: Pod): boolean {
    return spec.nodeName === undefined || this.#o.simulation.kubeVirt.hosts.isReachable(spec.nodeName);
  }

  #caches(): void {
    const { operator, api } = this.#o.simulation;
    const { informers } = operator.world;
    const pairs: [string, number, number][] = [
      ['jobs', informers.jobs.store.size, api.list(computeJobs).length],
      ['virtual machines', informers.vms.store.size, api.list(virtualMachines).length],
      ['instances', informers.vmis.store.size, api.list(virtualMachineInstances).length],
    ];
    for (const [what, known, real] of pairs) {
      // The last moment's changes may be on their way.
      if (Math.abs(known - real) > 20)
        this.#o.accuse('nothing leaks', `the operator knows ${known} ${what}, there are ${real}`, []);
    }
  }

  #players(): void {
    const { kubeVirt, api } = this.#o.simulation;
    const instances = api.list(virtualMachineInstances).length;
    const { guests, logs, runs } = kubeVirt.remembered;
    for (const [what, count] of Object.entries({ guests, logs, runs })) {
      if ((count ?? 0) > 3 * instances + 100) {
        this.#o.accuse(
          'nothing leaks',
          `the simulation itself remembers ${count} ${what} for ${instances} instances`,
          [],
        );
      }
    }
  }
}
