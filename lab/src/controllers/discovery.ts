// What the API server serves: every listable, watchable and deletable resource, once per resource (preferred version).
// Read from the plain discovery documents, which every API server has. A group whose server does not answer is reported, never
// silently taken as empty.
import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import { toKubeError } from '@idlewild/operator/kube/errors.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';

export interface ServedType extends ResourceType {
  readonly verbs: readonly string[];
}

export interface Discovered {
  readonly types: readonly ServedType[];
  /** "group/version" of those whose documents could not be read, with the reason. */
  readonly failed: ReadonlyMap<string, string>;
}

interface ResourceList {
  readonly resources?: readonly { name: string; kind: string; namespaced: boolean; verbs: readonly string[] }[];
}

interface GroupList {
  readonly groups?: readonly {
    name: string;
    versions: readonly { version: string; groupVersion: string }[];
    preferredVersion?: { version: string };
  }[];
}

async function readDocument<T>(transport: Transport, path: string): Promise<T> {
  return (await transport.request({ method: 'GET', path })).body as T;
}

/** Reads discovery anew. Throws KubeError if the root documents cannot be read. */
export async function discover(transport: Transport): Promise<Discovered> {
  const { groups = [] } = await readDocument<GroupList>(transport, '/apis');
  const documents = [{ group: '', version: 'v1', path: '/api/v1' }];
  for (const { name, versions, preferredVersion } of groups) {
    const inOrder = [...versions].sort(
      (a, b) => Number(b.version === preferredVersion?.version) - Number(a.version === preferredVersion?.version),
    );
    for (const { version, groupVersion } of inOrder)
      documents.push({ group: name, version, path: `/apis/${groupVersion}` });
  }
  const failed = new Map<string, string>();
  const lists = await Promise.all(
    documents.map(async ({ group, version, path }) => {
      try {
        return { group, version, list: await readDocument<ResourceList>(transport, path) };
      } catch (error) {
        failed.set(group === '' ? version : `${group}/${version}`, toKubeError(error).message);
        return { group, version, list: {} };
      }
    }),
  );
  const seen = new Set<string>();
  const types: ServedType[] = [];
  for (const { group, version, list } of lists) {
    for (const { name: plural, kind, namespaced, verbs } of list.resources ?? []) {
      if (plural.includes('/') || seen.has(`${group}/${plural}`)) continue;
      seen.add(`${group}/${plural}`);
      types.push({ group, version, plural, kind, namespaced, verbs });
    }
  }
  return { types, failed };
}

/** The parts of Kubernetes that keep events for an hour anyway and that no owner needs to be followed into. */
const UNFOLLOWED = new Set(['/events', 'events.k8s.io/events']);

/** True if objects of this type can be followed and removed. */
export function isFollowable(type: ServedType): boolean {
  return (
    ['list', 'watch', 'delete'].every((verb) => type.verbs.includes(verb)) &&
    !UNFOLLOWED.has(`${type.group}/${type.plural}`)
  );
}

/** "group/plural": how a type is named wherever the version does not matter. */
export function typeName(type: ResourceType): string {
  return `${type.group}/${type.plural}`;
}

/** The served type of an owner reference's apiVersion and kind: the version may be another one of the same group. */
export function typeOfKind(types: readonly ServedType[], apiVersion: string, kind: string): ServedType | undefined {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  return types.find((type) => type.group === group && type.kind === kind);
}
