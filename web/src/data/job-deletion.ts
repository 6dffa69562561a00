// Deletes many jobs, in calls that the portal takes, one after the other.
// Promises: tells of every job whether it was deleted, also where a call as a whole did not come through.

import { mostDeletions } from '@idlewild/operator/portal/job-limits.ts';
import type { Deletions } from '@idlewild/operator/portal/schemas.ts';

export interface JobToDelete {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

type Refused = Deletions['refused'][number];

export interface Outcome {
  readonly deleted: number;
  /** What is gone already counts as deleted: nobody wanted more. */
  readonly refused: readonly Refused[];
}

/**
 * @param send one call of the portal's API.
 * @param tell how many have been dealt with so far.
 */
export async function deleteJobs(
  jobs: readonly JobToDelete[],
  send: (jobs: readonly JobToDelete[]) => Promise<Deletions>,
  tell: (done: number) => void,
): Promise<Outcome> {
  const refused: Refused[] = [];
  for (let first = 0; first < jobs.length; first += mostDeletions) {
    const some = jobs.slice(first, first + mostDeletions).map(({ namespace, name, uid }) => ({ namespace, name, uid }));
    try {
      refused.push(...(await send(some)).refused.filter(({ status }) => status !== 404));
    } catch (error) {
      const { message: detail, status = 0 } = error as Error & { status?: number };
      refused.push(...some.map(({ namespace, name }) => ({ namespace, name, status, detail })));
    }
    tell(first + some.length);
  }
  refused.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { deleted: jobs.length - refused.length, refused };
}
