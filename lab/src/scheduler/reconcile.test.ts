// The scheduler against a started API server: binding, waiting, and room that is never given twice.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { coreEvents, namespaces, nodes, pods, serviceAccounts } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import {
  eventually,
  find,
  joinNode,
  podBody,
  startTestCluster,
  type TestCluster,
} from '../control-plane/test-cluster.ts';
import { conditionOf } from '../model/meta.ts';
import type { Pod } from '../model/pod.ts';

const NS = 'placed';
let cluster: TestCluster;
let client: KubeClient;

beforeAll(async () => {
  cluster = await startTestCluster();
  client = cluster.client;
  await client.create(namespaces, { metadata: { name: NS } });
  await eventually('the ServiceAccount', () => find(client, serviceAccounts, 'default', NS));
  await joinNode(client, 'n1', { labels: { room: 'a' } });
  await joinNode(client, 'n2', { labels: { room: 'b' } });
}, 60_000);
afterAll(() => cluster.stop(), 30_000);

const asking = (memory: string) => ({
  containers: [{ name: 'main', image: 'none', resources: { requests: { memory } } }],
});
const pod = (name: string) => client.get<Pod>(pods, { namespace: NS, name });
const create = (name: string, spec: Readonly<Record<string, unknown>> = {}) =>
  client.create<Pod>(pods, podBody(name, NS, spec));
const remove = (name: string) => client.delete(pods, { namespace: NS, name }, { gracePeriodSeconds: 0 });
const bound = (name: string) => eventually(`${name} bound`, async () => (await pod(name)).spec.nodeName);
const refusal = (name: string) =>
  eventually(`${name} explained`, async () => {
    const condition = conditionOf((await pod(name)).status?.conditions, 'PodScheduled');
    return condition?.status === 'False' && condition;
  });

describe('the scheduler', () => {
  it('binds a pod to the node that it selects, and says so', async () => {
    await create('picky', { nodeSelector: { room: 'b' } });
    expect(await bound('picky')).toBe('n2');
    expect(conditionOf((await pod('picky')).status?.conditions, 'PodScheduled')?.status).toBe('True');
    const note = await eventually('the event', async () => {
      const { items } = await client.list<{ involvedObject: { name: string }; reason: string; message: string }>(
        coreEvents,
        { namespace: NS },
      );
      return items.find(({ involvedObject, reason }) => involvedObject.name === 'picky' && reason === 'Scheduled')
        ?.message;
    });
    expect(note).toBe(`Successfully assigned ${NS}/picky to n2`);
    await remove('picky');
  }, 30_000);

  it('explains why a pod waits, and binds it when a node appears that fits', async () => {
    await create('waiting', { nodeSelector: { room: 'c' } });
    const { reason, message } = await refusal('waiting');
    expect(reason).toBe('Unschedulable');
    expect(message).toBe(
      "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
    );
    await joinNode(client, 'n3', { labels: { room: 'c' } });
    expect(await bound('waiting')).toBe('n3');
    await remove('waiting');
    await client.delete(nodes, { name: 'n3' });
  }, 30_000);

  it('never gives the same room twice, and gives it to the next when it is free', async () => {
    const names = ['big-1', 'big-2', 'big-3', 'big-4'];
    await Promise.all(names.map((name) => create(name, asking('2Gi'))));
    const placed = await eventually('two placed and two refused', async () => {
      const all = await Promise.all(names.map(pod));
      const refused = all.filter(({ status }) => conditionOf(status?.conditions, 'PodScheduled')?.status === 'False');
      const there = all.filter(({ spec }) => spec.nodeName);
      return there.length === 2 && refused.length === 2 && there;
    });
    expect(placed.map(({ spec }) => spec.nodeName).sort()).toEqual(['n1', 'n2']);
    const leaving = placed[0]?.metadata.name ?? '';
    await remove(leaving);
    await eventually('the next one placed', async () => {
      const others = await Promise.all(names.filter((name) => name !== leaving).map(pod));
      return others.filter(({ spec }) => spec.nodeName).length === 2;
    });
    await Promise.all(names.filter((name) => name !== leaving).map(remove));
  }, 30_000);

  it('waits for scheduling gates', async () => {
    await create('gated', { schedulingGates: [{ name: 'example.dev/later' }] });
    await create('ungated');
    await bound('ungated');
    expect((await pod('gated')).spec.nodeName).toBeUndefined();
    await client.mergePatch(pods, { namespace: NS, name: 'gated' }, { spec: { schedulingGates: null } });
    await bound('gated');
  }, 30_000);
});
