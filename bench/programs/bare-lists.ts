// A client without logic that lists what the operator keeps in its caches, all kinds at once, in the operator's pages.

import process from 'node:process';
import { parseArgs } from 'node:util';
import * as resources from '@idlewild/operator/api/resources.ts';
import { KubeClient, type ListOptions } from '@idlewild/operator/kube/client.ts';
import { transportFromKubeConfig } from '@idlewild/operator/kube/credentials.ts';
import { managedSelector } from '@idlewild/operator/model/names.ts';

const { values } = parseArgs({ options: { kubeconfig: { type: 'string' } } });
process.channel?.ref();
process.once('SIGTERM', () => process.exit(0));
const client = new KubeClient(await transportFromKubeConfig(values.kubeconfig));
const ours = { labelSelector: managedSelector };
const lists: readonly (readonly [resources.ResourceType, ListOptions])[] = [
  [resources.nodes, {}],
  [resources.leases, { namespace: 'kube-node-lease' }],
  [resources.namespaces, {}],
  [resources.computeJobs, {}],
  [resources.virtualMachines, ours],
  [resources.virtualMachineInstances, ours],
  [resources.virtualMachineInstanceMigrations, {}],
  [resources.pods, {}],
];
// Kept until all are there, as caches would.
const read = await Promise.all(lists.map(([type, options]) => client.listAll(type, options)));
process.send?.({ listedAt: performance.timeOrigin + performance.now(), kinds: read.length });
