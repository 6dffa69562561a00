// Reads what there is to know of a cluster, and judges nothing.
// Promises: reads only, but for the questions about rights, which are asked by creating reviews; what may not be read or is not
// there is told as such. Throws a KubeError only when the API server cannot be reached or does not know who asks.

import type { Lease, Node } from '../api/kubernetes.ts';
import * as resources from '../api/resources.ts';
import type { ResourceType } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { isNotFound, toKubeError, type KubeErrorKind } from '../kube/errors.ts';
import type { KubeObject } from '../kube/object.ts';
import { machineLeaseNamespace } from '../model/names.ts';
import type { AskedRight, Definition, Facts, KubeVirt, PolicyBinding, Renewals } from './facts.ts';
import { seen, type Seen } from './finding.ts';
import { rightsNeeded, type Right } from './rights.ts';

export interface ReadOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** That Idlewild is installed in. */
  readonly namespace: string;
  /** Whether Idlewild is installed; what belongs to it is not looked at otherwise. */
  readonly installed: boolean;
  /** For so long it is listened for renewals of Leases, ms; agents renew every two seconds. */
  readonly listenMs: number;
}

const kubeVirts: ResourceType = {
  group: 'kubevirt.io',
  version: 'v1',
  plural: 'kubevirts',
  kind: 'KubeVirt',
  namespaced: true,
};
/** There is nothing to be told if the API server itself is not there. */
const hopeless: ReadonlySet<KubeErrorKind> = new Set(['network', 'unauthorized', 'aborted']);
const questionsAtATime = 8;

export async function readCluster(o: ReadOptions): Promise<Facts> {
  const { client } = o;
  const list = async <T>(type: ResourceType, namespace?: string): Promise<readonly T[]> =>
    (await client.listAll<T>(type, { namespace })).items;
  // Asked alone first, as nothing else is worth asking when nobody answers.
  const version = await look(async () => {
    const { body } = await client.raw.request({ method: 'GET', path: '/version' });
    return String((body as { gitVersion?: unknown } | undefined)?.gitVersion ?? '');
  });
  const own = <T>(read: () => Promise<T>): Promise<Seen<T>> =>
    o.installed ? look(read) : Promise.resolve({ kind: 'absent' });
  const [found, nodes, definition, renewals, policies, bindings, rights] = await Promise.all([
    look(() => list<KubeVirt>(kubeVirts)),
    look(() => list<Node>(resources.nodes)),
    own(() => client.get<Definition>(resources.customResourceDefinitions, { name: definitionName })),
    own(() => renewalsOf(o)),
    own(async () =>
      (await list<KubeObject>(resources.validatingAdmissionPolicies)).map(({ metadata }) => metadata.name),
    ),
    own(() => list<PolicyBinding>(resources.validatingAdmissionPolicyBindings)),
    own(() => askRights(o)),
  ]);
  return { version, kubeVirts: found, nodes, definition, renewals, policies, bindings, rights };
}

const definitionName = `${resources.computeJobs.plural}.${resources.computeJobs.group}`;

async function look<T>(read: () => Promise<T>): Promise<Seen<T>> {
  try {
    return seen(await read());
  } catch (caught) {
    if (isNotFound(caught)) return { kind: 'absent' };
    const error = toKubeError(caught);
    if (hopeless.has(error.kind)) throw error;
    return { kind: 'unknown', why: error.body?.message ?? error.message };
  }
}

async function renewalsOf({ client, clock, listenMs }: ReadOptions): Promise<Renewals> {
  const read = async (): Promise<readonly Lease[]> =>
    (await client.listAll<Lease>(resources.leases, { namespace: machineLeaseNamespace })).items;
  const beganMs = clock.monotonic();
  const before = await read();
  // Without any there is nothing to listen for.
  if (before.length > 0) await clock.sleep(listenMs);
  return { before, after: await read(), apartMs: clock.monotonic() - beganMs };
}

async function askRights({ client, namespace }: ReadOptions): Promise<readonly AskedRight[]> {
  const left = [...rightsNeeded(namespace).entries()];
  const answers: AskedRight[] = [];
  const ask = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, right] = next;
      answers[index] = { ...right, allowed: await isAllowed(client, right, namespace) };
    }
  };
  await Promise.all(Array.from({ length: questionsAtATime }, ask));
  return answers;
}

async function isAllowed(client: KubeClient, right: Right, own: string): Promise<boolean> {
  const { account, verb, group, namespace, name } = right;
  const [resource = '', ...subresource] = right.resource.split('/');
  const review = {
    metadata: {},
    spec: {
      user: `system:serviceaccount:${own}:${account}`,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${own}`, 'system:authenticated'],
      resourceAttributes: { verb, group, resource, subresource: subresource.join('/'), namespace, name },
    },
  };
  const { status } = await client.create<{ readonly status?: { readonly allowed?: boolean } }>(
    resources.subjectAccessReviews,
    review,
  );
  return status?.allowed === true;
}
