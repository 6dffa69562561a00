// The admission endpoints of virt-api: path to decision, with what each decision must read. Reads are live, not from a watch: an
// admission that believes an old state would let two migrations through.
import { randomUUID } from 'node:crypto';
import { pods, virtualMachineInstanceMigrations, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import type { VirtualMachineInstance } from '../../model/instance.ts';
import { VMI_NAME_LABEL, type Migration } from '../../model/migration.ts';
import type { LauncherPod } from '../../model/launcher-pod.ts';
import type { VirtConfig } from '../../model/virt-config.ts';
import { decideEviction } from './eviction.ts';
import { mutateInstance, validateInstanceUpdate, validateNewInstance } from './instance.ts';
import { mutateMachine, validateMachine } from './machine.ts';
import { mutateMigration, validateMigrationUpdate, validateNewMigration } from './migration.ts';
import { responseOf, type AdmissionRequest, type Verdict } from './verdict.ts';

export interface AdmissionDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly config: VirtConfig;
}

type Endpoint = (request: AdmissionRequest, deps: AdmissionDeps) => Verdict | Promise<Verdict>;

const LAUNCHER_PREFIX = 'virt-launcher';
const LONGEST_LABEL = 63;

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/virtualmachines-mutate': (request) => mutateMachine(request, { uuid: randomUUID(), serial: randomUUID() }),
  '/virtualmachines-validate': validateMachine,
  '/virtualmachineinstances-mutate': (request, { config, clock }) =>
    mutateInstance(request, config.evictionStrategy, clock.now()),
  '/virtualmachineinstances-validate-create': validateNewInstance,
  '/virtualmachineinstances-validate-update': validateInstanceUpdate,
  '/migration-mutate-create': mutateMigration,
  '/migration-validate-create': newMigration,
  '/migration-validate-update': validateMigrationUpdate,
  '/launcher-eviction-validate': eviction,
};

/** The response to an AdmissionReview sent to `path`, or undefined when there is no such endpoint. Throws KubeError from reads. */
export async function admit(path: string, request: AdmissionRequest, deps: AdmissionDeps): Promise<object | undefined> {
  const endpoint = Object.hasOwn(ENDPOINTS, path) ? ENDPOINTS[path] : undefined;
  if (!endpoint) return undefined;
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: responseOf(request, await endpoint(request, deps)),
  };
}

async function find<T>(
  client: KubeClient,
  type: ResourceType,
  namespace: string,
  name: string,
): Promise<T | undefined> {
  try {
    return await client.get<T>(type, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function newMigration(request: AdmissionRequest, { client }: AdmissionDeps): Promise<Verdict> {
  const namespace = request.namespace ?? '';
  const vmiName = (request.object as Migration).spec?.vmiName;
  if (!vmiName) return validateNewMigration(request, { vmi: undefined, siblings: [] });
  const selectable = vmiName.length <= LONGEST_LABEL;
  const [vmi, siblings] = await Promise.all([
    find<VirtualMachineInstance>(client, virtualMachineInstances, namespace, vmiName),
    client.list<Migration>(virtualMachineInstanceMigrations, {
      namespace,
      ...(selectable ? { labelSelector: `${VMI_NAME_LABEL}=${vmiName}` } : {}),
    }),
  ]);
  return validateNewMigration(request, { vmi, siblings: siblings.items });
}

async function eviction(request: AdmissionRequest, { client }: AdmissionDeps): Promise<Verdict> {
  const namespace = request.namespace ?? '';
  const name = request.name ?? '';
  if (!name.startsWith(LAUNCHER_PREFIX)) return { kind: 'allowed' };
  const pod = await find<LauncherPod>(client, pods, namespace, name);
  const owner = pod?.metadata.ownerReferences?.find((each) => each.kind === 'VirtualMachineInstance');
  const vmi = owner && (await find<VirtualMachineInstance>(client, virtualMachineInstances, namespace, owner.name));
  const { verdict, mark } = decideEviction(pod, vmi?.metadata.uid === owner?.uid ? vmi : undefined);
  if (mark !== undefined && vmi && request.dryRun !== true) {
    const patch = { metadata: { uid: vmi.metadata.uid }, status: { evacuationNodeName: mark } };
    await client.mergePatch(virtualMachineInstances, { namespace, name: vmi.metadata.name }, patch);
  }
  return verdict;
}
