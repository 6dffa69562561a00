// What matching counts. Labels are from closed lists, or bounded in number where they are names of namespaces.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Trouble } from './trouble.ts';

/** Namespaces that usage is told of: those with the most. */
const mostNamespaces = 50;

export interface MatchingMetrics {
  claimed(reason: string, priority: string): void;
  /** The first claim of a job. */
  waited(priority: string, waitedMs: number): void;
  passed(durationMs: number): void;
  writeFailed(trouble: Trouble): void;
}

/** What is asked when somebody reads the metrics. */
export interface QueueReading {
  /** Jobs without a machine, by what they were last told. */
  waiting(): ReadonlyMap<string, number>;
  /** Part of the pool that each namespace used, in hours of the whole pool, as it weighs now. */
  usage(): Iterable<readonly [namespace: string, poolHours: number]>;
}

export function createMatchingMetrics(registry: Registry, queue: QueueReading): MatchingMetrics {
  const registers = [registry];
  const claims = new Counter({
    name: 'idlewild_claims_total',
    help: 'Machines claimed by jobs',
    labelNames: ['reason', 'priority'],
    registers,
  });
  const waits = new Histogram({
    name: 'idlewild_claim_wait_seconds',
    help: 'From the publication of a job to its first claim, by the priority that it was served with',
    labelNames: ['priority'],
    // From the time of two writes on an idle pool to a night in the queue.
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 14_400, 43_200],
    registers,
  });
  const passes = new Histogram({
    name: 'idlewild_matching_pass_seconds',
    help: 'Time to decide over the whole queue once',
    // From an empty queue to thousands of jobs of as many kinds.
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5],
    registers,
  });
  const failures = new Counter({
    name: 'idlewild_matching_write_failures_total',
    help: 'Writes of matching that failed: the job had changed, was refused, or the API server was in trouble',
    labelNames: ['trouble'],
    registers,
  });
  // An increase is one only of a series that is there already: without these, the first failure would be none to an alert.
  for (const trouble of ['changed', 'refused', 'server'] satisfies Trouble[]) failures.inc({ trouble }, 0);
  new Gauge({
    name: 'idlewild_jobs_waiting',
    help: 'Jobs without a machine, by the reason that they were last told',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of queue.waiting()) this.set({ reason }, count);
    },
  });
  new Gauge({
    name: 'idlewild_namespace_usage_pool_hours',
    help: 'What a namespace has used, faded, in hours of the whole pool; the namespaces with the most',
    labelNames: ['namespace'],
    registers,
    collect() {
      this.reset();
      const most = [...queue.usage()].sort((a, b) => b[1] - a[1]).slice(0, mostNamespaces);
      for (const [namespace, poolHours] of most) this.set({ namespace }, poolHours);
    },
  });
  return {
    claimed: (reason, priority) => claims.inc({ reason, priority }),
    waited: (priority, waitedMs) => waits.observe({ priority }, waitedMs / 1000),
    passed: (durationMs) => passes.observe(durationMs / 1000),
    writeFailed: (trouble) => failures.inc({ trouble }),
  };
}
