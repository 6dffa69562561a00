// One matching pass for tests: a line, its usage and a pool made of plain objects.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { matchJobs, type MatchingSettings, type Pass } from '@idlewild/operator/matching/decide.ts';
import { explainWait } from '@idlewild/operator/matching/explain-wait.ts';
import type { Blocked } from '@idlewild/operator/matching/own-wait.ts';
import { Verdicts } from '@idlewild/operator/matching/verdicts.ts';
import type { Explanation } from '@idlewild/operator/matching/words.ts';
import { isUnclaimed } from '@idlewild/operator/model/job.ts';
import { poolOf, type Objects } from '@idlewild/operator/model/pool.ts';
import { Line } from '@idlewild/operator/queue/order.ts';
import { defaultPolicy, type NamespacePolicy } from '@idlewild/operator/queue/priority.ts';
import { Losses } from '@idlewild/operator/queue/restarts.ts';
import { Usage } from '@idlewild/operator/queue/usage.ts';
import { waiterOf, type Waiter } from '@idlewild/operator/queue/waiter.ts';
import type { Promised } from '@idlewild/operator/world/promises.ts';
import { noon } from './job.ts';

export const matchingSettings: MatchingSettings = {
  runnersUp: 3,
  holdDownMs: 60_000,
  retryBaseMs: 2_000,
  retryMaxMs: 300_000,
  reservations: 8,
  claimsPerPass: 1_000,
};

export interface PassOptions {
  /** Seconds after noon. */
  readonly nowS?: number;
  readonly blocked?: readonly (readonly [uid: string, Blocked])[];
  readonly silent?: readonly string[];
  readonly objects?: Partial<Objects>;
  readonly promised?: readonly Promised[];
  readonly policies?: Readonly<Record<string, NamespacePolicy>>;
}

export interface PassResult extends Pass {
  /** By job name. */
  readonly claimed: Readonly<Record<string, string>>;
  /** Throws unless the job waits. */
  why(name: string): Explanation;
}

export function passOver(nodes: readonly Node[], jobs: readonly ComputeJob[], o: PassOptions = {}): PassResult {
  const nowMs = noon + (o.nowS ?? 0) * 1000;
  const pool = poolOf({ nodes, jobs, vms: [], vmis: [], migrations: [], ...o.objects });
  const line = new Line<Waiter>();
  const usage = new Usage({ halfLifeMs: 24 * 3_600_000, aheadMs: 60_000 });
  const losses = new Losses({ restartsPerRoom: 4, batchMs: 5_000, windowMs: 120_000 });
  const policyOf = (namespace: string): NamespacePolicy => o.policies?.[namespace] ?? defaultPolicy;
  for (const job of jobs) {
    usage.set(job);
    losses.set(job);
    if (!isUnclaimed(job)) continue;
    const policy = policyOf(job.metadata.namespace ?? '');
    line.set(waiterOf(job, { policy, highest: 'Urgent', settings: matchingSettings }));
  }
  const verdicts = new Verdicts();
  const isSilent = (machine: string): boolean => o.silent?.includes(machine) === true;
  const total = pool.machines.reduce(
    (sum, { offer }) => ({ cores: sum.cores + offer.cores, memoryMiB: sum.memoryMiB + offer.memoryMiB }),
    { cores: 0, memoryMiB: 0 },
  );
  const pass = matchJobs({
    pool,
    verdicts,
    line,
    losses,
    blocked: new Map(o.blocked),
    promised: o.promised ?? [],
    endOf: ({ endsAtMs }) => endsAtMs,
    isSilent,
    nowMs,
    settings: matchingSettings,
    shares: {
      usageOf: (namespace) => usage.of(namespace, nowMs),
      weightOf: (namespace) => policyOf(namespace).weight,
      pool: total,
      aheadMs: 60_000,
    },
  });
  return {
    ...pass,
    claimed: Object.fromEntries(pass.claims.map(({ waiter, node }) => [waiter.job.metadata.name, node])),
    why: (name) => {
      const wait = pass.waits.find(({ waiter }) => waiter.job.metadata.name === name);
      if (!wait) throw new Error(`${name} does not wait`);
      return explainWait(wait, { verdicts, nowMs, isSilent });
    },
  };
}
