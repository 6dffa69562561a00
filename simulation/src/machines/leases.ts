// The machines' leases as the operator would observe them, without a write every two seconds for each machine.
// Promises: silence counts from the last renewal that the API server would have stored. A machine that falls silent loses its
// kubelet's Lease, and gets one when it is heard again: that is what brings the operator to look, in place of its regular looks.
// The Leases of agents are real, and written when a machine falls silent and when it is heard: seals and their conflicts are real, too.

import type { Lease } from '@idlewild/operator/api/kubernetes.ts';
import { leases } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { machineLeaseNamespace } from '@idlewild/operator/model/names.ts';
import { isSealed } from '@idlewild/operator/recovery/seal.ts';
import { shortestGapMs, type Hearing, type Leases } from '@idlewild/operator/recovery/leases.ts';
import type { Cluster } from '../kubevirt/cluster.ts';
import type { Hosts } from '../kubevirt/hosts.ts';
import { dayMs } from '../owners/visit.ts';

const namespace = 'kube-node-lease';

export class MachineLeases implements Leases {
  readonly blind = false;
  readonly #hosts: Hosts;
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #fenced: boolean;
  readonly #silentSince = new Map<string, number>();
  readonly #gaps = new Map<string, { readonly ms: number; readonly untilMs: number }>();

  /** @param fenced machines have agents. */
  constructor(hosts: Hosts, cluster: Cluster, clock: Clock, fenced: boolean) {
    this.#hosts = hosts;
    this.#cluster = cluster;
    this.#fenced = fenced;
    this.#clock = clock;
    hosts.watch({
      silent: ({ name, heardMs }) => {
        this.#silentSince.set(name, heardMs);
        const lease = cluster.get(leases, { namespace, name });
        if (lease) cluster.remove(leases, lease);
      },
      heard: ({ name }) => {
        const untilMs = clock.monotonic();
        const ms = untilMs - (this.#silentSince.get(name) ?? untilMs);
        if (ms >= shortestGapMs) this.#gaps.set(name, { ms, untilMs });
        if (!cluster.get(leases, { namespace, name })) cluster.create(leases, { metadata: { namespace, name } });
      },
    });
  }

  of(machine: string): Hearing {
    const host = this.#hosts.get(machine);
    const silentMs = this.#clock.monotonic() - host.heardMs;
    return { silentMs, renewed: true, ...(silentMs === 0 ? { lookAgainInMs: dayMs } : {}), ...this.#agent(machine) };
  }

  #agent(machine: string): Pick<Hearing, 'agent' | 'gap'> {
    if (!this.#fenced) return {};
    const lease = this.#cluster.get<Lease>(leases, { namespace: machineLeaseNamespace, name: machine });
    const gap = this.#gaps.get(machine);
    const told = gap && { gap: { ms: gap.ms, agoMs: this.#clock.monotonic() - gap.untilMs } };
    return { ...told, agent: { sealed: lease !== undefined && isSealed(lease), durationMs: 10_000 } };
  }

  saw(): void {}
  forget(): void {}
  lostSight(): void {}
  regainedSight(): void {}
}
