// Owners coming and going: from visits to what the machine's agent writes on its Node.
// Promises: a machine that is out of reach writes nothing, and says how it is when it is heard again; an owner who leaves is only
// believed to be away after some quiet minutes.

import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { nodes } from '@idlewild/operator/api/resources.ts';
import type { Clock, Timer } from '@idlewild/operator/kube/clock.ts';
import { annotations, labels, taints } from '@idlewild/operator/model/names.ts';
import type { Cluster } from '../kubevirt/cluster.ts';
import type { Hosts } from '../kubevirt/hosts.ts';
import { dayMs, type Owners } from '../owners/visit.ts';

export interface PresenceOptions {
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly hosts: Hosts;
  readonly owners: Owners;
  readonly machines: readonly string[];
  /** Without a sign of the owner for this long the machine is lent again, ms. */
  readonly quietMs: number;
}

const tellMs = 300;
/** Every so many owners who come back are short of memory. */
const shortEvery = 8;

export class Presence {
  readonly #o: PresenceOptions;
  /** How many visits are under way; more than one where a trace overlaps over midnight. */
  readonly #visits = new Map<string, number>();
  readonly #since = new Map<string, number>();
  readonly #quiet = new Map<string, Timer>();
  #returns = 0;

  constructor(o: PresenceOptions) {
    this.#o = o;
    o.hosts.watch({ heard: ({ name }) => this.#tell(name) });
  }

  /** Lets the owners live for so many days. */
  start(days: number): void {
    const { clock } = this.#o;
    const beginMs = clock.monotonic();
    for (let day = 0; day < days; day++) clock.setTimeout(() => this.#day(day, beginMs), day * dayMs);
  }

  /** Whether an owner truly sits there, or left a moment ago. */
  isPresent(machine: string): boolean {
    return (this.#visits.get(machine) ?? 0) > 0 || this.#quiet.has(machine);
  }

  #day(day: number, beginMs: number): void {
    const { clock, owners, machines } = this.#o;
    const now = clock.monotonic() - beginMs;
    for (const machine of machines) {
      for (const { fromMs, toMs } of owners.visitsOn(machine, day)) {
        clock.setTimeout(() => this.#come(machine), Math.max(0, fromMs - now));
        clock.setTimeout(() => this.#go(machine), Math.max(1, toMs - now));
      }
    }
  }

  #come(machine: string): void {
    const before = this.isPresent(machine);
    this.#visits.set(machine, (this.#visits.get(machine) ?? 0) + 1);
    this.#quiet.get(machine)?.cancel();
    this.#quiet.delete(machine);
    if (!before) this.#tell(machine);
  }

  #go(machine: string): void {
    const left = Math.max(0, (this.#visits.get(machine) ?? 0) - 1);
    this.#visits.set(machine, left);
    if (left > 0) return;
    const { clock, quietMs } = this.#o;
    const timer = clock.setTimeout(() => {
      this.#quiet.delete(machine);
      this.#since.set(machine, clock.now());
      this.#tell(machine);
    }, quietMs);
    this.#quiet.set(machine, timer);
  }

  #tell(machine: string): void {
    const { clock, cluster, hosts } = this.#o;
    clock.setTimeout(() => {
      const node = cluster.get<Node>(nodes, { name: machine });
      if (!node || !hosts.isReachable(machine)) return;
      const present = this.isPresent(machine);
      if ((node.metadata.labels?.[labels.presence] === 'present') === present) return;
      if (present) this.#returns++;
      const short = present && this.#returns % shortEvery === 0;
      cluster.change<Node>(nodes, node, (current) => told(current, present, short, this.#since.get(machine)));
    }, tellMs);
  }
}

function told(node: Node, present: boolean, short: boolean, sinceMs: number | undefined): Node {
  const others = (node.spec?.taints ?? []).filter(({ key }) => key !== taints.ownerPresent);
  const own = present ? [{ key: taints.ownerPresent, effect: 'NoSchedule' as const }] : [];
  const since = sinceMs === undefined ? {} : { since: isoOf(sinceMs) };
  const offer = { ...since, ...(short ? { pressure: 'memory' } : {}) };
  return {
    ...node,
    metadata: {
      ...node.metadata,
      labels: { ...node.metadata.labels, [labels.presence]: present ? 'present' : 'away' },
      annotations: {
        ...node.metadata.annotations,
        ...(Object.keys(offer).length === 0 ? {} : { [annotations.offer]: JSON.stringify(offer) }),
      },
    },
    spec: { ...node.spec, taints: [...others, ...own] },
  };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
