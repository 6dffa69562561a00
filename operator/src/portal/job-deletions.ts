// Many jobs stopped and deleted in one call.
// Promises: each job is asked of the cluster's rules by its name, for the user who calls, and told by itself what became of it: one
// that is refused keeps no other from being deleted.

import { computeJobs } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Authorization } from '../server/authorization.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { problemOf } from './refusals.ts';
import { deletions, deletionsBody, type Deletions } from './schemas.ts';

/** Jobs under way at a time, so that one call is no burst for the API server. */
const atATime = 8;
/** Each is two hundred requests to the API server at most; a page makes one after the other. */
const rate = { perSecond: 5, burst: 20 };

export function jobDeletions(o: { readonly client: KubeClient; readonly authorization: Authorization }): Endpoint {
  return endpoint({
    method: 'post',
    path: '/api/v1/jobs/deletions',
    summary: 'Stop and delete many jobs, each only if it is still the one with that uid; tells what became of each',
    tag: 'jobs',
    body: deletionsBody,
    answer: deletions,
    rate,
    handle: async ({ caller: { user }, body: { jobs } }) => {
      const refused: Deletions['refused'] = [];
      const left = jobs[Symbol.iterator]();
      const remove = async (): Promise<void> => {
        for (const { namespace, name, uid } of left) {
          try {
            await o.authorization.require(user, { verb: 'delete', namespace, name });
            await o.client.delete(
              computeJobs,
              { namespace, name },
              { propagationPolicy: 'Background', preconditions: { uid } },
            );
          } catch (error) {
            const { status, message: detail } = problemOf(error);
            refused.push({ namespace, name, status, detail });
          }
        }
      };
      await Promise.all(Array.from({ length: Math.min(atATime, jobs.length) }, remove));
      return { deleted: jobs.length - refused.length, refused };
    },
  });
}
