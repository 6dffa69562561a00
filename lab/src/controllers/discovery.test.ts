// How served types are found and named.
import { describe, expect, it } from '@jest/globals';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { KubeError } from '@idlewild/operator/kube/errors.ts';
import { discover, isFollowable, typeName, typeOfKind, type ServedType } from './discovery.ts';

const ALL = ['create', 'delete', 'get', 'list', 'watch'];

/** A server that answers the given documents and 503 for everything else. */
function serving(documents: Readonly<Record<string, unknown>>): Transport {
  return {
    server: 'https://example.test',
    request: ({ path }) =>
      path in documents
        ? Promise.resolve({ status: 200, headers: {}, body: documents[path] })
        : Promise.reject(new KubeError(`GET ${path}: service unavailable`, { kind: 'server', status: 503 })),
    stream: () => Promise.reject(new Error('nothing is streamed here')),
    close: () => Promise.resolve(),
  };
}

describe('discovery', () => {
  it('takes each resource once, in the preferred version, and reports groups that do not answer', async () => {
    const found = await discover(
      serving({
        '/api/v1': {
          resources: [
            { name: 'pods', kind: 'Pod', namespaced: true, verbs: ALL },
            { name: 'pods/status', kind: 'Pod', namespaced: true, verbs: ['get'] },
          ],
        },
        '/apis': {
          groups: [
            {
              name: 'example.dev',
              versions: [
                { version: 'v1alpha1', groupVersion: 'example.dev/v1alpha1' },
                { version: 'v1', groupVersion: 'example.dev/v1' },
              ],
              preferredVersion: { version: 'v1' },
            },
            { name: 'down.dev', versions: [{ version: 'v1', groupVersion: 'down.dev/v1' }] },
          ],
        },
        '/apis/example.dev/v1': { resources: [{ name: 'widgets', kind: 'Widget', namespaced: true, verbs: ALL }] },
        '/apis/example.dev/v1alpha1': {
          resources: [
            { name: 'widgets', kind: 'Widget', namespaced: true, verbs: ALL },
            { name: 'gadgets', kind: 'Gadget', namespaced: false, verbs: ['get'] },
          ],
        },
      }),
    );
    expect(found.types.map(({ group, version, plural }) => `${group}/${version}/${plural}`)).toEqual([
      '/v1/pods',
      'example.dev/v1/widgets',
      'example.dev/v1alpha1/gadgets',
    ]);
    expect([...found.failed.keys()]).toEqual(['down.dev/v1']);
    expect(found.types.filter(isFollowable).map(typeName)).toEqual(['/pods', 'example.dev/widgets']);
    expect(typeOfKind(found.types, 'example.dev/v1alpha1', 'Widget')?.version).toBe('v1');
    expect(typeOfKind(found.types, 'v1', 'Widget')).toBeUndefined();
  });

  it('fails when the root cannot be read', async () => {
    await expect(discover(serving({}))).rejects.toMatchObject({ kind: 'server' });
  });

  it('does not follow events', () => {
    const events: ServedType = {
      group: '',
      version: 'v1',
      plural: 'events',
      kind: 'Event',
      namespaced: true,
      verbs: ALL,
    };
    expect(isFollowable(events)).toBe(false);
  });
});
