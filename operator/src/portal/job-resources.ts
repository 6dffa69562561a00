// What the guest of a job was given, and what it uses: as far as KubeVirt and the cluster's metrics API tell.
// Promises: no figure that nobody measured; where one is missing the answer says why. Only what the cluster lets the user who calls
// read themselves.

import type { Pod } from '../api/kubernetes.ts';
import type { VirtualMachineInstance } from '../api/kubevirt.ts';
import { quantityToMebibytes, quantityToMillis } from '../api/quantity.ts';
import { podMetrics, pods, virtualMachineInstances } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { toKubeError } from '../kube/errors.ts';
import type { KubeObject } from '../kube/object.ts';
import { openAttempt, type Attempt } from '../model/job.ts';
import { labels } from '../model/names.ts';
import type { Authorization } from '../server/authorization.ts';
import type { User } from '../server/authentication.ts';
import { Problem } from '../server/problem.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { jobPath, jobResources, type JobResources } from './schemas.ts';
import type { Sources } from './sources.ts';

/** metrics.k8s.io/v1beta1, k8s.io/metrics/pkg/apis/metrics/v1beta1/types.go. */
interface PodMetrics extends KubeObject {
  /** The end of the window. */
  readonly timestamp?: string;
  /** A duration as Go prints it, such as 15.2s. */
  readonly window?: string;
  readonly containers?: readonly { readonly name: string; readonly usage?: Readonly<Record<string, string>> }[];
}

/** The container of a launcher pod in which QEMU runs. */
const guestContainer = 'compute';

/** What one source tells, or why it does not. */
type Told<T> = { readonly value: T } | { readonly unknown: string };

interface ResourcesOptions {
  readonly client: KubeClient;
  readonly sources: Sources;
  readonly authorization: Authorization;
}

export function jobResourcesEndpoint(o: ResourcesOptions): Endpoint {
  return endpoint({
    method: 'get',
    path: '/api/v1/namespaces/{namespace}/jobs/{name}/resources',
    summary: 'What the guest that a job has now was given and what it uses, as far as the cluster tells',
    tag: 'jobs',
    params: jobPath,
    answer: jobResources,
    handle: async ({ caller: { user }, params: { namespace, name } }): Promise<JobResources> => {
      await o.authorization.require(user, { verb: 'get', namespace, name });
      const found = o.sources.job(namespace, name);
      if (found === undefined) throw new Problem(404, `there is no ComputeJob "${name}" in namespace "${namespace}"`);
      const attempt = openAttempt(found);
      if (attempt === undefined) {
        const none = 'the job has no guest at this moment';
        return { unknown: { given: none, used: none } };
      }
      const [given, used] = await Promise.all([givenTo(o, user, namespace, attempt), usedBy(o, user, found, attempt)]);
      return {
        machine: attempt.node,
        ...('value' in given ? { given: given.value } : {}),
        ...('value' in used ? { used: used.value } : {}),
        unknown: {
          ...('unknown' in given ? { given: given.unknown } : {}),
          ...('unknown' in used ? { used: used.unknown } : {}),
        },
      };
    },
  });
}

async function givenTo(
  { client, authorization }: ResourcesOptions,
  user: User,
  namespace: string,
  { virtualMachine: name }: Attempt,
): Promise<Told<NonNullable<JobResources['given']>>> {
  const access = { verb: 'get', resource: virtualMachineInstances, namespace, name } as const;
  if (!(await authorization.allows(user, access)))
    return { unknown: 'you may not read virtual machine instances here' };
  try {
    const { status } = await client.get<VirtualMachineInstance>(virtualMachineInstances, { namespace, name });
    const { currentCPUTopology: cpu, memory } = status ?? {};
    const given = {
      ...(cpu?.cores === undefined ? {} : { cores: cpu.cores * (cpu.sockets ?? 1) * (cpu.threads ?? 1) }),
      ...(memory?.guestCurrent === undefined ? {} : { memoryMiB: quantityToMebibytes(memory.guestCurrent) }),
      ...(memory?.memoryOverhead === undefined ? {} : { overheadMiB: quantityToMebibytes(memory.memoryOverhead) }),
    };
    return Object.keys(given).length > 0 ? { value: given } : { unknown: 'KubeVirt has not said so yet' };
  } catch (error) {
    return { unknown: silenceOf(error, 'KubeVirt', 'the guest is not there yet, or not any more') };
  }
}

async function usedBy(
  { client, authorization }: ResourcesOptions,
  user: User,
  job: KubeObject,
  attempt: Attempt,
): Promise<Told<NonNullable<JobResources['used']>>> {
  const { name, namespace = '' } = job.metadata;
  if (!(await authorization.allows(user, { verb: 'get', resource: podMetrics, namespace })))
    return { unknown: 'you may not read the metrics of pods here' };
  try {
    const labelSelector = `${labels.job}=${name},${labels.attempt}=${attempt.number}`;
    const { items } = await client.list<Pod>(pods, { namespace, labelSelector });
    const pod = items.find(({ spec, status }) => spec.nodeName === attempt.node && status?.phase === 'Running');
    if (pod === undefined) return { unknown: 'the guest does not run yet' };
    const measured = await client.get<PodMetrics>(podMetrics, { namespace, name: pod.metadata.name });
    const used = usedOf(measured);
    return used === undefined ? { unknown: 'the guest has not been measured yet' } : { value: used };
  } catch (error) {
    const none = 'the cluster has no metrics server, or it has not measured this guest yet';
    return { unknown: silenceOf(error, 'the metrics API', none) };
  }
}

/** Of the guest's own container; undefined when it is not among those measured. */
export function usedOf({ timestamp, window, containers = [] }: PodMetrics): JobResources['used'] {
  const usage = containers.find(({ name }) => name === guestContainer)?.usage;
  if (usage?.['cpu'] === undefined || usage['memory'] === undefined || timestamp === undefined) return undefined;
  return {
    cores: quantityToMillis(usage['cpu']) / 1000,
    memoryMiB: quantityToMebibytes(usage['memory']),
    at: timestamp,
    windowSeconds: secondsOf(window ?? ''),
  };
}

const units: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };

/** 1m0.5s: 60.5; 0 for what is no duration. */
function secondsOf(duration: string): number {
  let seconds = 0;
  for (const [, count, unit = ''] of duration.matchAll(/([\d.]+)(ms|h|m|s)/g))
    seconds += Number(count) * (units[unit] ?? 0);
  return seconds;
}

function silenceOf(caught: unknown, who: string, none: string): string {
  const { kind } = toKubeError(caught);
  if (kind === 'notFound') return none;
  if (kind === 'forbidden') return `the portal itself may not ask ${who}`;
  return `${who} does not answer`;
}
