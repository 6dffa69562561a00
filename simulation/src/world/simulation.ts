// One simulated pool with the real operator in it: everything is made here and let go on one clock.
// Promises: the same options give the same run, write by write. Must not judge: that is for invariants/ and report/.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { computeJobs, leases, namespaces, nodes } from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import { assembleOperator, type Operator } from '@idlewild/operator/operator.ts';
import { parseOptions } from '@idlewild/operator/options.ts';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { readJobSchema } from '../api/job-schema.ts';
import { MemoryApi } from '../api/memory-api.ts';
import { VirtualClock } from '../clock/virtual-clock.ts';
import { labBehaviour, type GuestPlan, type GuestStart } from '../kubevirt/behaviour.ts';
import { SimulatedKubeVirt } from '../kubevirt/simulated-kubevirt.ts';
import { nodeOf, planFleet, type FleetMachine } from '../machines/fleet.ts';
import { Agents } from '../machines/agents.ts';
import { MachineLeases } from '../machines/leases.ts';
import { Presence } from '../machines/presence.ts';
import { planTrouble, TroubleMaker, type TroubleRates } from '../machines/trouble.ts';
import { PatternOwners } from '../owners/patterns.ts';
import { TracedOwners, type OwnerTrace } from '../owners/trace-file.ts';
import { dayMs, hourMs, type Owners } from '../owners/visit.ts';
import { generateWorkload } from '../workload/generate.ts';
import type { JobPlan, Workload } from '../workload/job-plan.ts';
import { Random } from './random.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly machines: number;
  readonly jobs: number;
  readonly days: number;
  /** Work of all jobs over what the machines can lend, from 0. */
  readonly load: number;
  readonly trouble: TroubleRates;
  /** Migrations and image pulls that go wrong, as shares of all. */
  readonly failing: { readonly migrations: number; readonly stuck: number; readonly pulls: number };
  /** Whether machines have agents, which destroy guests when they are cut off. */
  readonly fenced: boolean;
  /** Instead of patterns. */
  readonly owners?: OwnerTrace | undefined;
  /** Instead of generated jobs. */
  readonly workload?: Workload | undefined;
  /** Flags of the operator, as on its command line. */
  readonly flags: readonly string[];
  readonly log: Logger;
}

/** Who submits and deletes jobs. */
export const usersName = 'users';
export const operatorName = 'operator';

const quietMs = 10 * 60_000;
/** No connection breaks here, so most of a quiet hour would be watches that are opened anew and find nothing. */
const patience = { relistMs: 6 * hourMs, watchMs: hourMs, silenceMs: 3 * hourMs };

export class Simulation {
  readonly options: SimulationOptions;
  readonly clock = new VirtualClock();
  readonly api: MemoryApi;
  readonly kubeVirt: SimulatedKubeVirt;
  readonly presence: Presence;
  readonly fleet: readonly FleetMachine[];
  readonly workload: Workload;
  readonly operator: Operator;
  readonly plans: ReadonlyMap<string, JobPlan>;
  readonly #trouble: TroubleMaker;
  readonly #random: Random;

  constructor(options: SimulationOptions) {
    this.options = options;
    const { clock } = this;
    const random = (this.#random = new Random(options.seed));
    this.api = new MemoryApi({ clock, jobSchema: readJobSchema(), bookmarkEveryMs: patience.watchMs });
    this.fleet = planFleet(random.fork('fleet'), options.machines);
    const owners = this.#owners();
    this.workload = options.workload ?? this.#generated(owners);
    this.plans = new Map(this.workload.jobs.map((plan) => [keyOf({ metadata: plan }), plan]));
    const machines = new Map(this.fleet.map((machine) => [machine.name, machine]));
    const { failing } = options;
    this.kubeVirt = new SimulatedKubeVirt({
      ...{ api: this.api, clock, random: random.fork('kubevirt'), log: options.log },
      behaviour: labBehaviour(random.fork('behaviour'), {
        guest: (start) => this.#guest(start),
        slowness: (node) => machines.get(node)?.slowness ?? 1,
        ...{ failing: failing.migrations, stuck: failing.stuck, failingPulls: failing.pulls },
      }),
    });
    const { cluster, hosts } = this.kubeVirt;
    this.presence = new Presence({ clock, cluster, hosts, owners, machines: [...machines.keys()], quietMs });
    this.#trouble = new TroubleMaker(this.kubeVirt, clock);
    const ids = random.fork('ids');
    this.operator = assembleOperator({
      options: parseOptions(options.flags),
      transport: this.api.transport({ user: operatorName }),
      clock,
      newId: () => ids.hex(32),
      random: random.fork('operator').uniform,
      log: options.log,
      registry: new Registry(),
      instance: 'simulated',
      leases: new MachineLeases(hosts, cluster, clock, options.fenced),
      listening: patience,
      // A stream within this process costs nothing, while reading now and then costs a request each.
      consoles: { liveStreams: Infinity },
    });
    this.#populate();
    if (options.fenced) this.#startAgents();
  }

  /** @param isOver ends the run before its time. */
  async run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    const { days, trouble } = this.options;
    const stop = new AbortController();
    const running = this.operator.run(stop.signal);
    this.presence.start(days);
    this.#trouble.start(planTrouble(this.#random.fork('trouble'), this.fleet, days, trouble));
    this.#submit(0);
    try {
      await this.clock.runUntil(isOver, untilMs);
    } finally {
      stop.abort();
      await this.clock.advance(5_000);
      await running;
    }
  }

  #populate(): void {
    const { fleet, api, clock } = this;
    const random = this.#random.fork('nodes');
    const since = new Date(clock.startMs - dayMs).toISOString();
    for (const machine of fleet) {
      this.kubeVirt.cluster.create<Node>(nodes, nodeOf(machine, { since, random, fenced: this.options.fenced }));
      this.kubeVirt.cluster.create(leases, { metadata: { namespace: 'kube-node-lease', name: machine.name } });
    }
    for (const [name, labels] of this.workload.namespaces) api.create(namespaces, { metadata: { name, labels } });
  }

  #startAgents(): void {
    const { hosts, guests } = this.kubeVirt;
    const ids = this.#random.fork('agents');
    const names = this.fleet.map(({ name }) => name);
    new Agents(names, {
      ...{ api: this.api, clock: this.clock, hosts, guests },
      epoch: () => ids.hex(16),
      isServed: () => true,
      assumesRenewals: true,
    });
  }

  /** One timer for all jobs that are still to come. */
  #submit(index: number): void {
    const plan = this.workload.jobs[index];
    if (!plan) return;
    this.clock.setTimeout(
      () => {
        const { namespace, name, spec, deletedAfterMs } = plan;
        const metadata = { namespace, name };
        this.api.create(computeJobs, { metadata, spec } as never, { user: usersName });
        if (deletedAfterMs !== undefined) this.clock.setTimeout(() => this.#delete(plan), deletedAfterMs);
        this.#submit(index + 1);
      },
      Math.max(0, plan.atMs - this.clock.monotonic()),
    );
  }

  #delete({ namespace, name }: JobPlan): void {
    const job = this.api.get<ComputeJob>(computeJobs, { namespace, name });
    if (job) this.api.delete(computeJobs, { namespace, name }, { user: usersName });
  }

  #guest({ namespace, job, attempt }: GuestStart): GuestPlan {
    const plan = this.plans.get(`${namespace}/${job}`);
    if (!plan) throw new Error(`a guest of ${namespace}/${job}, which nobody submitted`);
    const { workMs, exitCode, crashes, silent } = plan.truth;
    const comesUp = attempt > silent;
    if (attempt <= silent + crashes && comesUp)
      return { comesUp, workMs: (workMs ?? hourMs) / 2, ends: 'crash', exitCode };
    return { comesUp, workMs, ends: plan.spec.mode === 'Session' ? 'powerOff' : 'exit', exitCode };
  }

  #owners(): Owners {
    const { owners } = this.options;
    if (owners)
      return new TracedOwners(
        owners,
        this.fleet.map(({ name }) => name),
      );
    return new PatternOwners(this.#random.fork('owners'), this.fleet);
  }

  #generated(owners: Owners): Workload {
    const { jobs, days, load } = this.options;
    const largest = this.fleet.reduce((most, machine) => (machine.cores > most.cores ? machine : most));
    const coreHours = this.fleet.reduce((sum, { name, cores }) => sum + cores * lentHours(owners, name, days), 0);
    return generateWorkload(this.#random.fork('workload'), { jobs, days, load, coreHours, largest });
  }
}

function lentHours(owners: Owners, machine: string, days: number): number {
  let present = 0;
  for (let day = 0; day < days; day++) {
    for (const { fromMs, toMs } of owners.visitsOn(machine, day)) present += toMs - fromMs + quietMs;
  }
  return Math.max(0, days * 24 - present / hourMs);
}
