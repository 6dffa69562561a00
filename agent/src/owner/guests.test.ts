// Whose guests an owner is told of.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { definitions } from '@idlewild/lab/virt/manifests/kinds.ts';
import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { customResourceDefinitions, namespaces, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { FakeClock, systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { collectionPath } from '@idlewild/operator/kube/paths.ts';
import { pino } from 'pino';
import { GuestList } from './guests.ts';

const log = pino({ level: 'silent' });
const clock = new FakeClock();
let server: TestServer;
let client: KubeClient;
let list: GuestList;

beforeAll(async () => {
  server = await TestServer.start();
  client = new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' }));
  for (const definition of definitions) await client.create(customResourceDefinitions, definition as never);
  const deadline = performance.now() + 30_000;
  while ((await server.get(collectionPath(virtualMachineInstances, undefined))).status !== 200) {
    if (performance.now() > deadline) throw new Error('the kinds of KubeVirt are not served');
    await systemClock.sleep(20);
  }
  await client.create(namespaces, { metadata: { name: 'physics' } });
  list = new GuestList({ client, machine: 'pc-4', clock, log });
}, 60_000);
afterAll(async () => {
  await client.raw.close();
  await server.stop();
});

const began = '2026-03-04T12:00:00Z';
async function guest(name: string, node: string, job: string | undefined, status: object): Promise<void> {
  const labels = { 'kubevirt.io/nodeName': node, ...(job === undefined ? {} : { 'idlewild.dev/job': job }) };
  const spec = { domain: { devices: {} } };
  const object = { metadata: { name, namespace: 'physics', labels }, spec, status };
  await client.create<VirtualMachineInstance>(virtualMachineInstances, object as never);
}

describe('the guests of a machine', () => {
  it('are those that are on it, by job, with what they do and since when', async () => {
    expect(await list.list()).toEqual([]);
    const phaseTransitionTimestamps = [{ phase: 'Running', phaseTransitionTimestamp: began }];
    await guest('lattice-1', 'pc-4', 'lattice', { phase: 'Running', phaseTransitionTimestamps });
    await guest('sweep-2', 'pc-4', 'sweep', { phase: 'Scheduled' });
    await guest('own', 'pc-4', undefined, { phase: 'Running', evacuationNodeName: 'pc-4' });
    await guest('over-1', 'pc-4', 'over', { phase: 'Succeeded' });
    await guest('else-1', 'pc-5', 'else', { phase: 'Running' });
    expect(await list.list()).toEqual([]);
    await clock.advance(5_000);
    const guests = await list.list();
    expect(guests).toContainEqual({ namespace: 'physics', job: 'lattice', state: 'running', since: began });
    expect(guests?.map(({ job, state }) => `${job} ${state}`).sort()).toEqual([
      'lattice running',
      'own leaving',
      'sweep starting',
    ]);
  }, 60_000);

  it('are unknown, not none, while the cluster is away', async () => {
    const nowhere = new KubeClient(transportFrom({ server: 'http://127.0.0.1:1', token: 'x' }));
    const lost = new GuestList({ client: nowhere, machine: 'pc-4', clock, log });
    expect(await lost.list()).toBeUndefined();
    await nowhere.raw.close();
  }, 30_000);
});
