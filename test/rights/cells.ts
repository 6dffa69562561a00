// The roles of the chart, taken apart: one cell for each verb on each resource that an account gets from a role.
// Promises: read from what the real helm renders; refuses a wildcard, which could not be taken apart.

import type { Manifest } from '@idlewild/lab/manifests/chart.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Role extends Manifest {
  readonly rules: readonly Rule[];
}

interface Binding extends Manifest {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly kind: string; readonly name: string }[];
}

export interface Cell {
  readonly role: Role;
  readonly group: string;
  /** With its subresource. */
  readonly resource: string;
  readonly verb: string;
  /** Where it counts; absent: everywhere. */
  readonly namespace?: string;
  /** The only object for which it counts. */
  readonly name?: string;
}

/** What is asked of the API server, as its authorizer sees it. */
export interface Attributes {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  readonly namespace?: string;
  readonly name?: string;
}

export const rolesOf = (manifests: readonly Manifest[]): readonly Role[] =>
  manifests.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role') as Role[];

/** Throws for a wildcard. */
export function cellsOfRole(role: Role, namespace?: string): Cell[] {
  return role.rules.flatMap(({ apiGroups, resources, resourceNames = [undefined], verbs }) => {
    if ([...apiGroups, ...resources, ...verbs].some((word) => word.includes('*')))
      throw new Error(`${role.kind} ${role.metadata.name} has a wildcard`);
    return apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) =>
          resourceNames.map((name) => ({
            ...{ role, group, resource, verb },
            ...(namespace === undefined ? {} : { namespace }),
            ...(name === undefined ? {} : { name }),
          })),
        ),
      ),
    );
  });
}

/** Everything that a service account of the chart may do. */
export function cellsOf(manifests: readonly Manifest[], account: string): Cell[] {
  const roles = rolesOf(manifests);
  return manifests.flatMap((manifest) => {
    if (manifest.kind !== 'ClusterRoleBinding' && manifest.kind !== 'RoleBinding') return [];
    const { roleRef, subjects, metadata } = manifest as Binding;
    if (!subjects.some(({ kind, name }) => kind === 'ServiceAccount' && name === account)) return [];
    const role = roles.find(
      ({ kind, metadata: own }) =>
        kind === roleRef.kind &&
        own.name === roleRef.name &&
        (kind === 'ClusterRole' || own.namespace === metadata.namespace),
    );
    if (role === undefined) throw new Error(`${manifest.kind} ${metadata.name} binds no role of the chart`);
    return cellsOfRole(role, metadata.namespace);
  });
}

export function allows(cell: Cell, asked: Attributes): boolean {
  return (
    cell.group === asked.group &&
    cell.resource === asked.resource &&
    cell.verb === asked.verb &&
    (cell.namespace === undefined || cell.namespace === asked.namespace) &&
    (cell.name === undefined || cell.name === asked.name)
  );
}

/** The rules of the cell's role, each a cell of its own, without that one. */
export function rulesWithout(cell: Cell): object[] {
  const same = (other: Cell): boolean =>
    other.group === cell.group &&
    other.resource === cell.resource &&
    other.verb === cell.verb &&
    other.name === cell.name;
  return cellsOfRole(cell.role)
    .filter((other) => !same(other))
    .map(({ group, resource, verb, name }) => ({
      apiGroups: [group],
      resources: [resource],
      verbs: [verb],
      ...(name === undefined ? {} : { resourceNames: [name] }),
    }));
}

/** "list pods", with where it counts: the name of a cell in tests. */
export function inWords({ group, resource, verb, namespace, name }: Attributes): string {
  const what = `${verb} ${resource}${group === '' ? '' : `.${group}`}`;
  return `${what}${name === undefined ? '' : ` ${name}`}${namespace === undefined ? '' : ` in ${namespace}`}`;
}
