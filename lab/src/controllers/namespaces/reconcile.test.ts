// Namespaces against a started API server: what a new one gets, and how one goes.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configMaps, namespaces, pods, serviceAccounts } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { KubeObject } from '@idlewild/operator/kube/object.ts';
import {
  defineWidgets,
  eventually,
  find,
  gone,
  podBody,
  startTestCluster,
  widgets,
  type TestCluster,
} from '../../control-plane/test-cluster.ts';
import { conditionOf } from '../../model/meta.ts';
import type { Namespace } from '../../model/namespace.ts';

let cluster: TestCluster;
let client: KubeClient;

beforeAll(async () => {
  cluster = await startTestCluster();
  client = cluster.client;
  await defineWidgets(client);
}, 60_000);
afterAll(() => cluster.stop(), 30_000);

async function aNamespace(name: string): Promise<void> {
  await client.create(namespaces, { metadata: { name } });
  await eventually('the default ServiceAccount', () => find(client, serviceAccounts, 'default', name));
}

describe('a new namespace', () => {
  it('gets its ServiceAccount and the CA, and gets them back', async () => {
    await aNamespace('fresh');
    const rootCa = () => find<{ data?: Record<string, string> }>(client, configMaps, 'kube-root-ca.crt', 'fresh');
    const made = await eventually('the CA', rootCa);
    expect(made.data?.['ca.crt']).toContain('BEGIN CERTIFICATE');
    await client.delete(serviceAccounts, { namespace: 'fresh', name: 'default' });
    await client.mergePatch(
      configMaps,
      { namespace: 'fresh', name: 'kube-root-ca.crt' },
      { data: { 'ca.crt': 'other' } },
    );
    await eventually('the ServiceAccount again', () => find(client, serviceAccounts, 'default', 'fresh'));
    await eventually('the CA again', async () => (await rootCa())?.data?.['ca.crt'] === made.data?.['ca.crt']);
  }, 30_000);
});

describe('a deleted namespace', () => {
  it('takes all of its content with it', async () => {
    await aNamespace('full');
    await client.create(configMaps, { metadata: { name: 'a', namespace: 'full' } });
    await client.create(widgets, { metadata: { name: 'a', namespace: 'full' } });
    await client.create(pods, podBody('waiting', 'full'));
    await client.delete(namespaces, { name: 'full' });
    await gone(client, namespaces, 'full');
    await aNamespace('full');
    expect(await find(client, configMaps, 'a', 'full')).toBeUndefined();
    expect(await find(client, widgets, 'a', 'full')).toBeUndefined();
  }, 30_000);

  it('says which finalizer holds it and goes when it is released', async () => {
    await aNamespace('held');
    const guarded = { metadata: { name: 'hold', namespace: 'held', finalizers: ['example.dev/guard'] } } as KubeObject;
    await client.create(widgets, guarded);
    await client.delete(namespaces, { name: 'held' });
    const { status } = await eventually('the conditions', async () => {
      const namespace = await client.get<Namespace>(namespaces, { name: 'held' });
      return conditionOf(namespace.status?.conditions, 'NamespaceFinalizersRemaining') && namespace;
    });
    expect(conditionOf(status?.conditions, 'NamespaceContentRemaining')).toMatchObject({
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: 'Some resources are remaining: widgets.example.dev has 1 resource instances',
    });
    expect(conditionOf(status?.conditions, 'NamespaceFinalizersRemaining')).toMatchObject({
      status: 'True',
      message: 'Some content in the namespace has finalizers remaining: example.dev/guard in 1 resource instances',
    });
    await client.mergePatch(widgets, { namespace: 'held', name: 'hold' }, { metadata: { finalizers: null } });
    await gone(client, namespaces, 'held');
  }, 30_000);
});
