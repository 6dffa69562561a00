// How long after its creation a job is claimed, seen by whoever watches it.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { computeJobs } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { isAborted } from '@idlewild/operator/kube/errors.ts';
import { until } from './cluster.ts';

export const steadyLabel = { key: 'bench', value: 'steady' } as const;

interface Created {
  readonly metadata: { readonly name: string };
}

/** Creates the jobs one by one, `perSecond` of them, and answers for each the ms from the request to the news of its claim. */
export async function claimTimes(
  client: KubeClient,
  jobs: readonly object[],
  perSecond: number,
): Promise<readonly number[]> {
  const appliedAt = new Map<string, number>();
  const claimedAfter = new Map<string, number>();
  const stop = new AbortController();
  const { metadata } = await client.list<ComputeJob>(computeJobs, { limit: 1 });
  const watching = client.watch<ComputeJob>(computeJobs, {
    resourceVersion: metadata.resourceVersion,
    labelSelector: `${steadyLabel.key}=${steadyLabel.value}`,
    timeoutSeconds: 3_600,
    signal: stop.signal,
    onEvent: ({ object }) => {
      const { name } = object.metadata;
      const began = appliedAt.get(name);
      if (began === undefined || claimedAfter.has(name) || (object.status?.attempts?.length ?? 0) === 0) return;
      claimedAfter.set(name, performance.now() - began);
    },
  });
  watching.catch(() => stop.abort());
  const first = performance.now();
  for (const [index, job] of (jobs as readonly Created[]).entries()) {
    await systemClock.sleep(Math.max(0, first + (index * 1000) / perSecond - performance.now()));
    appliedAt.set(job.metadata.name, performance.now());
    await client.create(computeJobs, job);
  }
  await until('every job is claimed', () => Promise.resolve(claimedAfter.size === jobs.length || undefined), {
    timeoutMs: 60_000,
  });
  stop.abort();
  await watching.catch((error: unknown) => {
    if (!isAborted(error)) throw error;
  });
  return [...claimedAfter.values()];
}
