// For tests: an API server of the lab on a free port with the controllers and the scheduler beside it, in a directory of its own.
// Not part of a running lab.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { customResourceDefinitions, leases, nodes } from '@idlewild/operator/api/resources.ts';
import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import { microTime } from '@idlewild/operator/kube/micro-time.ts';
import { pino } from 'pino';
import { startApiServer } from '../apiserver/server.ts';
import { KUBERNETES_SETTINGS, type ControllerSettings } from '../controllers/start.ts';
import { NODE_LEASE_NAMESPACE } from '../model/node.ts';
import { ensurePki } from '../pki/pki.ts';
import { startControlPlane } from './start.ts';

const TOKEN = 'test-admin-token';

export interface TestCluster {
  readonly client: KubeClient;
  stop(): Promise<void>;
}

/** Starts both; `settings` shorten the times of Kubernetes. */
export async function startTestCluster(settings: Partial<ControllerSettings> = {}): Promise<TestCluster> {
  const dir = await mkdtemp(join(tmpdir(), 'idlewild-controlplane-'));
  const pki = await ensurePki(join(dir, 'pki'));
  const log = pino({ level: process.env['LAB_TEST_LOG'] ?? 'silent' });
  const server = await startApiServer({
    dataDir: join(dir, 'apiserver'),
    tokens: [{ token: TOKEN, user: 'lab-admin', groups: ['system:masters'] }],
    pki,
    log,
  });
  const transport = transportFrom({ server: server.url, caPem: pki.caPem, token: TOKEN });
  const client = new KubeClient(transport);
  const stop = new AbortController();
  await startControlPlane({
    client,
    log,
    clock: systemClock,
    signal: stop.signal,
    pki,
    settings: { ...KUBERNETES_SETTINGS, ...settings },
    parts: [],
  });
  return {
    client,
    async stop() {
      stop.abort();
      await transport.close();
      await server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const POLL_MS = 20;
const DEADLINE_MS = 15_000;

/** Polls until the question is answered with something; fails with the last answer's error after the deadline. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const until = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > until) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await systemClock.sleep(POLL_MS);
  }
}

/** The object, or undefined if there is none. */
export async function find<T>(
  client: KubeClient,
  type: ResourceType,
  name: string,
  namespace?: string,
): Promise<T | undefined> {
  try {
    return await client.get<T>(type, { name, namespace });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Resolves when the object does not exist (any more). */
export async function gone(client: KubeClient, type: ResourceType, name: string, namespace?: string): Promise<void> {
  await eventually(`${type.kind} ${name} gone`, async () => (await find(client, type, name, namespace)) === undefined);
}

export const widgets: ResourceType = {
  group: 'example.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};

/** Defines the custom resource `widgets.example.dev` and waits until it is served. */
export async function defineWidgets(client: KubeClient): Promise<void> {
  await client.create(customResourceDefinitions, {
    metadata: { name: 'widgets.example.dev' },
    spec: {
      group: 'example.dev',
      scope: 'Namespaced',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  } as { metadata: { name: string } });
  await eventually('widgets served', () =>
    client.list(widgets).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    }),
  );
}

/** Registers a ready node with a fresh lease, as a kubelet does. */
export async function joinNode(
  client: KubeClient,
  name: string,
  parts: { readonly labels?: Record<string, string>; readonly memory?: string } = {},
): Promise<void> {
  const nowText = new Date().toISOString().replace(/\.\d+Z/, 'Z');
  const room = { cpu: '4', memory: parts.memory ?? '3Gi', pods: '110' };
  const node = {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...parts.labels } },
    status: {
      capacity: room,
      allocatable: room,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'ok',
          lastHeartbeatTime: nowText,
          lastTransitionTime: nowText,
        },
      ],
    },
  };
  await client.create(nodes, node);
  await renewLease(client, name);
}

/** One heartbeat of a node. */
export async function renewLease(client: KubeClient, name: string): Promise<void> {
  const spec = { holderIdentity: name, leaseDurationSeconds: 8, renewTime: microTime(Date.now()) };
  const lease = { metadata: { name, namespace: NODE_LEASE_NAMESPACE }, spec };
  if (await find(client, leases, name, NODE_LEASE_NAMESPACE)) await client.mergePatch(leases, lease.metadata, { spec });
  else await client.create(leases, lease);
}

/** A pod with one container, to be created in a namespace that has its ServiceAccount. */
export function podBody(name: string, namespace: string, spec: Readonly<Record<string, unknown>> = {}) {
  return {
    metadata: { name, namespace },
    spec: { containers: [{ name: 'main', image: 'none' }], terminationGracePeriodSeconds: 1, ...spec },
  };
}
