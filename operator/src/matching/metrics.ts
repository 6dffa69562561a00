// What matching counts.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { WaitReason } from '../model/reasons.ts';

export interface MatchingMetrics {
  claimed(reason: string, waitedMs: number): void;
  waiting(byReason: ReadonlyMap<WaitReason, number>): void;
}

export function createMatchingMetrics(registry: Registry): MatchingMetrics {
  const registers = [registry];
  const claims = new Counter({
    name: 'idlewild_claims_total',
    help: 'Machines claimed by jobs',
    labelNames: ['reason'],
    registers,
  });
  const waited = new Histogram({
    name: 'idlewild_claim_wait_seconds',
    help: 'From the publication of a job to its first claim',
    // From the time of two writes on an idle pool to a night in the queue.
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 14_400, 43_200],
    registers,
  });
  const waiting = new Gauge({
    name: 'idlewild_jobs_waiting',
    help: 'Jobs without a machine',
    labelNames: ['reason'],
    registers,
  });
  return {
    claimed: (reason, waitedMs) => {
      claims.inc({ reason });
      waited.observe(waitedMs / 1000);
    },
    waiting: (byReason) => {
      waiting.reset();
      for (const [reason, count] of byReason) waiting.set({ reason }, count);
    },
  };
}
