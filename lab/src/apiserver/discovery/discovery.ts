// Discovery: which groups, versions and resources there are, as single lists and as the aggregated document that kubectl
// asks for first. Built from the registry and the API services; thrown away and rebuilt when either changes.
import { createHash } from 'node:crypto';
import { compareVersions } from '../crd/served.ts';
import type { ServingRegistry } from '../registry/registry.ts';
import type { Answer, HandleDiscovery, ServedResource } from '../registry/types.ts';
import { asString, isRecord, member } from '../schema/json.ts';
import { serverVersion } from './version.ts';

export interface DiscoveryOptions {
  /** `127.0.0.1:6443`: where clients reach the server, told in /api. */
  readonly address: () => string;
  /** The APIResourceList of an aggregated group version, as its own server answered; undefined while unknown. */
  readonly remoteResources?: (group: string, version: string) => unknown;
}

interface GroupVersion {
  readonly group: string;
  readonly version: string;
  /** Empty for a version that another server answers. */
  readonly resources: readonly ServedResource[];
  readonly remote: boolean;
}

interface ResourceEntry {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly storageVersionHash?: string;
}

const aggregatedType = /application\/json;\s*g=apidiscovery\.k8s\.io;\s*v=(v2|v2beta1);\s*as=APIGroupDiscoveryList/;

export function createDiscovery(registry: ServingRegistry, options: DiscoveryOptions): HandleDiscovery {
  return (path, accept) => {
    const aggregated = aggregatedType.exec(accept)?.[1];
    const clean = path.replace(/\/$/, '');
    switch (clean) {
      case '/version':
        return json(serverVersion);
      case '/api':
        if (aggregated !== undefined)
          return aggregatedList(
            groupsOf(registry).filter(({ group }) => group === ''),
            aggregated,
            options,
          );
        return json({
          kind: 'APIVersions',
          versions: ['v1'],
          serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: options.address() }],
        });
      case '/apis':
        if (aggregated !== undefined)
          return aggregatedList(
            groupsOf(registry).filter(({ group }) => group !== ''),
            aggregated,
            options,
          );
        return json({
          kind: 'APIGroupList',
          apiVersion: 'v1',
          groups: groupNames(registry).map((group) => groupDocument(registry, group)),
        });
      default:
        return groupOrVersion(registry, clean);
    }
  };
}

function groupOrVersion(registry: ServingRegistry, path: string): Answer | undefined {
  const [, root, group, version, more] = path.split('/');
  if (root === 'api' && group !== undefined && version === undefined) return resourceList(registry, '', group);
  if (root !== 'apis' || group === undefined || more !== undefined) return undefined;
  if (version !== undefined) return resourceList(registry, group, version);
  return groupNames(registry).includes(group)
    ? json({ kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(registry, group) })
    : undefined;
}

function json(body: unknown, contentType = 'application/json'): Answer {
  return { status: 200, headers: { 'content-type': contentType }, body: JSON.stringify(body) };
}

/** All group versions, preferred versions first inside their group, groups in the order of the registry. */
function groupsOf(registry: ServingRegistry): GroupVersion[] {
  const found = new Map<string, { group: string; version: string; resources: ServedResource[]; remote: boolean }>();
  for (const resource of registry.all()) {
    const key = `${resource.group}/${resource.version}`;
    const entry = found.get(key);
    if (entry) entry.resources.push(resource);
    else found.set(key, { group: resource.group, version: resource.version, resources: [resource], remote: false });
  }
  for (const service of registry.apiServices()) {
    if (!isRecord(member(service, 'spec', 'service'))) continue;
    const [group, version] = [asString(member(service, 'spec', 'group')), asString(member(service, 'spec', 'version'))];
    found.set(`${group}/${version}`, { group, version, resources: [], remote: true });
  }
  const order = [...new Set([...found.values()].map(({ group }) => group))];
  return [...found.values()].sort(
    (a, b) => order.indexOf(a.group) - order.indexOf(b.group) || compareVersions(a.version, b.version),
  );
}

function groupNames(registry: ServingRegistry): string[] {
  return [...new Set(groupsOf(registry).map(({ group }) => group))].filter((group) => group !== '');
}

function groupDocument(registry: ServingRegistry, group: string): Record<string, unknown> {
  const versions = groupsOf(registry)
    .filter((entry) => entry.group === group)
    .map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function resourceList(registry: ServingRegistry, group: string, version: string): Answer | undefined {
  const entry = groupsOf(registry).find((candidate) => candidate.group === group && candidate.version === version);
  if (!entry || entry.remote) return undefined;
  const resources = entry.resources.flatMap(entriesOf).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return json({
    kind: 'APIResourceList',
    ...(group !== '' && { apiVersion: 'v1' }),
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources,
  });
}

/** A short fingerprint of where a resource is stored, eight bytes in base64. */
function storageVersionHash(resource: ServedResource): string {
  return createHash('sha256')
    .update(`${resource.group}/${resource.storageVersion}/${resource.kind}`)
    .digest()
    .subarray(0, 8)
    .toString('base64');
}

/** The resource and its subresources. */
function entriesOf(resource: ServedResource): ResourceEntry[] {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories } = resource;
  const stored = verbs.includes('list');
  const own: ResourceEntry = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: [...verbs],
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(stored && { storageVersionHash: storageVersionHash(resource) }),
  };
  const below = { singularName: '', namespaced };
  const written = ['get', 'patch', 'update'];
  const entries = [own];
  if (resource.statusSubresource) entries.push({ name: `${plural}/status`, ...below, kind, verbs: written });
  if (resource.scale)
    entries.push({
      name: `${plural}/scale`,
      ...below,
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
      verbs: written,
    });
  for (const sub of resource.subresources ?? []) {
    const foreign = sub.group === undefined ? {} : { group: sub.group, version: sub.version ?? 'v1' };
    entries.push({ name: `${plural}/${sub.name}`, ...below, ...foreign, kind: sub.kind, verbs: sub.verbs });
  }
  return entries;
}

function aggregatedList(versions: readonly GroupVersion[], dialect: string, options: DiscoveryOptions): Answer {
  const items = [...new Set(versions.map(({ group }) => group))].map((group) => ({
    metadata: group === '' ? {} : { name: group },
    versions: versions.filter((entry) => entry.group === group).map((entry) => aggregatedVersion(entry, options)),
  }));
  const body = { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${dialect}`, metadata: {}, items };
  return json(body, `application/json;g=apidiscovery.k8s.io;v=${dialect};as=APIGroupDiscoveryList`);
}

function aggregatedVersion(entry: GroupVersion, options: DiscoveryOptions): Record<string, unknown> {
  if (!entry.remote)
    return {
      version: entry.version,
      resources: nested(entry.resources.flatMap(statedEntriesOf)),
      freshness: 'Current',
    };
  const list = member(options.remoteResources?.(entry.group, entry.version), 'resources');
  const known = Array.isArray(list);
  return {
    version: entry.version,
    resources: known ? nested(list as ResourceEntry[]) : [],
    freshness: known ? 'Current' : 'Stale',
  };
}

/** In the aggregated form Kubernetes names group and version of custom kinds, and not those of its own. */
function statedEntriesOf(resource: ServedResource): readonly ResourceEntry[] {
  const { group, version } = resource;
  return entriesOf(resource).map((entry) => (resource.custom ? { group, version, ...entry } : entry));
}

/** Resources with their subresources inside, as the aggregated form has them. */
function nested(entries: readonly ResourceEntry[]): unknown[] {
  const kindOf = (entry: ResourceEntry) => ({
    group: entry.group ?? '',
    version: entry.version ?? '',
    kind: entry.kind,
  });
  const parents = new Map(entries.filter(({ name }) => !name.includes('/')).map((entry) => [entry.name, entry]));
  const orphans = [...new Set(entries.map(({ name }) => name.split('/')[0] ?? ''))].filter(
    (name) => !parents.has(name),
  );
  const below = (name: string) =>
    entries
      .filter((entry) => entry.name.startsWith(`${name}/`))
      .map((entry) => ({
        subresource: entry.name.slice(name.length + 1),
        responseKind: kindOf(entry),
        verbs: entry.verbs,
      }));
  const whole = [...parents.values()].map((entry) => ({
    resource: entry.name,
    responseKind: kindOf(entry),
    scope: entry.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: entry.singularName,
    verbs: entry.verbs,
    ...(entry.shortNames && { shortNames: entry.shortNames }),
    ...(entry.categories && { categories: entry.categories }),
    ...(below(entry.name).length > 0 && { subresources: below(entry.name) }),
  }));
  const alone = orphans.map((name) => {
    const first = entries.find((entry) => entry.name.startsWith(`${name}/`));
    return {
      resource: name,
      scope: first?.namespaced === true ? 'Namespaced' : 'Cluster',
      singularResource: '',
      verbs: [],
      subresources: below(name),
    };
  });
  return [...whole, ...alone];
}
