// Jobs over REST: list, read, submit (or only try), end, and tickets for the consoles of their guests.
// Promises: every operation is asked of the cluster's rules first, for the user who calls; what the API server refuses is answered in
// its own words. A job carries the name of who submitted it, for the cluster's own record names the portal.

import { z } from 'zod';
import type { ComputeJob } from '../api/compute-job.ts';
import { computeJobs } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { subscribers, requirementOf } from '../matching/subscribe.ts';
import { attemptsOf } from '../model/job.ts';
import { poolOf } from '../model/pool.ts';
import type { Authorization } from '../server/authorization.ts';
import { Problem } from '../server/problem.ts';
import { consolePath, holderOf, mayOpen } from './consoles.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { jobEndings } from './job-endings.ts';
import { jobResourcesEndpoint } from './job-resources.ts';
import {
  consoleBody,
  consoleTicket,
  fit,
  job,
  jobBody,
  jobPath,
  jobRow,
  namespaceName,
  yes,
  type Fit,
} from './schemas.ts';
import type { Sources } from './sources.ts';
import type { Tickets } from './tickets.ts';
import { sees, type Visibility } from './visibility.ts';

export interface JobEndpoints {
  readonly client: KubeClient;
  readonly sources: Sources;
  readonly authorization: Authorization;
  readonly visibility: Visibility;
  readonly tickets: Tickets;
  /** ms since the epoch. */
  readonly now: () => number;
}

export const submittedBy = 'idlewild.dev/submitted-by';

export function jobEndpoints(o: JobEndpoints): Endpoint[] {
  const { client, authorization, sources } = o;
  const jobsPath = '/api/v1/namespaces/{namespace}/jobs';
  return [
    endpoint({
      method: 'get',
      path: '/api/v1/jobs',
      summary: 'The jobs that you may list, as rows',
      tag: 'jobs',
      query: z.strictObject({ namespace: namespaceName.optional() }),
      answer: z.object({ items: z.array(jobRow), rev: z.string() }),
      handle: async ({ caller, query: { namespace } }) => {
        if (namespace !== undefined) await authorization.require(caller.user, { verb: 'list', namespace });
        const visible = namespace === undefined ? await o.visibility.jobs(caller.user) : new Set([namespace]);
        return { items: sources.jobRows().filter((row) => sees(visible, row.namespace)), rev: sources.log.position };
      },
    }),
    endpoint({
      method: 'post',
      path: jobsPath,
      summary: 'Submit a job; with dryRun only ask what the cluster would say, and which machines could take it now',
      tag: 'jobs',
      status: 201,
      params: z.strictObject({ namespace: namespaceName }),
      query: z.strictObject({ dryRun: yes }),
      body: jobBody,
      answer: z.object({ job, fit: fit.optional() }),
      handle: async ({ caller, params: { namespace }, query, body }) => {
        await authorization.require(caller.user, { verb: 'create', resource: computeJobs, namespace });
        const dryRun = query.dryRun === 'true';
        const { name, labels, annotations: own } = body.metadata;
        const annotations = { ...own, [submittedBy]: caller.user.name };
        const made = await client.create<ComputeJob>(
          computeJobs,
          { metadata: { name, namespace, annotations, ...(labels === undefined ? {} : { labels }) }, spec: body.spec },
          { dryRun },
        );
        return { job: shown(made), ...(dryRun ? { fit: fitOf(made, sources, o.now()) } : {}) };
      },
    }),
    endpoint({
      method: 'get',
      path: `${jobsPath}/{name}`,
      summary: 'A job as the cluster has it',
      tag: 'jobs',
      params: jobPath,
      answer: job,
      handle: async ({ caller, params }) => {
        await authorization.require(caller.user, { verb: 'get', ...params });
        return shown(await client.get<ComputeJob>(computeJobs, params));
      },
    }),
    endpoint({
      method: 'post',
      path: `${jobsPath}/{name}/consoles`,
      summary: 'A ticket for the screen or the serial console of the guest that the job has now',
      tag: 'consoles',
      status: 201,
      params: jobPath,
      body: consoleBody,
      answer: consoleTicket,
      handle: async ({ caller, params, body: { protocol, takeOver } }) => {
        const { namespace, name } = params;
        await authorization.require(caller.user, { verb: 'get', namespace, name });
        const found = sources.job(namespace, name);
        if (found === undefined) throw new Problem(404, `there is no ComputeJob "${name}" in namespace "${namespace}"`);
        const attempt = attemptsOf(found).at(-1);
        if (attempt === undefined || attempt.ended !== undefined || attempt.created === undefined) {
          throw new Problem(409, `"${name}" has no guest at this moment`);
        }
        const grant = { namespace, job: name, virtualMachine: attempt.virtualMachine, protocol, takeOver };
        await mayOpen(authorization, caller, grant);
        const ticket = await o.tickets.issue({ ...grant, holder: holderOf(caller) });
        return { ticket, path: consolePath, virtualMachine: attempt.virtualMachine };
      },
    }),
    ...jobEndings(o),
    jobResourcesEndpoint(o),
  ];
}

function shown({ metadata: { managedFields: _who, ...metadata }, ...rest }: ComputeJob): ComputeJob {
  return { ...rest, metadata };
}

/** As the operator would see it, but for guests that are no jobs and for jobs further ahead in the queue. */
function fitOf(made: ComputeJob, sources: Sources, nowMs: number): Fit {
  const objects = {
    nodes: sources.nodes.store.list(),
    jobs: sources.jobs.store.list(),
    vms: [],
    vmis: [],
    migrations: [],
  };
  const { fitting, obstacles } = subscribers(poolOf(objects, { nowMs }), requirementOf(made), { nowMs });
  const reasons: Record<string, number> = {};
  for (const { reason } of obstacles) reasons[reason] = (reasons[reason] ?? 0) + 1;
  const never = obstacles.filter(({ forEver }) => forEver).length;
  return { now: fitting.length, later: obstacles.length - never, never, reasons };
}
