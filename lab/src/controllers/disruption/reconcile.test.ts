// Disruption budgets against a started API server: an eviction is refused while the budget needs the pod and allowed when it does not.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { namespaces, podDisruptionBudgets, pods, serviceAccounts } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import {
  eventually,
  find,
  gone,
  podBody,
  startTestCluster,
  type TestCluster,
} from '../../control-plane/test-cluster.ts';
import type { DisruptionBudget } from './decide.ts';

const NS = 'budgeted';
let cluster: TestCluster;
let client: KubeClient;

beforeAll(async () => {
  cluster = await startTestCluster();
  client = cluster.client;
  await client.create(namespaces, { metadata: { name: NS } });
  await eventually('the ServiceAccount', () => find(client, serviceAccounts, 'default', NS));
}, 60_000);
afterAll(() => cluster.stop(), 30_000);

/** A pod that is bound to a node of the test's making, running and ready. */
async function aReadyPod(name: string): Promise<void> {
  const body = podBody(name, NS, { nodeName: 'n1' });
  await client.create(pods, { ...body, metadata: { ...body.metadata, labels: { app: 'db' } } });
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }];
  await client.mergePatch(
    pods,
    { namespace: NS, name },
    { status: { phase: 'Running', conditions } },
    { subresource: 'status' },
  );
}

const evict = (name: string) =>
  client.create(pods, { metadata: { name, namespace: NS } }, { namespace: NS, name, subresource: 'eviction' });

const allowed = (count: number) =>
  eventually(`${count} disruptions allowed`, async () => {
    const budget = await client.get<DisruptionBudget>(podDisruptionBudgets, { namespace: NS, name: 'db' });
    return budget.status?.observedGeneration !== undefined && budget.status.disruptionsAllowed === count;
  });

describe('a disruption budget', () => {
  it('protects the last healthy pod and lets a spare one go', async () => {
    await aReadyPod('db-1');
    await client.create(podDisruptionBudgets, {
      metadata: { name: 'db', namespace: NS },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'db' } } },
    } as { metadata: { name: string } });
    await allowed(0);
    await expect(evict('db-1')).rejects.toMatchObject({ kind: 'throttled' });
    await aReadyPod('db-2');
    await allowed(1);
    await evict('db-1');
    await allowed(0);
    await client.delete(pods, { namespace: NS, name: 'db-1' }, { gracePeriodSeconds: 0 });
    await gone(client, pods, 'db-1', NS);
    await expect(evict('db-2')).rejects.toMatchObject({ kind: 'throttled' });
  }, 30_000);
});
