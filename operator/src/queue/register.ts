// Everything the queue keeps of all jobs, brought up to date one job at a time: who waits, what was used, what was lost.
// Promises: no clock and no I/O; a change of one job costs the same however many there are; equal to telling it of all jobs
// anew. Must not decide anything.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Namespace } from '../api/kubernetes.ts';
import { isUnclaimed, openAttempt } from '../model/job.ts';
import { Line } from './order.ts';
import { defaultPolicy, effectivePriority, policyOf, type NamespacePolicy, type Priority } from './priority.ts';
import { Losses, type RestartSettings } from './restarts.ts';
import { Usage, type UsageSettings } from './usage.ts';
import { waiterOf, type RetrySettings, type Waiter } from './waiter.ts';

export interface QueueSettings extends RetrySettings, RestartSettings, UsageSettings {
  /** The highest priority that any job is served with. */
  readonly highest: Priority;
}

export class Register {
  readonly line = new Line<Waiter>();
  readonly usage: Usage;
  readonly losses: Losses;
  /** By key: jobs that have a machine, in the order in which they were last looked at. */
  readonly running = new Map<string, ComputeJob>();
  /** By key: jobs that were given notice to make room for another. */
  readonly noticed = new Map<string, ComputeJob>();
  readonly #settings: QueueSettings;
  readonly #policies = new Map<string, NamespacePolicy>();
  readonly #uids = new Map<string, string>();
  /** By key: the jobs that this has been told of and nothing else was assumed of since. */
  readonly #known = new Map<string, ComputeJob>();
  #version = 0;

  constructor(settings: QueueSettings) {
    this.#settings = settings;
    this.usage = new Usage(settings);
    this.losses = new Losses(settings);
  }

  /** Grows when somebody joins the line, leaves it or has another place in it. */
  get version(): number {
    return this.#version;
  }

  /** Replaces what is known of the job of that key; undefined: it is gone. */
  set(key: string, job: ComputeJob | undefined, nowMs: number): void {
    // Most of what happens to a job's guest changes nothing of the job.
    if (job !== undefined && this.#known.get(key) === job) return;
    const uid = job?.metadata.uid ?? '';
    const former = this.#uids.get(key);
    if (former !== undefined && former !== uid) this.#forget(key, former, nowMs);
    if (!job) return;
    this.#known.set(key, job);
    this.#uids.set(key, uid);
    this.usage.set(job);
    this.losses.set(job);
    if (openAttempt(job) && job.metadata.deletionTimestamp === undefined) this.running.set(key, job);
    else this.running.delete(key);
    if (job.status?.preemption !== undefined && this.running.has(key)) this.noticed.set(key, job);
    else this.noticed.delete(key);
    this.#line(key, isUnclaimed(job) ? job : undefined);
  }

  /** A job is on its way to a machine: it leaves the line, and counts for its namespace, before the API server has it. */
  assume(job: ComputeJob): void {
    const { name, namespace = '' } = job.metadata;
    const key = `${namespace}/${name}`;
    this.#known.delete(key);
    this.line.delete(key);
    this.usage.set(job);
    this.#version += 1;
  }

  /** @returns labels that were not understood, in words. */
  setNamespace(name: string, namespace: Namespace | undefined): readonly string[] {
    const { policy, complaints } = policyOf(namespace);
    const before = this.policyOf(name);
    this.#policies.set(name, policy);
    if (before.weight === policy.weight && before.ceiling === policy.ceiling) return complaints;
    this.#version += 1;
    const theirs = [...this.line.values()].filter((waiter) => waiter.namespace === name);
    for (const { job } of theirs) this.line.set(this.#waiterOf(job));
    return complaints;
  }

  policyOf(namespace: string): NamespacePolicy {
    return this.#policies.get(namespace) ?? defaultPolicy;
  }

  /** The priority that counts, 0 (Low) to 3 (Urgent). */
  rankOf(job: ComputeJob): number {
    return effectivePriority(job.spec.priority, this.policyOf(job.metadata.namespace ?? ''), this.#settings.highest)
      .rank;
  }

  #line(key: string, job: ComputeJob | undefined): void {
    const before = this.line.get(key);
    if (!job) {
      if (before) this.#version += 1;
      this.line.delete(key);
      return;
    }
    const waiter = this.#waiterOf(job);
    this.line.set(waiter);
    // A status that only says in other words why it waits moves nobody.
    const same =
      before?.uid === waiter.uid &&
      before.requirement === waiter.requirement &&
      before.retryAtMs === waiter.retryAtMs &&
      before.job.status?.attempts?.length === job.status?.attempts?.length &&
      before.age.startsWith('~') === waiter.age.startsWith('~');
    if (!same) this.#version += 1;
  }

  #waiterOf(job: ComputeJob): Waiter {
    const policy = this.policyOf(job.metadata.namespace ?? '');
    return waiterOf(job, { policy, highest: this.#settings.highest, settings: this.#settings });
  }

  #forget(key: string, uid: string, nowMs: number): void {
    this.#known.delete(key);
    this.#uids.delete(key);
    this.usage.forget(uid, nowMs);
    this.losses.forget(uid);
    this.running.delete(key);
    this.noticed.delete(key);
    this.#line(key, undefined);
  }
}
