// A small pool for scenarios: an API in memory, the played KubeVirt, machines with leases, and a look at all of it.
// Promises: everything that scenarios do to the pool goes through here; leases are real objects that machines renew.

import type { ComputeJob, ComputeJobSpec } from '@idlewild/operator/api/compute-job.ts';
import type { Lease, Node } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachineInstance, VirtualMachineInstanceMigration } from '@idlewild/operator/api/kubevirt.ts';
import {
  computeJobs,
  leases,
  namespaces,
  nodes,
  pods,
  secrets,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
} from '@idlewild/operator/api/resources.ts';
import { KubeError } from '@idlewild/operator/kube/errors.ts';
import { microTime } from '@idlewild/operator/kube/micro-time.ts';
import { keyOf, type KubeObject } from '@idlewild/operator/kube/object.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { parseHold } from '@idlewild/operator/holds/state.ts';
import { isLost } from '@idlewild/operator/model/machine.ts';
import { annotations, labels, machineLeaseNamespace, taints } from '@idlewild/operator/model/names.ts';
import type { Logger } from 'pino';
import { readJobSchema } from '../api/job-schema.ts';
import { MemoryApi } from '../api/memory-api.ts';
import { VirtualClock } from '../clock/virtual-clock.ts';
import { plainBehaviour, type Behaviour } from '../kubevirt/behaviour.ts';
import { SimulatedKubeVirt } from '../kubevirt/simulated-kubevirt.ts';
import type { Random } from '../world/random.ts';
import { Agents } from '../machines/agents.ts';
import { aMachine } from './machine.ts';

export const namespace = 'lab';
export const otherNamespace = 'other';
const leaseNamespace = 'kube-node-lease';
const renewMs = 2_000;
const kubeletRenewMs = 10_000;
const retryMs = 500;
const jobSchema = readJobSchema();
const nobodyThere = new KubeError('the API server does not answer', { kind: 'network' });
/** What attempts are made of: nothing of it may be left when the jobs are gone. */
const madeForJobs = [virtualMachines, virtualMachineInstances, virtualMachineInstanceMigrations, pods, secrets];

/** Room by machine. */
export type Rooms = Readonly<Record<string, string>>;

export class Pool {
  readonly clock = new VirtualClock();
  readonly api: MemoryApi;
  readonly kubeVirt: SimulatedKubeVirt;
  /** Jobs that had two live guests at one time, and when. */
  readonly twins: string[] = [];
  /** Why the API server refuses to make launcher pods, while it does. */
  podRefusal: string | undefined;
  #down = new AbortController();
  readonly #agents: Agents;
  readonly #machines: readonly string[];

  constructor(o: { rooms: Rooms; behaviour: Partial<Behaviour>; random: Random; log: Logger }) {
    const { clock } = this;
    this.#machines = Object.keys(o.rooms);
    this.api = new MemoryApi({ clock, jobSchema });
    const behaviour = plainBehaviour({ podRefusal: () => this.podRefusal, ...o.behaviour });
    this.kubeVirt = new SimulatedKubeVirt({ api: this.api, clock, random: o.random, log: o.log, behaviour });
    this.kubeVirt.guests.watch({
      started: (guest) => {
        const others = this.kubeVirt.hosts.list().flatMap(({ name }) => this.kubeVirt.guests.on(name));
        const twin = others.find(({ job, vmiUid }) => job === guest.job && vmiUid !== guest.vmiUid);
        // Of some a second copy is tolerated.
        const { exclusive = true } = this.job(guest.job)?.spec.interruption ?? {};
        if (twin && exclusive)
          this.twins.push(`${guest.job}: ${twin.vmi} on ${twin.node}, ${guest.vmi} on ${guest.node}`);
      },
    });
    for (const name of [namespace, otherNamespace]) this.api.create(namespaces, { metadata: { name } });
    for (const [name, room] of Object.entries(o.rooms)) {
      this.kubeVirt.cluster.create<Node>(nodes, aMachine(name, room));
      this.api.create(leases, { metadata: { namespace: leaseNamespace, name }, spec: {} } as never);
    }
    const ids = o.random.fork('agents');
    this.#agents = new Agents(this.#machines, {
      ...{ api: this.api, clock, hosts: this.kubeVirt.hosts, guests: this.kubeVirt.guests },
      epoch: () => ids.hex(16),
      isServed: () => !this.isDown,
      assumesRenewals: false,
    });
    this.#renew(0);
  }

  /** The agent of a machine is killed, or stopped as if it were. */
  stopAgent(machine: string): void {
    this.#agents.of(machine).stop();
  }

  startAgent(machine: string): void {
    this.#agents.of(machine).restart();
  }

  /** Nobody gets an answer from the API server: no machine, and no operator. */
  get isDown(): boolean {
    return this.#down.signal.aborted;
  }

  goDown(): void {
    this.#down.abort();
  }

  comeUp(): void {
    if (this.isDown) this.#down = new AbortController();
  }

  /** The way of an operator to the API server, for as long as that answers. */
  transport(): Transport {
    const inner = this.api.transport({ user: 'operator' });
    const { watch } = inner;
    return {
      ...inner,
      request: (request) => (this.isDown ? Promise.reject(nobodyThere) : inner.request(request)),
      ...(watch && {
        watch: async (request) => {
          const down = this.#down.signal;
          if (!down.aborted) await watch({ ...request, signal: AbortSignal.any([request.signal, down]) });
          if (down.aborted && !request.signal.aborted) throw nobodyThere;
        },
      }),
    };
  }

  submit(name: string, spec: Partial<ComputeJobSpec>): void {
    const full = { script: 'true', ...spec, resources: { cores: 1, memory: '128Mi', ...spec.resources } };
    this.api.create(computeJobs, { metadata: refTo(name), spec: full } as never, { user: 'users' });
  }

  deleteJob(name: string): void {
    if (this.job(name)) this.api.delete(computeJobs, refTo(name), { user: 'users' });
  }

  /** As `kubectl patch` does it. */
  stopJob(name: string): void {
    if (this.job(name)) this.api.patch(computeJobs, refTo(name), { spec: { stop: true } }, { user: 'users' });
  }

  job(name: string): ComputeJob | undefined {
    return this.api.get<ComputeJob>(computeJobs, refTo(name));
  }

  /** The machine on which the job runs now, once its script has started. */
  runsOn(name: string): string | undefined {
    const status = this.job(name)?.status;
    return status?.phase === 'Running' ? status.node : undefined;
  }

  vmi(name: string): VirtualMachineInstance | undefined {
    return this.api.get<VirtualMachineInstance>(virtualMachineInstances, { namespace, name });
  }

  deleteVm(name: string): void {
    this.api.delete(virtualMachines, { namespace, name }, { user: 'users' });
  }

  hasVm(name: string): boolean {
    return this.api.get(virtualMachines, { namespace, name }) !== undefined;
  }

  migrations(): readonly VirtualMachineInstanceMigration[] {
    return this.api.list<VirtualMachineInstanceMigration>(virtualMachineInstanceMigrations);
  }

  leaseHolder(machine: string): string | undefined {
    const ref = { namespace: machineLeaseNamespace, name: machine };
    return this.api.get<Lease>(leases, ref)?.spec?.holderIdentity;
  }

  isLost(machine: string): boolean {
    return isLost(this.#node(machine));
  }

  owner(machine: string, present: boolean, offer: Readonly<Record<string, string>> = {}): void {
    const own = present ? [{ key: taints.ownerPresent, effect: 'NoSchedule' as const }] : [];
    const node = this.#node(machine);
    this.kubeVirt.cluster.change<Node>(nodes, node, (current) => ({
      ...current,
      metadata: {
        ...current.metadata,
        labels: { ...current.metadata.labels, [labels.presence]: present ? 'present' : 'away' },
        annotations: {
          ...current.metadata.annotations,
          [annotations.offer]: JSON.stringify({ since: '2026-01-01T00:00:00Z', ...offer }),
        },
      },
      spec: { ...current.spec, taints: [...othersThan(current, taints.ownerPresent), ...own] },
    }));
  }

  /** Everybody gone, everything on, nothing cordoned. */
  restore(): void {
    this.comeUp();
    for (const machine of this.#machines) {
      this.kubeVirt.powerOn(machine);
      this.kubeVirt.link(machine);
      this.kubeVirt.uncordon(machine);
      this.owner(machine, false);
      this.startAgent(machine);
    }
  }

  /** What is there that should not be when all jobs are gone and all machines are well. */
  leftovers(): string[] {
    const objects = madeForJobs.flatMap((type) =>
      this.api.list<KubeObject>(type).map((object) => `${type.kind} ${keyOf(object)}`),
    );
    const marked = this.api
      .list<Node>(nodes)
      .filter((node) => node.spec?.taints?.some(({ key }) => key === taints.lost))
      .map(({ metadata }) => `the taint of a lost machine on ${metadata.name}`);
    const alive = this.#machines.flatMap((machine) =>
      this.kubeVirt.guests.on(machine).map(({ vmi }) => `the guest ${vmi} on ${machine}`),
    );
    const held = this.api.list<Node>(nodes).flatMap((node) => this.#staleHold(node) ?? []);
    return [...objects, ...marked, ...alive, ...held];
  }

  /** A hold may last on, but then it says until when and why; what is over is only memory of it. */
  #staleHold({ metadata }: Node): string | undefined {
    const { until, lost, reason, message } = parseHold(metadata.annotations?.[annotations.hold]);
    if (lost) return `a hold of ${metadata.name} that takes it for lost`;
    if (until === undefined) return undefined;
    if (Date.parse(until) <= this.clock.now()) return `a hold of ${metadata.name} that is over`;
    return reason === '' || message === '' ? `a hold of ${metadata.name} that does not say why` : undefined;
  }

  #node(name: string): Node {
    const node = this.api.get<Node>(nodes, { name });
    if (!node) throw new RangeError(`machine: "${name}" does not exist`);
    return node;
  }

  #renew(turn: number): void {
    if (this.isDown) {
      this.clock.setTimeout(() => this.#renew(turn), retryMs);
      return;
    }
    this.#agents.beat();
    if ((turn * renewMs) % kubeletRenewMs === 0) this.#renewKubelets();
    this.clock.setTimeout(() => this.#renew(turn + 1), renewMs);
  }

  #renewKubelets(): void {
    const spec = { renewTime: microTime(this.clock.now()) };
    for (const name of this.#machines) {
      if (!this.kubeVirt.hosts.isReachable(name)) continue;
      this.api.patch(leases, { namespace: leaseNamespace, name }, { spec }, { user: 'machines' });
    }
  }
}

/** @param name in the usual namespace, or "namespace/name". */
function refTo(name: string): { namespace: string; name: string } {
  const [first = '', second] = name.split('/');
  return second === undefined ? { namespace, name: first } : { namespace: first, name: second };
}

function othersThan({ spec }: Node, taint: string) {
  return (spec?.taints ?? []).filter(({ key }) => key !== taint);
}
