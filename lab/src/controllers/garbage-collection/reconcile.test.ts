// Garbage collection against a started API server: what belongs to nobody goes, soon, and nothing else does.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configMaps, customResourceDefinitions, namespaces } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { KubeObject, OwnerReference } from '@idlewild/operator/kube/object.ts';
import {
  defineWidgets,
  eventually,
  find,
  gone,
  startTestCluster,
  widgets,
  type TestCluster,
} from '../../control-plane/test-cluster.ts';

const NS = 'collected';
let cluster: TestCluster;
let client: KubeClient;

beforeAll(async () => {
  cluster = await startTestCluster();
  client = cluster.client;
  await client.create(namespaces, { metadata: { name: NS } });
  await defineWidgets(client);
}, 60_000);
afterAll(() => cluster.stop(), 30_000);

const aWidget = (name: string, owners: readonly OwnerReference[] = []) =>
  client.create<KubeObject>(widgets, { metadata: { name, namespace: NS, ownerReferences: owners } } as KubeObject);
const aConfigMap = (name: string, owners: readonly OwnerReference[], finalizers: readonly string[] = []) =>
  client.create<KubeObject>(configMaps, {
    metadata: { name, namespace: NS, ownerReferences: owners, finalizers },
  } as KubeObject);
const ownedBy = (owner: KubeObject, parts: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: 'example.dev/v1',
  kind: 'Widget',
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  ...parts,
});
const atHome = (name: string) => ({ namespace: NS, name });

describe('garbage collection', () => {
  it('removes dependents of dependents when their owner goes, without being asked to look', async () => {
    const grandparent = await aWidget('grandparent');
    const parent = await aWidget('parent', [ownedBy(grandparent, { controller: true, blockOwnerDeletion: true })]);
    await aConfigMap('child', [ownedBy(parent)]);
    await client.delete(widgets, atHome('grandparent'));
    await gone(client, configMaps, 'child', NS);
    await gone(client, widgets, 'parent', NS);
  }, 30_000);

  it('removes an object whose owner never existed', async () => {
    const owner = await aWidget('namesake');
    await aConfigMap('stray', [ownedBy(owner, { uid: '00000000-0000-0000-0000-00000000dead' })]);
    await gone(client, configMaps, 'stray', NS);
    expect(await find(client, widgets, 'namesake', NS)).toBeDefined();
  }, 30_000);

  it('keeps what has another living owner and drops the reference to the dead one', async () => {
    const [first, second] = [await aWidget('first'), await aWidget('second')];
    await aConfigMap('shared', [ownedBy(first), ownedBy(second)]);
    await client.delete(widgets, atHome('first'));
    const owners = await eventually('one owner left', async () => {
      const left = (await client.get<KubeObject>(configMaps, atHome('shared'))).metadata.ownerReferences ?? [];
      return left.length === 1 && left;
    });
    expect(owners[0]?.uid).toBe(second.metadata.uid);
  }, 30_000);

  it('holds a foreground deletion until blocking dependents are gone', async () => {
    const owner = await aWidget('patient');
    await aConfigMap('slow', [ownedBy(owner, { blockOwnerDeletion: true })], ['example.dev/guard']);
    await client.delete(widgets, atHome('patient'), { propagationPolicy: 'Foreground' });
    await eventually('the dependent is going', async () => {
      const { metadata } = await client.get<KubeObject>(configMaps, atHome('slow'));
      return metadata.deletionTimestamp !== undefined;
    });
    expect((await client.get<KubeObject>(widgets, atHome('patient'))).metadata.finalizers).toEqual([
      'foregroundDeletion',
    ]);
    await client.mergePatch(configMaps, atHome('slow'), { metadata: { finalizers: null } });
    await gone(client, widgets, 'patient', NS);
  }, 30_000);

  it('sets dependents free when their owner is deleted with Orphan', async () => {
    const owner = await aWidget('leaving');
    await aConfigMap('free', [ownedBy(owner)]);
    await client.delete(widgets, atHome('leaving'), { propagationPolicy: 'Orphan' });
    await gone(client, widgets, 'leaving', NS);
    expect((await client.get<KubeObject>(configMaps, atHome('free'))).metadata.ownerReferences ?? []).toEqual([]);
  }, 30_000);

  it('removes what belonged to custom resources whose definition is deleted', async () => {
    const owner = await aWidget('defined');
    await aConfigMap('of-a-widget', [ownedBy(owner)]);
    await client.delete(customResourceDefinitions, { name: 'widgets.example.dev' });
    await gone(client, configMaps, 'of-a-widget', NS);
  }, 30_000);
});
