// The agent's own parts with a token that is bound to their machine, before a real API server with the chart's roles and policies.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from '@idlewild/agent/agent.ts';
import { bootClock } from '@idlewild/agent/fence/boot.ts';
import { Fence } from '@idlewild/agent/fence/fence.ts';
import { LeaseKeeper } from '@idlewild/agent/lease/keeper.ts';
import { GuestList } from '@idlewild/agent/owner/guests.ts';
import { OwnersWill } from '@idlewild/agent/owner/will.ts';
import { PolicySource } from '@idlewild/agent/presence/policy-source.ts';
import { HostSensors } from '@idlewild/agent/sensors/host.ts';
import { Throttle } from '@idlewild/agent/throttle/throttle.ts';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { bootstrap } from '@idlewild/lab/daemon/bootstrap.ts';
import { installKinds } from '@idlewild/lab/virt/manifests/install.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { pino } from 'pino';
import { until } from '../waiting.ts';
import type { AtWork } from './operator-at-work.ts';
import { RequestRecord } from './record.ts';

const system = 'idlewild-system';
const machine = 'pc-1';
/** Of a machine that has much else to do. */
const patienceMs = 90_000;
const log = pino({ level: 'silent' });
const caps = { cores: 2, memoryMiB: 2048, diskMiB: 2048, graphicsMiB: 0, gpus: 0, room: 'lab-a', dedicated: true };
const terms = {
  ...{ leaseSeconds: 16, renewSeconds: 0.2, requestTimeoutSeconds: 5, killAfterSeconds: 4 },
  ...{ switchAfterSeconds: 12, checkSeconds: 0.6, killSeconds: 0.5, sharedSeconds: 300 },
};

/** Resolves when it has joined, offered, renewed and been asked by its owner. The server and the account are still there. */
export async function agentAtWork(): Promise<AtWork> {
  const server = await TestServer.start();
  const admin = new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' }));
  await installKinds({ client: admin, log, clock: systemClock, signal: AbortSignal.timeout(60_000) });
  await bootstrap(admin, join(import.meta.dirname, '../../crds'));
  await admin.raw.close();
  await server.post('/api/v1/nodes', { metadata: { name: machine } });
  const { body } = await server.post(`/api/v1/namespaces/${system}/serviceaccounts/agent/token`, {
    spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Node', name: machine } },
  });
  const { token } = body['status'] as { token: string };
  const record = new RequestRecord();
  record.during = 'an agent that joins';
  const transport = record.on(transportFrom({ server: server.url, caPem: server.pki.caPem, token }));
  const client = new KubeClient(transport, { fieldManager: 'idlewild-agent' });
  const root = mkdtempSync(join(tmpdir(), 'iw-rights-'));
  const stop = new AbortController();
  try {
    const work = start(root, client, stop.signal);
    const offered = async (): Promise<boolean> =>
      (await server.get(`/api/v1/nodes/${machine}`)).metadata.labels?.['idlewild.dev/pool'] !== undefined;
    await until(offered, 'the machine is offered', patienceMs);
    const saw = (words: string): boolean =>
      record.all.some(({ attributes: { verb, resource } }) => `${verb} ${resource}` === words);
    for (const words of ['update leases', 'get configmaps']) await until(() => saw(words), words, patienceMs);
    await new GuestList({ client, machine, clock: systemClock, log }).list();
    stop.abort();
    await work;
  } finally {
    stop.abort();
    await transport.close();
    rmSync(root, { recursive: true, force: true });
  }
  const holder = { token, user: `system:serviceaccount:${system}:agent` };
  return { server, record, holder, stop: () => server.stop() };
}

async function start(root: string, client: KubeClient, signal: AbortSignal): Promise<void> {
  for (const dir of ['dev/input', 'proc/bus/input', 'run/idlewild', 'guests', 'state'])
    mkdirSync(join(root, dir), { recursive: true });
  writeFileSync(join(root, 'proc/bus/input/devices'), '');
  writeFileSync(join(root, 'run/utmp'), '');
  const places = { groups: [join(root, 'guests')], pods: [], proc: '/proc' };
  const [clock, boot] = [systemClock, bootClock()];
  const files = { file: join(root, 'run/idlewild/lease'), beat: join(root, 'run/idlewild/switch') };
  const fence = new Fence({ ...files, places, boot, clock, log });
  const keeper = new LeaseKeeper({
    ...{ machine, namespace: 'idlewild-machines', client, clock, boot, fence, terms, log },
    epoch: () => '0123456789abcdef',
    onChange: () => undefined,
  });
  const policy = new PolicySource({
    ...{ fallback: { mode: 'Always' as const, idleAfterMs: 500 }, room: caps.room, namespace: system },
    ...{ client, clock, log },
  });
  const sensors = new HostSensors({ root, clock, log });
  const agent = new Agent({
    ...{ machine, client, clock, log, sensors, policy, caps, lease: keeper, fence },
    will: new OwnersWill(join(root, 'state/will')),
    throttle: new Throttle({ ...places, owners: [], file: join(root, 'state/held-back.json'), log }),
  });
  await Promise.all([keeper.run(signal), agent.run(signal)]);
  sensors.close();
}
