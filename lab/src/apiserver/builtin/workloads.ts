// Kinds that the server can keep but nobody here would run: workloads, and ways into the cluster. They are served only where that is
// asked for, to see whether a chart could be installed; with them, nothing starts.

import type { ServedResource } from '../registry/types.ts';
import { ageColumn, defineKind } from './kind.ts';
import { builtinKinds } from './kinds.ts';

const kept = (group: string, plural: string, kind: string, shortNames: readonly string[]): ServedResource =>
  defineKind({
    group: group === 'networking' ? 'networking.k8s.io' : group,
    plural,
    kind,
    definition: `io.k8s.api.${group}.v1.${kind}`,
    namespaced: true,
    status: true,
    generation: true,
    shortNames,
    columns: [ageColumn],
  });

/** Everything that the server serves otherwise, and these. */
export const kindsWithWorkloads: readonly ServedResource[] = [
  ...builtinKinds,
  kept('apps', 'deployments', 'Deployment', ['deploy']),
  kept('apps', 'daemonsets', 'DaemonSet', ['ds']),
  kept('networking', 'ingresses', 'Ingress', ['ing']),
];
