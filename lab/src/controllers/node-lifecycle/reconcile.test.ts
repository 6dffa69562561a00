// The loss of a node against a started API server, with the times of Kubernetes shortened: silence, taints, pods, clean-up.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { coreEvents, namespaces, nodes, pods, serviceAccounts } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import {
  eventually,
  find,
  gone,
  joinNode,
  podBody,
  renewLease,
  startTestCluster,
  type TestCluster,
} from '../../control-plane/test-cluster.ts';
import { conditionOf } from '../../model/meta.ts';
import type { Node } from '../../model/node.ts';
import type { Pod } from '../../model/pod.ts';

const NS = 'lost';
const GRACE_MS = 3_000;
let cluster: TestCluster;
let client: KubeClient;

beforeAll(async () => {
  cluster = await startTestCluster({ nodeGraceMs: GRACE_MS, podGcPeriodMs: 200, podGcQuarantineMs: 400 });
  client = cluster.client;
  await client.create(namespaces, { metadata: { name: NS } });
  await eventually('the ServiceAccount', () => find(client, serviceAccounts, 'default', NS));
}, 60_000);
afterAll(() => cluster.stop(), 30_000);

const node = (name: string) => client.get<Node>(nodes, { name });
const taintsOf = async (name: string) =>
  ((await node(name)).spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);
const reasonsOn = async (name: string) =>
  (await client.listAll<{ involvedObject: { name: string }; reason: string }>(coreEvents)).items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason }) => reason);

/** A running, ready pod on a node, as its kubelet would report it. */
async function aRunningPod(name: string, nodeName: string, tolerationSeconds: number): Promise<void> {
  const tolerations = [
    { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds },
  ];
  await client.create(pods, podBody(name, NS, { nodeName, tolerations }));
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }];
  await client.mergePatch(
    pods,
    { namespace: NS, name },
    { status: { phase: 'Running', conditions } },
    { subresource: 'status' },
  );
}

describe('a node', () => {
  it('is tainted while it is cordoned', async () => {
    await joinNode(client, 'cordoned');
    await client.mergePatch(nodes, { name: 'cordoned' }, { spec: { unschedulable: true } });
    await eventually('the taint', async () =>
      (await taintsOf('cordoned')).includes('node.kubernetes.io/unschedulable:NoSchedule'),
    );
    await client.mergePatch(nodes, { name: 'cordoned' }, { spec: { unschedulable: null } });
    await eventually(
      'no taint',
      async () => !(await taintsOf('cordoned')).includes('node.kubernetes.io/unschedulable:NoSchedule'),
    );
    // As Kubernetes stores it: without a list, not with an empty one.
    expect((await node('cordoned')).spec).not.toHaveProperty('taints');
    expect(await reasonsOn('cordoned')).toContain('RegisteredNode');
  }, 30_000);

  it('stays ready while its lease is renewed, and is Unknown and tainted when it falls silent', async () => {
    await joinNode(client, 'quiet');
    const until = performance.now() + 2 * GRACE_MS;
    await eventually('two graces of heartbeats', async () => {
      await renewLease(client, 'quiet');
      expect(conditionOf((await node('quiet')).status?.conditions, 'Ready')?.status).toBe('True');
      return performance.now() > until;
    });
    const silent = await eventually('Unknown', async () => {
      const now = await node('quiet');
      return conditionOf(now.status?.conditions, 'Ready')?.status === 'Unknown' && now;
    });
    expect(conditionOf(silent.status?.conditions, 'Ready')).toMatchObject({
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
    expect(conditionOf(silent.status?.conditions, 'DiskPressure')?.reason).toBe('NodeStatusNeverUpdated');
    await eventually('both taints', async () => {
      const taints = await taintsOf('quiet');
      return ['NoSchedule', 'NoExecute'].every((effect) => taints.includes(`node.kubernetes.io/unreachable:${effect}`));
    });
  }, 30_000);
});

describe('pods of a lost node', () => {
  it('are marked, evicted after their toleration, and removed once the node is out of service', async () => {
    await joinNode(client, 'dead');
    await aRunningPod('short', 'dead', 1);
    await aRunningPod('long', 'dead', 3_600);
    const pod = (name: string) => client.get<Pod>(pods, { namespace: NS, name });
    await eventually(
      'not ready',
      async () => conditionOf((await pod('long')).status?.conditions, 'Ready')?.status === 'False',
    );
    const evicted = await eventually('eviction', async () => {
      const now = await pod('short');
      return now.metadata.deletionTimestamp !== undefined && now;
    });
    expect(conditionOf(evicted.status?.conditions, 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
    });
    expect((await pod('long')).metadata.deletionTimestamp).toBeUndefined();
    const reasons = await eventually('the events', async () => {
      const found = await reasonsOn('short');
      return found.includes('TaintManagerEviction') && found.includes('NodeNotReady') && found;
    });
    expect(reasons).not.toContain('FailedScheduling');
    const taints = [...((await node('dead')).spec?.taints ?? [])];
    const outOfService = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' };
    await client.mergePatch(nodes, { name: 'dead' }, { spec: { taints: [...taints, outOfService] } });
    await gone(client, pods, 'short', NS);
    await gone(client, pods, 'long', NS);
  }, 30_000);

  it('go with the Node object', async () => {
    await joinNode(client, 'removed');
    await aRunningPod('orphan', 'removed', 3_600);
    await client.delete(nodes, { name: 'removed' });
    await gone(client, pods, 'orphan', NS);
  }, 30_000);
});
