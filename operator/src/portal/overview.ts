// The lab at a glance: how long jobs wait, what interrupts them, who has which share, and how many cores are lent.
// Promises: counts only jobs of namespaces that the user may list, so that no sum tells of another one; cores of machines only for those
// who may list machines.

import type { ComputeJob } from '../api/compute-job.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { submittedBy } from './job-endpoints.ts';
import { overview, type Overview, type Share } from './schemas.ts';
import type { Sources } from './sources.ts';
import type { UsageLog } from './usage-log.ts';
import { sees, type Visibility } from './visibility.ts';

const dayMs = 24 * 3600_000;
/** People of whom the overview tells at most: those who have the most. */
const mostPeople = 50;

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
  const interruptions: Record<string, number> = {};
  const namespaces = new Map<string, Share>();
  const people = new Map<string, Share>();
  for (const job of jobs) {
    const { metadata, status = {} } = job;
    count(namespaces, metadata.namespace ?? '', job);
    count(people, metadata.annotations?.[submittedBy] ?? '', job);
    for (const { at, reason } of status.interruptions ?? []) {
      if (Date.parse(at) >= since) interruptions[reason] = (interruptions[reason] ?? 0) + 1;
    }
  }
  return {
    waits: waitsOf(jobs, nowMs),
    interruptions,
    shares: sorted(namespaces),
    people: sorted(people).slice(0, mostPeople),
  };
}

function waitsOf(jobs: readonly ComputeJob[], nowMs: number): Overview['waits'] {
  const waits: number[] = [];
  let waiting = 0;
  let longest = 0;
  for (const { metadata, status = {} } of jobs) {
    const began = Date.parse(status.publication?.at ?? metadata.creationTimestamp ?? '');
    const claimed = Date.parse(status.attempts?.find(({ number }) => number === 1)?.claimed ?? '');
    if (claimed >= nowMs - dayMs && claimed >= began) waits.push((claimed - began) / 1000);
    if (status.finishTime !== undefined || status.node !== undefined || Number.isNaN(began)) continue;
    // One that had a machine before waits since it lost that one.
    const again = Date.parse(status.attempts?.at(-1)?.ended ?? '');
    waiting += 1;
    longest = Math.max(longest, (nowMs - (Number.isNaN(again) ? began : again)) / 1000);
  }
  waits.sort((a, b) => a - b);
  const quantile = (q: number): number => waits[Math.min(waits.length - 1, Math.ceil(waits.length * q) - 1)] ?? 0;
  return {
    jobs: waits.length,
    ...(waits.length === 0 ? {} : { p50: quantile(0.5), p90: quantile(0.9), p95: quantile(0.95) }),
    waiting,
    ...(waiting === 0 ? {} : { longest }),
  };
}

function count(shares: Map<string, Share>, name: string, { spec, status = {} }: ComputeJob): void {
  const share = shares.get(name) ?? { name, running: 0, waiting: 0, cores: 0, coreSeconds: 0, lostCoreSeconds: 0 };
  shares.set(name, share);
  share.coreSeconds += status.usage?.coreSeconds ?? 0;
  share.lostCoreSeconds += status.usage?.lostCoreSeconds ?? 0;
  if (status.finishTime !== undefined) return;
  if (status.node === undefined) share.waiting += 1;
  else {
    share.running += 1;
    share.cores += spec.resources.cores;
  }
}

/** Who has most now, then who had most. */
function sorted(shares: ReadonlyMap<string, Share>): Share[] {
  return [...shares.values()].sort(
    (a, b) => b.cores - a.cores || b.coreSeconds - a.coreSeconds || a.name.localeCompare(b.name),
  );
}
