// Ways to end jobs over REST: to stop them, which keeps their record, or to delete them; one, or many in one call.
// Promises: each job is asked of the cluster's rules by its name, for the user who calls, and of many each is told by itself what became
// of it: one that is refused keeps no other from being ended. With a uid only the job that has it is meant, never a later one of its name.

import { z } from 'zod';
import type { ComputeJob } from '../api/compute-job.ts';
import { computeJobs } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { toKubeError } from '../kube/errors.ts';
import { isStopped } from '../model/job.ts';
import type { User } from '../server/authentication.ts';
import type { Authorization } from '../server/authorization.ts';
import { Problem } from '../server/problem.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { problemOf } from './refusals.ts';
import { endings, jobChange, jobPath, jobsBody, type Endings } from './schemas.ts';

/** Jobs under way at a time, so that one call is no burst for the API server. */
const atATime = 8;
/** Each is two hundred requests to the API server at most; a page makes one after the other. */
const rate = { perSecond: 5, burst: 20 };

const tooOld = "the cluster's definition of ComputeJobs has no spec.stop: it is older than the portal";

interface Meant {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string | undefined;
}

interface Ways {
  readonly client: KubeClient;
  readonly authorization: Authorization;
}

export function jobEndings(o: Ways): Endpoint[] {
  const path = '/api/v1/namespaces/{namespace}/jobs/{name}';
  const query = z.strictObject({ uid: z.string().max(64).optional() });
  const stop = (user: User, job: Meant): Promise<void> => stopJob(o, user, job);
  const remove = (user: User, job: Meant): Promise<void> => deleteJob(o, user, job);
  return [
    endpoint({
      method: 'patch',
      path,
      summary: 'Stop a job and keep its record; with uid only if it is still that one',
      tag: 'jobs',
      params: jobPath,
      query,
      body: jobChange,
      handle: ({ caller: { user }, params, query: { uid } }) => stop(user, { ...params, uid }),
    }),
    endpoint({
      method: 'delete',
      path,
      summary: 'Delete a job, with its record, whether it is over or not; with uid only if it is still that one',
      tag: 'jobs',
      params: jobPath,
      query,
      handle: ({ caller: { user }, params, query: { uid } }) => remove(user, { ...params, uid }),
    }),
    endpoint({
      method: 'post',
      path: '/api/v1/jobs/stops',
      summary: 'Stop many jobs, each only if it is still the one with that uid; tells what became of each',
      tag: 'jobs',
      body: jobsBody,
      answer: endings,
      rate,
      handle: ({ caller: { user }, body: { jobs } }) => each(jobs, (job) => stop(user, job)),
    }),
    endpoint({
      method: 'post',
      path: '/api/v1/jobs/deletions',
      summary: 'Delete many jobs, each only if it is still the one with that uid; tells what became of each',
      tag: 'jobs',
      body: jobsBody,
      answer: endings,
      rate,
      handle: ({ caller: { user }, body: { jobs } }) => each(jobs, (job) => remove(user, job)),
    }),
  ];
}

async function stopJob({ client, authorization }: Ways, user: User, { namespace, name, uid }: Meant): Promise<void> {
  await authorization.require(user, { verb: 'patch', namespace, name });
  const patch = { ...(uid === undefined ? {} : { metadata: { uid } }), spec: { stop: true } };
  let job: ComputeJob;
  try {
    job = await client.mergePatch<ComputeJob>(computeJobs, { namespace, name }, patch);
  } catch (error) {
    // To the API server another uid is a change of a field that never changes.
    const { kind, body } = toKubeError(error);
    if (kind !== 'invalid' || !body?.details?.causes?.some(({ field }) => field === 'metadata.uid')) throw error;
    throw new Problem(409, `"${name}" in namespace "${namespace}" is another job by now`);
  }
  // An API server drops what the definition of its kind does not have.
  if (!isStopped(job)) throw new Problem(409, tooOld);
}

async function deleteJob({ client, authorization }: Ways, user: User, { namespace, name, uid }: Meant): Promise<void> {
  await authorization.require(user, { verb: 'delete', namespace, name });
  await client.delete(
    computeJobs,
    { namespace, name },
    { propagationPolicy: 'Background', ...(uid === undefined ? {} : { preconditions: { uid } }) },
  );
}

async function each(jobs: readonly Required<Meant>[], end: (job: Meant) => Promise<void>): Promise<Endings> {
  const refused: Endings['refused'] = [];
  const left = jobs[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const job of left) {
      try {
        await end(job);
      } catch (error) {
        const { status, message: detail } = problemOf(error);
        refused.push({ namespace: job.namespace, name: job.name, status, detail });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, jobs.length) }, work));
  return { done: jobs.length - refused.length, refused };
}
