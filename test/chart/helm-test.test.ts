// `helm test` as the documents say, by the real helm against the lab's API server. No kubelet is there: this test says how pods ended.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { Cluster, type Result } from '@idlewild/lab/apiserver/conformance/cluster.ts';
import { until } from '../waiting.ts';

const chart = join(import.meta.dirname, '../../charts/idlewild');
const system = ['-n', 'idlewild-system'];

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ workloads: true });
  const { code, stderr } = await cluster.helm(['install', 'idlewild', chart, ...system, '--create-namespace']);
  if (code !== 0) throw new Error(stderr);
  // What the controller of accounts does, as none runs here.
  await cluster.ok(['create', 'serviceaccount', 'default', ...system]);
}, 120_000);
afterAll(() => cluster.stop());

/** @param phases by pod, in the order in which helm starts them. */
async function test(phases: Readonly<Record<string, 'Succeeded' | 'Failed'>>): Promise<Result> {
  const result = cluster.helm(['test', 'idlewild', ...system, '--timeout', '60s']);
  for (const [pod, phase] of Object.entries(phases)) {
    await until(async () => (await cluster.kubectl(['get', 'pod', pod, ...system])).code === 0, pod);
    const status = JSON.stringify({ status: { phase } });
    await cluster.ok(['patch', 'pod', pod, ...system, '--subresource=status', '-p', status]);
  }
  return result;
}

const left = (): Promise<string> => {
  const kinds = 'pods,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings';
  const ours = 'app.kubernetes.io/component in (preflight, test)';
  return cluster.ok(['get', kinds, '--all-namespaces', '-o', 'name', '-l', ours]);
};

describe('helm test', () => {
  it('succeeds and leaves nothing when all is well', async () => {
    const { code, stdout } = await test({ 'idlewild-preflight': 'Succeeded', 'idlewild-test': 'Succeeded' });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/Phase: +Succeeded/) });
    expect(await left()).toBe('');
  }, 120_000);

  it('fails and leaves the pod whose log says why when something is missing', async () => {
    const { code, stderr } = await test({ 'idlewild-preflight': 'Failed' });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('idlewild-preflight') });
    expect(await left()).toContain('pod/idlewild-preflight\n');
  }, 120_000);
});
