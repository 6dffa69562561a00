// Where the portal shows the console of a job. Promises: pure; the same for all attempts, so that a link that was kept stays good.

import type { ComputeJob } from '../api/compute-job.ts';

/** @param portal its origin; undefined where there is none, or nothing to show. */
export function consoleUrlOf({ metadata, spec }: ComputeJob, portal: string | undefined): string | undefined {
  if (portal === undefined || spec.console === 'None') return undefined;
  return `${portal}/jobs/${metadata.namespace}/${metadata.name}/console`;
}
