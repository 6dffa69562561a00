// A machine joins, is approved, its Node is deleted, and a machine of the same name joins: with the agent as the program that it is,
// the roles and policies as they are installed, and the operator's part in approval.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Approval } from './reconcile.ts';
import type { Deps } from '../deps.ts';
import { KubeClient } from '../kube/client.ts';
import { systemClock } from '../kube/clock.ts';
import { Controller } from '../kube/controller.ts';
import { transportFrom } from '../kube/credentials.ts';
import { World } from '../world/world.ts';
import { pino } from 'pino';
import { eventually, TestServer, type TestAnswer } from '@idlewild/lab/apiserver/test-server.ts';
import { AgentTokens } from '@idlewild/lab/daemon/agent-tokens.ts';
import { bootstrap } from '@idlewild/lab/daemon/bootstrap.ts';

const log = pino({ level: 'silent' });
const name = 'pc-4';
const node = `/api/v1/nodes/${name}`;
const lease = `/apis/coordination.k8s.io/v1/namespaces/idlewild-machines/leases/${name}`;
const approval = 'node-restriction.kubernetes.io/idlewild-approved';
const agentProgram = join(import.meta.dirname, '../../../agent/src/main.ts');

let server: TestServer;
let client: KubeClient;
let agent: ChildProcess;
let uid: string | undefined;
const root = mkdtempSync(join(tmpdir(), 'iw-rejoin-'));
const over = new AbortController();
const events: string[] = [];

beforeAll(async () => {
  server = await TestServer.start();
  client = new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' }));
  await bootstrap(client, join(import.meta.dirname, '../../../crds'));
  void new AgentTokens({ client, nodeUid: () => uid, say: () => undefined, signal: over.signal }).keep(
    name,
    join(root, 'token'),
  );
  runApproval();
  for (const dir of ['dev/input', 'proc/bus/input', 'run']) mkdirSync(join(root, dir), { recursive: true });
  writeFileSync(join(root, 'proc/bus/input/devices'), '');
  writeFileSync(join(root, 'ca.pem'), server.pki.caPem);
  const flags = {
    ...{ node: name, server: server.url, 'ca-file': join(root, 'ca.pem'), 'token-file': join(root, 'token'), root },
    ...{ 'state-dir': join(root, 'state'), socket: join(root, 'owner.sock'), 'log-level': 'silent' },
    ...{ cores: 1, 'memory-mib': 1024, 'disk-mib': 1024, room: 'lab-a' },
  };
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
  agent = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', agentProgram, ...args, '--dedicated'], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: 'inherit',
  });
}, 60_000);
afterAll(async () => {
  over.abort();
  if (agent.exitCode === null && agent.signalCode === null) {
    agent.kill('SIGKILL');
    await once(agent, 'exit');
  }
  await client.raw.close();
  await server.stop();
  rmSync(root, { recursive: true, force: true });
}, 60_000);

/** As the operator runs it, of which nothing else is needed here. */
function runApproval(): void {
  const world = new World({ client, log, clock: systemClock });
  const ledger = { machine: (_node: unknown, { reason }: { readonly reason: string }) => void events.push(reason) };
  const worker = new Approval({ client, world, clock: systemClock, log, ledger } as unknown as Deps);
  const controller = new Controller({ name: 'approval', reconcile: worker.reconcile, log });
  const { nodes, agentLeases } = world.informers;
  nodes.onChange((change) => {
    if (worker.concerns(change)) controller.enqueue(change.object.metadata.name);
  });
  agentLeases.onChange(({ object }) => controller.enqueue(object.metadata.name));
  for (const each of [nodes, agentLeases, controller]) void each.run(over.signal);
}

async function register(): Promise<string> {
  const { metadata } = await server.post('/api/v1/nodes', { metadata: { name } });
  uid = metadata.uid;
  return uid ?? '';
}

const taints = ({ body }: TestAnswer): string[] =>
  ((body['spec'] as { taints?: { key: string }[] } | undefined)?.taints ?? []).map(({ key }) => key);
const isOffered = ({ metadata }: TestAnswer): boolean => metadata.labels?.['idlewild.dev/pool'] === 'on';
const isPending = (answer: TestAnswer): boolean => taints(answer).includes('idlewild.dev/pending-approval');
const isHeld = ({ body, metadata }: TestAnswer): boolean =>
  String((body['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity).startsWith(`${name}_`) &&
  metadata.ownerReferences?.[0]?.uid === uid;
const read = (path: string) => () => server.get(path);

describe('a machine', () => {
  it('joins, is approved, and joins anew after its Node was deleted, as somebody whom nobody has approved', async () => {
    const first = await register();
    await eventually(read(node), (answer) => isOffered(answer) && isPending(answer));
    const held = await eventually(read(lease), isHeld);
    await server.patch(node, 'merge', { metadata: { labels: { [approval]: 'true' } } });
    await eventually(read(node), (answer) => !isPending(answer));

    await server.delete(node);
    // By the collector of garbage, as its owner is gone.
    await server.delete(lease);
    expect(await register()).not.toBe(first);
    const again = await eventually(read(node), (answer) => isOffered(answer) && isPending(answer));
    expect(again.metadata.labels?.[approval]).toBeUndefined();
    const anew = await eventually(read(lease), isHeld);
    expect(anew.metadata.uid).not.toBe(held.metadata.uid);
    await server.patch(node, 'merge', { metadata: { labels: { [approval]: 'true' } } });
    await eventually(read(node), (answer) => !isPending(answer));
    expect(events).toEqual(['MachinePending', 'MachineApproved', 'MachinePending', 'MachineApproved']);
  }, 120_000);

  it('is shut out when it is revoked: its lease ends, and its agent can make no other', async () => {
    await server.patch(node, 'merge', { metadata: { labels: { [approval]: 'revoked' } } });
    await eventually(read(lease), ({ status }) => status === 404);
    expect(events.slice(-2)).toEqual(['MachineRevoked', 'MachineShutOut']);
    // Its agent tries again and again, for longer than the lease would have lasted.
    const end = performance.now() + 5_000;
    while (performance.now() < end) {
      expect((await server.get(lease)).status).toBe(404);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await server.patch(node, 'merge', { metadata: { labels: { [approval]: 'true' } } });
    await eventually(read(lease), isHeld);
  }, 60_000);
});
