// Stops or deletes many jobs, in calls that the portal takes, one after the other.
// Promises: tells of every job whether it was done, also where a call as a whole did not come through.

import { mostEndings } from '@idlewild/operator/portal/job-limits.ts';
import type { Endings } from '@idlewild/operator/portal/schemas.ts';

export interface JobToEnd {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface Outcome {
  readonly done: number;
  /** What is gone already counts as done: nobody wanted more. */
  readonly refused: Readonly<Endings['refused']>;
}

/**
 * @param send one call of the portal's API.
 * @param tell how many have been dealt with so far.
 */
export async function endJobs(
  jobs: readonly JobToEnd[],
  send: (jobs: readonly JobToEnd[]) => Promise<Endings>,
  tell: (done: number) => void,
): Promise<Outcome> {
  const refused: Endings['refused'] = [];
  for (let first = 0; first < jobs.length; first += mostEndings) {
    const some = jobs.slice(first, first + mostEndings).map(({ namespace, name, uid }) => ({ namespace, name, uid }));
    try {
      refused.push(...(await send(some)).refused.filter(({ status }) => status !== 404));
    } catch (error) {
      const { message: detail, status = 0 } = error as Error & { status?: number };
      refused.push(...some.map(({ namespace, name }) => ({ namespace, name, status, detail })));
    }
    tell(first + some.length);
  }
  refused.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { done: jobs.length - refused.length, refused };
}
