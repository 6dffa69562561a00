// Installs KubeVirt's objects, as virt-operator would. Every object is applied, so that doing it again changes nothing.
// Two halves, because virt-controller needs only the kinds, and the pointers to virt-api need its port.
import {
  apiServices,
  clusterRoleBindings,
  clusterRoles,
  customResourceDefinitions,
  mutatingWebhookConfigurations,
  namespaces,
  services,
  validatingWebhookConfigurations,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
  type ResourceType,
} from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { Logger } from 'pino';
import { definitions } from './kinds.ts';
import { KUBEVIRT_NAMESPACE, kubeVirtRef, kubeVirts, PLAYED_VERSION } from './resources.ts';
import { defaultBinding, roles } from './roles.ts';
import { pointers, type VirtApiAddress } from './webhooks.ts';

export interface InstallDeps {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const FIELD_MANAGER = 'virt-operator';
const POLL_MS = 50;

interface Applied {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

async function apply({ client }: InstallDeps, type: ResourceType, object: Applied): Promise<void> {
  try {
    await client.apply(type, object, { fieldManager: FIELD_MANAGER, force: true });
  } catch (error) {
    // Two installers at once: the other one has just written the same.
    if (!isConflict(error)) throw error;
    await client.apply(type, object, { fieldManager: FIELD_MANAGER, force: true });
  }
}

/** The kinds, the namespace, the roles and the KubeVirt object. Resolves when the kinds are served. Throws KubeError. */
export async function installKinds(deps: InstallDeps): Promise<void> {
  await Promise.all(definitions.map((definition) => apply(deps, customResourceDefinitions, definition)));
  await apply(deps, namespaces, {
    ...{ apiVersion: 'v1', kind: 'Namespace' },
    metadata: { name: KUBEVIRT_NAMESPACE },
  });
  await Promise.all(
    [virtualMachines, virtualMachineInstances, virtualMachineInstanceMigrations, kubeVirts].map((type) =>
      served(deps, type),
    ),
  );
  await Promise.all([
    ...roles.map((role) => apply(deps, clusterRoles, role)),
    apply(deps, clusterRoleBindings, defaultBinding),
    installKubeVirt(deps),
  ]);
}

/** Resolves when a kind can be listed: a definition is accepted before it is served. */
async function served({ client, clock, signal }: InstallDeps, type: ResourceType): Promise<void> {
  for (;;) {
    try {
      await client.list(type, { limit: 1, signal });
      return;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await clock.sleep(POLL_MS, signal);
    }
  }
}

/** The KubeVirt object is made once and then left to the admin: its configuration is read at start. */
async function installKubeVirt(deps: InstallDeps): Promise<void> {
  const { client } = deps;
  const configuration = { developerConfiguration: { useEmulation: true } };
  const taints = ['owner-present', 'lost', 'volatile'].map((name) => `idlewild.dev/${name}`);
  const workloads = { nodePlacement: { tolerations: taints.map((key) => ({ key, operator: 'Exists' })) } };
  try {
    await client.get(kubeVirts, kubeVirtRef);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await apply(deps, kubeVirts, {
      ...{ apiVersion: 'kubevirt.io/v1', kind: 'KubeVirt', spec: { configuration, workloads } },
      metadata: { ...kubeVirtRef },
    });
  }
  const status = {
    phase: 'Deployed',
    defaultArchitecture: 'amd64',
    observedKubeVirtVersion: PLAYED_VERSION,
    conditions: [
      { type: 'Available', status: 'True', reason: 'AllComponentsReady', message: 'All components are ready.' },
    ],
  };
  await client.mergePatch(kubeVirts, kubeVirtRef, { status }, { subresource: 'status' });
}

/** All of it: the kinds, then the webhooks and the aggregated API, which lead to `address`. Throws KubeError. */
export async function installVirt(deps: InstallDeps, address: VirtApiAddress): Promise<void> {
  await installKinds(deps);
  const { mutating, validating, service, apiService } = pointers(address);
  await apply(deps, services, service);
  await Promise.all([
    apply(deps, apiServices, apiService),
    apply(deps, mutatingWebhookConfigurations, mutating),
    apply(deps, validatingWebhookConfigurations, validating),
  ]);
}
