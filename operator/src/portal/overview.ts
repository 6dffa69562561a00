// The lab at a glance: how long jobs wait, what interrupts them, who has which share, and how many cores are lent.
// Promises: counts only jobs of namespaces that the user may list, so that no sum tells of another one; cores of machines only for those
// who may list machines.

import type { ComputeJob } from '../api/compute-job.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { overview, type Overview } from './schemas.ts';
import type { Sources } from './sources.ts';
import type { UsageLog } from './usage-log.ts';
import { sees, type Visibility } from './visibility.ts';

const dayMs = 24 * 3600_000;

export function overviewEndpoint(o: {
  readonly sources: Sources;
  readonly visibility: Visibility;
  readonly usage: UsageLog;
  readonly now: () => number;
}): Endpoint {
  return endpoint({
    method: 'get',
    path: '/api/v1/overview',
    summary: 'Waiting times, interruptions and shares of the jobs that you may list, and the cores that are lent',
    tag: 'jobs',
    answer: overview,
    handle: async ({ caller: { user } }) => {
      const [visible, machines] = await Promise.all([o.visibility.jobs(user), o.visibility.machines(user)]);
      const mine = o.sources.jobs.store.list().filter(({ metadata }) => sees(visible, metadata.namespace ?? ''));
      const points = machines.list ? o.usage.points() : [];
      const at = (ms: number): string => new Date(ms).toISOString();
      const shown = points.map(({ atMs, lent, used }) => ({ at: at(atMs), lent, used }));
      const [first] = shown;
      return {
        ...summaryOf(mine, o.now()),
        ...(first === undefined ? {} : { cores: { since: first.at, points: shown } }),
      };
    },
  });
}

/** @param nowMs ms since the epoch. */
export function summaryOf(jobs: readonly ComputeJob[], nowMs: number): Omit<Overview, 'cores'> {
  const since = nowMs - dayMs;
  const waits: number[] = [];
  const interruptions: Record<string, number> = {};
  const shares = new Map<string, Overview['shares'][number]>();
  for (const { metadata, spec, status = {} } of jobs) {
    const namespace = metadata.namespace ?? '';
    const share = shares.get(namespace) ?? {
      ...{ namespace, running: 0, waiting: 0, cores: 0, coreSeconds: 0, lostCoreSeconds: 0 },
    };
    shares.set(namespace, share);
    share.coreSeconds += status.usage?.coreSeconds ?? 0;
    share.lostCoreSeconds += status.usage?.lostCoreSeconds ?? 0;
    if (status.finishTime === undefined) {
      if (status.node === undefined) share.waiting += 1;
      else {
        share.running += 1;
        share.cores += spec.resources.cores;
      }
    }
    const claimed = Date.parse(status.attempts?.find(({ number }) => number === 1)?.claimed ?? '');
    const began = Date.parse(status.publication?.at ?? metadata.creationTimestamp ?? '');
    if (claimed >= since && claimed >= began) waits.push((claimed - began) / 1000);
    for (const { at, reason } of status.interruptions ?? []) {
      if (Date.parse(at) >= since) interruptions[reason] = (interruptions[reason] ?? 0) + 1;
    }
  }
  waits.sort((a, b) => a - b);
  const quantile = (q: number): number => waits[Math.min(waits.length - 1, Math.ceil(waits.length * q) - 1)] ?? 0;
  return {
    waits: { jobs: waits.length, ...(waits.length === 0 ? {} : { p50: quantile(0.5), p95: quantile(0.95) }) },
    interruptions,
    shares: [...shares.values()].sort((a, b) => b.cores - a.cores || a.namespace.localeCompare(b.namespace)),
  };
}
