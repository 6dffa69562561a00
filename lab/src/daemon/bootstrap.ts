// What the lab puts into a fresh API server before anything else runs: the definition of ComputeJob, the operator's namespace, the
// roles and policies of the chart, and those of the lab's own machines. Applied, so that doing it again changes nothing.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  clusterRoleBindings,
  clusterRoles,
  customResourceDefinitions,
  namespaces,
  nodes,
  roleBindings,
  roles,
  serviceAccounts,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  virtualMachines,
  type ResourceType,
} from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isNotFound, toKubeError } from '@idlewild/operator/kube/errors.ts';
import { parseAllDocuments } from 'yaml';
import { chartRights, type Manifest } from '../manifests/chart.ts';

const fieldManager = 'idlewild-lab';
export const operatorNamespace = 'idlewild-system';

const types: readonly ResourceType[] = [
  namespaces,
  serviceAccounts,
  customResourceDefinitions,
  clusterRoles,
  clusterRoleBindings,
  roles,
  roleBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
];

/**
 * @param rights the roles and policies of the program; those of the chart unless given.
 * Throws when a manifest holds a kind that the lab does not install, or the API server refuses one.
 */
export async function bootstrap(client: KubeClient, crdDir: string, rights = chartRights()): Promise<void> {
  const chart = await rights;
  await apply(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: operatorNamespace } });
  for (const dir of [crdDir, join(import.meta.dirname, '..', 'manifests')]) {
    for (const file of readdirSync(dir).sort()) {
      if (!file.endsWith('.yaml')) continue;
      for (const document of parseAllDocuments(readFileSync(join(dir, file), 'utf8'))) {
        const manifest = document.toJS() as Manifest | null;
        if (manifest !== null) await apply(client, manifest);
      }
    }
  }
  for (const manifest of chart) await apply(client, manifest);
}

async function apply(client: KubeClient, manifest: Manifest): Promise<void> {
  const type = types.find(
    ({ kind, group, version }) =>
      kind === manifest.kind && manifest.apiVersion === (group === '' ? version : `${group}/${version}`),
  );
  if (type === undefined) throw new Error(`${manifest.kind} ${manifest.metadata.name}: the lab installs no such kind`);
  await client.apply(type, manifest, { fieldManager, force: true });
}

export const approvalLabel = 'node-restriction.kubernetes.io/idlewild-approved';

/** Says in the admin's name that the machine may take jobs. False while the machine has not registered. */
export async function approve(client: KubeClient, machine: string): Promise<boolean> {
  try {
    await client.mergePatch(nodes, { name: machine }, { metadata: { labels: { [approvalLabel]: 'true' } } });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** True once a virtual machine would be accepted, which takes the whole chain: the kind, the webhooks and who answers them. */
export async function takesVirtualMachines(client: KubeClient): Promise<boolean> {
  const metadata = { name: 'lab-readiness', namespace: 'default' };
  const template = { spec: { domain: { devices: {}, memory: { guest: '64Mi' } } } };
  try {
    await client.create(virtualMachines, { metadata, spec: { runStrategy: 'Halted', template } } as never, {
      dryRun: true,
    });
    return true;
  } catch (error) {
    if (['notFound', 'server', 'timeout', 'network', 'throttled'].includes(toKubeError(error).kind)) return false;
    throw error;
  }
}
