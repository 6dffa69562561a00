// What all measurements do with an operator: wait for its first look at the world, for its work to be done, and check it.

import { join } from 'node:path';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { computeJobs } from '@idlewild/operator/api/resources.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { until, type Cluster } from './cluster.ts';
import type { Bench } from './figures.ts';
import type { Program } from './program.ts';
import { jobOf, type RecordedWrite, type WriteKind } from './requests.ts';

const stuckMs = 60_000;

/** Resolves when every cache of the operator is filled, with that moment in ms since the epoch. */
export function untilReady(operator: Program): Promise<number> {
  return until('the operator is ready', async () => {
    await operator.alive();
    return operator.said(({ msg, time }) => (msg === 'ready' ? Number(time) : undefined));
  });
}

/** Resolves when the operator has carried out so many writes of that kind; throws when no writes at all come any more. */
export async function untilWritten(operator: Program, kind: WriteKind, count: number): Promise<void> {
  let all = -1;
  let since = performance.now();
  await until(
    `${count} writes of the kind "${kind}"`,
    async () => {
      const tally = await operator.tally();
      const written = tally[kind] ?? 0;
      const now = Object.values(tally).reduce((sum, count) => sum + count, 0);
      if (now > all) since = performance.now();
      all = now;
      if (performance.now() - since > stuckMs) {
        throw new Error(`${written} of ${count} writes of the kind "${kind}" and no more; see ${operator.logFile}`);
      }
      return written >= count || undefined;
    },
    { everyMs: 100 },
  );
}

/** Resolves when the operator has written nothing for a while. */
export async function untilQuiet({ scale }: Bench, operator: Program): Promise<void> {
  let before = -1;
  await until(
    'the operator is at rest',
    async () => {
      const now = Object.values(await operator.tally()).reduce((sum, count) => sum + count, 0);
      const same = now === before;
      before = now;
      return same || undefined;
    },
    { everyMs: scale.quietMs },
  );
}

/** Runs the simulated guests beside a cluster. */
export async function startGuests({ site, kubeletPort }: Bench, cluster: Cluster): Promise<Program> {
  const guests = cluster.start('guests', 'bench/programs/simulated-guests.ts', [
    ...['--port', String(kubeletPort), '--pki-dir', join(site.dir, 'pki')],
  ]);
  await guests.hear((message) => 'ready' in message || undefined);
  return guests;
}

/** Takes processor profiles of the operator and the API server during `work`, when profiles are wanted. */
export async function profiled(
  { profiles }: Bench,
  name: string,
  cluster: Cluster,
  operator: Program,
  work: () => Promise<void>,
): Promise<void> {
  if (profiles === undefined) return work();
  const programs = { operator, apiserver: cluster.apiServer };
  await Promise.all(Object.values(programs).map((program) => program.profile()));
  await work();
  for (const [who, program] of Object.entries(programs)) {
    await program.saveProfile(join(profiles, `${name}-${who}.cpuprofile`));
  }
}

/** Throws unless each of `count` jobs was claimed exactly once, by what was written and by what is stored. */
export async function checkClaims(cluster: Cluster, writes: readonly RecordedWrite[], count: number): Promise<void> {
  const claims = writes.filter(({ kind, status }) => kind === 'claim' && status < 300);
  const jobs = new Set(claims.map((write) => jobOf(write)));
  if (claims.length !== count || jobs.size !== count) {
    throw new Error(
      `${claims.length} claims of ${jobs.size} jobs were written where ${count} jobs had to be claimed once`,
    );
  }
  const stored = await cluster.client.listAll<ComputeJob>(computeJobs);
  const attempts = stored.items.filter(({ status }) => (status?.attempts?.length ?? 0) === 1).length;
  if (attempts !== count) throw new Error(`${attempts} jobs have one attempt, not ${count}`);
}

/** From the first request sent to the last answer, ms. */
export function spanOf(
  times: readonly { readonly sentAt: number; readonly answeredAt?: number | undefined }[],
): number {
  let first = Infinity;
  let last = -Infinity;
  for (const { sentAt, answeredAt = sentAt } of times) {
    first = Math.min(first, sentAt);
    last = Math.max(last, answeredAt);
  }
  return last - first;
}

/** Lets what has just begun go on for a while that is part of the measurement. */
export function pass(ms: number): Promise<void> {
  return systemClock.sleep(ms);
}
