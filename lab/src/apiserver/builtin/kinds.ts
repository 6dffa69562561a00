// Every built-in kind that the server serves, as one list: reading it is knowing what this API offers.
// Workload kinds (Deployment, Job, DaemonSet) are absent on purpose: nothing here would run them.
import { customResourceDefinitions } from '../crd/kind.ts';
import type { ServedResource } from '../registry/types.ts';
import { clusterRoleBindings, clusterRoles, reviews, roleBindings, roles } from './access.ts';
import { admissionPolicies, admissionPolicyBindings } from './admission-policies.ts';
import { configMaps, secrets, serviceAccounts } from './configuration.ts';
import { disruptionBudgets, leases, priorityClasses } from './coordination.ts';
import { coreEvents, events } from './events.ts';
import { apiServices, mutatingWebhooks, validatingWebhooks } from './extension.ts';
import { namespaces } from './namespaces.ts';
import { networkPolicies } from './network-policies.ts';
import { endpoints, endpointSlices, services } from './networking.ts';
import { nodes } from './nodes.ts';
import { pods } from './pods.ts';
import { persistentVolumeClaims } from './storage.ts';

export const builtinKinds: readonly ServedResource[] = [
  configMaps,
  endpoints,
  coreEvents,
  namespaces,
  nodes,
  persistentVolumeClaims,
  pods,
  secrets,
  serviceAccounts,
  services,
  apiServices,
  events,
  ...reviews,
  disruptionBudgets,
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  mutatingWebhooks,
  validatingWebhooks,
  admissionPolicies,
  admissionPolicyBindings,
  customResourceDefinitions,
  priorityClasses,
  leases,
  endpointSlices,
  networkPolicies,
];
