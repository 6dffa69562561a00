// What a run comes to: work asked for, work done, work lost, waiting, fairness, interruptions, writes.
// Promises: counted from what truly ran and what was written, not from what the operator says about itself.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { computeJobs, nodes } from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import type { Write } from '../api/memory-api.ts';
import type { Guest, GuestEnd } from '../kubevirt/guests.ts';
import { hourMs } from '../owners/visit.ts';
import { purposeOf, type WritePurpose } from './purpose.ts';
import { coreMsOf } from '../workload/job-plan.ts';
import { operatorName, type Simulation } from '../world/simulation.ts';

export interface HourRow {
  readonly hour: number;
  /** Cores of machines that lend at this moment. */
  readonly lentCores: number;
  readonly usedCores: number;
  readonly waitingJobs: number;
  readonly runningJobs: number;
  readonly ownersPresent: number;
  readonly machinesAway: number;
  /** Since the row before: core-hours of finished work, and of work that was lost. */
  readonly usefulCoreHours: number;
  readonly lostCoreHours: number;
  readonly operatorWrites: number;
  readonly migrations: number;
}

interface JobRecord {
  readonly namespace: string;
  readonly priority: string;
  readonly submittedMs: number;
  startedMs?: number;
  outcome?: 'Succeeded' | 'Failed';
  attempts: number;
  interruptions: number;
}

export class Tally {
  readonly rows: HourRow[] = [];
  readonly jobs = new Map<string, JobRecord>();
  readonly writes = new Map<string, number>();
  /** The operator's writes by what they were for. */
  readonly purposes = new Map<WritePurpose, number>();
  /** By namespace, core-hours that its guests ran, lost work not counted. */
  readonly service = new Map<string, number>();
  /** By namespace, core-hours of work in the jobs that it submitted and did not take back. */
  readonly asked = new Map<string, number>();
  usefulCoreHours = 0;
  lostCoreHours = 0;
  offeredCoreHours = 0;
  migrations = 0;
  readonly ends = new Map<GuestEnd, number>();
  readonly #simulation: Simulation;
  readonly #running = new Map<Guest, number>();
  #last = { useful: 0, lost: 0, writes: 0, migrations: 0 };

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    const { api, kubeVirt } = simulation;
    api.onWrite((write) => this.#saw(write));
    kubeVirt.guests.watch({
      started: (guest) => this.#running.set(guest, this.#coresOf(guest)),
      moved: () => this.migrations++,
      ended: (guest, end, workedMs) => this.#ended(guest, end, workedMs),
    });
    this.#hourly(0);
  }

  get operatorWrites(): number {
    let total = 0;
    for (const [what, count] of this.writes) if (what.startsWith(`${operatorName} `)) total += count;
    return total;
  }

  get usedCores(): number {
    let cores = 0;
    for (const each of this.#running.values()) cores += each;
    return cores;
  }

  /** Jobs that have no machine and want one. */
  waitingJobs(): number {
    return [...this.jobs.values()].filter(({ outcome }) => outcome === undefined).length - this.#running.size;
  }

  #saw(write: Write): void {
    const { type, kind, object, user } = write;
    if (user === operatorName) {
      const purpose = purposeOf(write);
      this.purposes.set(purpose, (this.purposes.get(purpose) ?? 0) + 1);
    }
    const what = `${user || 'api'} ${type === 'ADDED' ? 'create' : type === 'DELETED' ? 'delete' : 'change'} ${kind.type.plural}`;
    this.writes.set(what, (this.writes.get(what) ?? 0) + 1);
    if (kind.type.plural !== computeJobs.plural) return;
    const job = object as unknown as ComputeJob;
    const key = keyOf(job);
    let record = this.jobs.get(key);
    if (!record) {
      const submittedMs = this.#simulation.clock.monotonic();
      const { namespace = '' } = job.metadata;
      record = { namespace, priority: job.spec.priority, submittedMs, attempts: 0, interruptions: 0 };
      this.jobs.set(key, record);
      this.#ask(key, namespace, 1);
    }
    const { attempts = [], conditions = [], startTime } = job.status ?? {};
    if (startTime !== undefined) record.startedMs ??= this.#simulation.clock.monotonic();
    record.attempts = attempts.length;
    record.interruptions = attempts.filter(({ reason }) => takenAway.has(reason ?? '')).length;
    for (const outcome of ['Succeeded', 'Failed'] as const) {
      if (conditions.some((condition) => condition.type === outcome && condition.status === 'True')) {
        record.outcome = outcome;
      }
    }
    // A job that its user deleted is nobody's any more.
    if (type === 'DELETED' && record.outcome === undefined && this.jobs.delete(key))
      this.#ask(key, record.namespace, -1);
  }

  #ask(job: string, namespace: string, sign: 1 | -1): void {
    const plan = this.#simulation.plans.get(job);
    const coreHours = plan ? coreMsOf(plan) / hourMs : 0;
    this.asked.set(namespace, (this.asked.get(namespace) ?? 0) + sign * coreHours);
  }

  #ended(guest: Guest, end: GuestEnd, workedMs: number): void {
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
    const coreHours = (this.#coresOf(guest) * workedMs) / hourMs;
    this.#running.delete(guest);
    const [namespace = ''] = guest.job.split('/');
    if (end === 'poweredOff' || isSession(this.#simulation, guest)) {
      this.usefulCoreHours += coreHours;
      this.service.set(namespace, (this.service.get(namespace) ?? 0) + coreHours);
    } else this.lostCoreHours += coreHours;
  }

  #coresOf(guest: Guest): number {
    return this.#simulation.plans.get(guest.job)?.spec.resources.cores ?? 0;
  }

  #hourly(hour: number): void {
    const { clock } = this.#simulation;
    clock.setTimeout(
      () => {
        this.#row(hour);
        this.#hourly(hour + 1);
      },
      hour === 0 ? 0 : hourMs,
    );
  }

  #row(hour: number): void {
    const { api, kubeVirt, presence, fleet } = this.#simulation;
    let lentCores = 0;
    let ownersPresent = 0;
    let machinesAway = 0;
    for (const { name, cores } of fleet) {
      const node = api.get<Node>(nodes, { name });
      if (presence.isPresent(name)) ownersPresent++;
      else if (!kubeVirt.hosts.isReachable(name)) machinesAway++;
      else if (node?.spec?.unschedulable !== true) lentCores += cores;
    }
    const now = {
      useful: this.usefulCoreHours,
      lost: this.lostCoreHours,
      writes: this.operatorWrites,
      migrations: this.migrations,
    };
    if (hour > 0) this.offeredCoreHours += lentCores;
    this.rows.push({
      ...{ hour, lentCores, usedCores: this.usedCores, waitingJobs: this.waitingJobs(), ownersPresent, machinesAway },
      runningJobs: this.#running.size,
      usefulCoreHours: now.useful - this.#last.useful,
      lostCoreHours: now.lost - this.#last.lost,
      operatorWrites: now.writes - this.#last.writes,
      migrations: now.migrations - this.#last.migrations,
    });
    this.#last = now;
  }
}

const takenAway: ReadonlySet<string> = new Set([
  'MachineLost',
  'Drained',
  'OwnerReturned',
  'Parked',
  'Revoked',
  'Preempted',
  'TakenAway',
]);

/** A desktop was of use for as long as it was there. */
function isSession(simulation: Simulation, guest: Guest): boolean {
  return simulation.plans.get(guest.job)?.spec.mode === 'Session';
}
