import { describe, expect, it } from '@jest/globals';
import { createDiscovery } from '../discovery/discovery.ts';
import { reconcileCrds } from '../crd/lifecycle.ts';
import { createRegistry } from '../registry/registry.ts';
import type { ApiObject } from '../registry/types.ts';
import { isRecord, member } from '../schema/json.ts';
import { gearDefinition } from '../test-server.ts';
import { createOpenApi } from './openapi.ts';

function read(path: string, accept = 'application/json'): unknown {
  const answer = createOpenApi(createRegistry())(path, accept, undefined);
  if (!answer) throw new Error(`${path} is not answered`);
  return JSON.parse(String(answer.body));
}

function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    key === '$ref' && typeof child === 'string' ? [child] : references(child),
  );
}

describe('OpenAPI', () => {
  it('lists every group version that is served, with a hash', () => {
    const registry = createRegistry();
    const { paths } = JSON.parse(String(createOpenApi(registry)('/openapi/v3', '', undefined)?.body)) as {
      paths: Record<string, { serverRelativeURL: string }>;
    };
    const wanted = new Set(
      registry.all().map(({ group, version }) => (group === '' ? `api/${version}` : `apis/${group}/${version}`)),
    );
    expect(new Set(Object.keys(paths))).toEqual(wanted);
    expect(paths['api/v1']?.serverRelativeURL).toMatch(/^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]{128}$/);
  });

  it.each([
    '/openapi/v3/api/v1',
    '/openapi/v3/apis/apiextensions.k8s.io/v1',
    '/openapi/v3/apis/apiregistration.k8s.io/v1',
    '/openapi/v2',
  ])('refers in %s to nothing that is missing', (path) => {
    const document = read(path);
    const schemas =
      path === '/openapi/v2' ? member(document, 'definitions') : member(document, 'components', 'schemas');
    const names = new Set(references(document).map((reference) => reference.split('/').at(-1) ?? ''));
    expect(names.size).toBeGreaterThan(0);
    expect([...names].filter((name) => !isRecord(schemas) || !Object.hasOwn(schemas, name))).toEqual([]);
  });

  it('says how the lists of a pod merge, and what a patch may be', () => {
    const document = read('/openapi/v3/api/v1');
    const containers = member(
      document,
      'components',
      'schemas',
      'io.k8s.api.core.v1.PodSpec',
      'properties',
      'containers',
    );
    expect(containers).toMatchObject({
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-list-map-keys': ['name'],
    });
    const patch = member(document, 'paths', '/api/v1/namespaces/{namespace}/pods/{name}', 'patch');
    expect(member(patch, 'requestBody', 'content')).toHaveProperty(['application/strategic-merge-patch+json']);
    expect(patch).toMatchObject({ 'x-kubernetes-group-version-kind': { group: '', version: 'v1', kind: 'Pod' } });
  });

  it('keeps the extensions of a custom kind and refers to the metadata of all', () => {
    const registry = createRegistry();
    const definition = { ...structuredClone(gearDefinition), metadata: { name: 'gears.test.dev', uid: 'u' } };
    registry.setCustomResourceDefinitions(reconcileCrds([definition as unknown as ApiObject], 0));
    const answer = createOpenApi(registry)('/openapi/v3/apis/test.dev/v1', 'application/json', undefined);
    const gear = member(JSON.parse(String(answer?.body)), 'components', 'schemas', 'dev.test.v1.Gear');
    expect(gear).toMatchObject({
      'x-kubernetes-selectable-fields': [{ fieldPath: 'spec.mode' }],
      properties: {
        metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] },
        spec: {
          properties: { parts: { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] } },
        },
      },
    });
  });

  it('answers 304 to the tag of what it would send', () => {
    const answer = createOpenApi(createRegistry());
    const tag = answer('/openapi/v3/api/v1', '', undefined)?.headers['etag'];
    expect(answer('/openapi/v3/api/v1', '', tag)?.status).toBe(304);
  });

  it('does not answer for group versions that are not served', () => {
    expect(createOpenApi(createRegistry())('/openapi/v3/apis/apps/v1', '', undefined)).toBeUndefined();
  });
});

describe('discovery', () => {
  const handle = createDiscovery(createRegistry(), { address: () => '127.0.0.1:1' });
  const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

  it('lists resources with their subresources', () => {
    const body = JSON.parse(String(handle('/api/v1', '')?.body)) as {
      resources: { name: string; kind: string; group?: string }[];
    };
    expect(body.resources.find(({ name }) => name === 'pods/eviction')).toMatchObject({
      kind: 'Eviction',
      group: 'policy',
    });
    expect(body.resources.map(({ name }) => name)).not.toContain('replicationcontrollers');
  });

  it('aggregates when asked to', () => {
    const answer = handle('/apis', aggregated);
    expect(answer?.headers['content-type']).toBe(
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    );
    const { items } = JSON.parse(String(answer?.body)) as {
      items: { metadata: { name: string }; versions: unknown[] }[];
    };
    expect(items.find(({ metadata }) => metadata.name === 'policy')?.versions).toEqual([
      {
        version: 'v1',
        freshness: 'Current',
        resources: [
          {
            resource: 'poddisruptionbudgets',
            responseKind: { group: '', version: '', kind: 'PodDisruptionBudget' },
            scope: 'Namespaced',
            singularResource: 'poddisruptionbudget',
            verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
            shortNames: ['pdb'],
            subresources: [
              {
                subresource: 'status',
                responseKind: { group: '', version: '', kind: 'PodDisruptionBudget' },
                verbs: ['get', 'patch', 'update'],
              },
            ],
          },
        ],
      },
    ]);
  });

  it('leaves unknown groups to the server', () => {
    expect(handle('/apis/nope.dev', '')).toBeUndefined();
    expect(handle('/apis/nope.dev/v1', '')).toBeUndefined();
  });

  it('shows an aggregated version as stale until its server has answered', () => {
    const registry = createRegistry();
    registry.setApiServices([
      { spec: { group: 'sub.example.dev', version: 'v1', service: { name: 's', namespace: 'n' } } },
    ]);
    const versionOf = (remote: unknown) => {
      const answer = createDiscovery(registry, { address: () => '', remoteResources: () => remote })(
        '/apis',
        aggregated,
      );
      const { items } = JSON.parse(String(answer?.body)) as {
        items: { metadata: { name: string }; versions: { freshness: string; resources: unknown[] }[] }[];
      };
      return items.find(({ metadata }) => metadata.name === 'sub.example.dev')?.versions[0];
    };
    expect(versionOf(undefined)).toEqual({ version: 'v1', resources: [], freshness: 'Stale' });
    const list = {
      resources: [{ name: 'lamps/light', singularName: '', namespaced: true, kind: 'Lamp', verbs: ['get'] }],
    };
    expect(versionOf(list)).toMatchObject({
      freshness: 'Current',
      resources: [{ resource: 'lamps', subresources: [{ subresource: 'light' }] }],
    });
  });
});
