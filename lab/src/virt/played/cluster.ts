// A control plane for tests: the lab's API server, controllers, scheduler, virt-controller and virt-api in this process, and machines
// that are played (machine.ts). Nothing of it is used by a running lab.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { namespaces } from '@idlewild/operator/api/resources.ts';
import { pino } from 'pino';
import { startApiServer } from '../../apiserver/server.ts';
import { KUBERNETES_SETTINGS } from '../../controllers/start.ts';
import { startControlPlane } from '../../control-plane/start.ts';
import { ensurePki, type Pki } from '../../pki/pki.ts';
import { startVirtApi } from '../api/start.ts';
import { startVirtControllers } from '../controller/start.ts';
import { PlayedMachine } from './machine.ts';

export const NAMESPACE = 'test';
const MASTERS = ['system:masters'];
const DEADLINE_MS = 20_000;
const POLL_MS = 20;

export interface TestCluster {
  /** A cluster admin: not one of KubeVirt's accounts. */
  readonly admin: KubeClient;
  readonly url: string;
  readonly pki: Pki;
  /** A client for a further user of the token file: alice has no rights. */
  readonly clientOf: (user: 'alice') => KubeClient;
  readonly addMachine: (name: string, labels?: Readonly<Record<string, string>>) => Promise<PlayedMachine>;
  readonly close: () => Promise<void>;
}

const tokenOf = (user: string): string => `token-of-${user.replaceAll(':', '-')}`;
const MACHINES = ['pc-1', 'pc-2', 'pc-3'].map((name) => `system:node:${name}`);

/** @param log "silent" unless a test is being studied. */
export async function startTestCluster(level = process.env['TEST_LOG'] ?? 'silent'): Promise<TestCluster> {
  const dir = await mkdtemp(join(tmpdir(), 'virt-test-'));
  const pki = await ensurePki(join(dir, 'pki'));
  const log = pino({ level }, pino.destination(2));
  const tokens = [
    ...['lab-admin', 'lab-controlplane'].map((user) => ({ token: tokenOf(user), user, groups: MASTERS })),
    ...MACHINES.map((user) => ({ token: tokenOf(user), user, groups: ['system:nodes', ...MASTERS] })),
    { token: tokenOf('alice'), user: 'alice', groups: [] },
  ];
  const server = await startApiServer({ dataDir: join(dir, 'apiserver'), tokens, pki, log });
  const stop = new AbortController();
  const clients: KubeClient[] = [];
  const clientOf = (user: string): KubeClient => {
    const transport = transportFrom({ server: server.url, caPem: pki.caPem, token: tokenOf(user), userAgent: user });
    const client = new KubeClient(transport, { fieldManager: user });
    clients.push(client);
    return client;
  };
  const client = clientOf('lab-controlplane');
  const admin = clientOf('lab-admin');
  await startControlPlane({
    ...{
      client,
      log,
      pki,
      clock: systemClock,
      signal: stop.signal,
      settings: { ...KUBERNETES_SETTINGS, nodeGraceMs: 600_000 },
    },
    parts: [startVirtControllers, startVirtApi],
  });
  await admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  const machines: PlayedMachine[] = [];
  return {
    admin,
    url: server.url,
    pki,
    clientOf,
    addMachine: async (name, labels = {}) => {
      const machine = new PlayedMachine({
        name,
        client: clientOf(`system:node:${name}`),
        pki,
        log,
        signal: stop.signal,
      });
      machines.push(machine);
      await machine.start(labels);
      return machine;
    },
    close: async () => {
      for (const machine of machines) machine.stop();
      stop.abort();
      await Promise.all(clients.map(async (each) => each.raw.close()));
      await server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Polls until `read` gives something that is not undefined or false; fails after 20 s with what was waited for. */
export async function until<T>(what: string, read: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`waited ${DEADLINE_MS} ms in vain for: ${what}`);
    await systemClock.sleep(POLL_MS);
  }
}
