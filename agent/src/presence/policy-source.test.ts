// Policies of lending beside a real API server: found, changed, spoilt and mended while the agent runs.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { pino } from 'pino';
import { createHttpsTransport } from '../https-transport.ts';
import { PolicySource } from './policy-source.ts';

const map = '/api/v1/namespaces/idlewild-system/configmaps';
const minute = 60_000;
const signal = new AbortController().signal;
const node = (labels: Record<string, string> = {}): Node =>
  ({ metadata: { name: 'pc-1', labels: { 'topology.kubernetes.io/zone': 'lab-a', ...labels } } }) as Node;

let server: TestServer;
let client: KubeClient;
let source: PolicySource;
let token = 'admin';
/** The source reads no more often than every 25 s. */
let laterMs = 0;

beforeAll(async () => {
  server = await TestServer.start();
  await server.post('/api/v1/namespaces', { metadata: { name: 'idlewild-system' } });
  client = new KubeClient(
    createHttpsTransport({ server: server.url, ca: server.pki.caPem, token: () => token, userAgent: 'test' }),
  );
});
afterAll(async () => {
  await client.raw.close();
  await server.stop();
});
beforeEach(async () => {
  await server.delete(map);
  const clock = { ...systemClock, monotonic: () => (laterMs += 30_000) };
  source = new PolicySource({
    fallback: { mode: 'WhenIdle', idleAfterMs: 10 * minute },
    room: undefined,
    namespace: 'idlewild-system',
    ...{ client, clock, log: pino({ level: 'silent' }) },
  });
});

const write = (text: string) =>
  server.patch(`${map}/idlewild-policy?fieldManager=admin&force=true`, 'apply', {
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'idlewild-policy' } },
    data: { 'policy.yaml': text },
  });

describe('the policy of a running agent', () => {
  it('is that of its flags while nobody has written another', async () => {
    expect(await source.read(node(), signal)).toBe(false);
    expect(source.current).toEqual({ mode: 'WhenIdle', idleAfterMs: 10 * minute });
  });

  it('follows the cluster, the room and the machine, and goes back', async () => {
    await write('default: {idleAfter: 5m}\nrooms:\n  lab-a:\n    lend: always # nobody sits there\n');
    expect(await source.read(node(), signal)).toBe(true);
    expect(source.current).toMatchObject({ mode: 'Always', idleAfterMs: 5 * minute });
    expect(await source.read(node({ 'idlewild.dev/lend': 'never' }), signal)).toBe(true);
    expect(source.current.mode).toBe('Never');
    await server.delete(map);
    expect(await source.read(node(), signal)).toBe(true);
    expect(source.current).toMatchObject({ mode: 'WhenIdle', idleAfterMs: 10 * minute });
  });

  it('that is spoilt lends only when the last good one and the flags would, and says why', async () => {
    await write('default: {lend: always, idleAfter: 20m}');
    await source.read(node(), signal);
    await write('default: {lend: always, idleAfter: forever}');
    expect(await source.read(node(), signal)).toBe(true);
    expect(source.current).toEqual({ mode: 'WhenIdle', idleAfterMs: 20 * minute });
    expect(source.problem).toContain(
      'ConfigMap idlewild-policy, policy.yaml: default.idleAfter: must be a duration from 1s to 168h',
    );
    await write('default: [');
    await source.read(node(), signal);
    expect(source.problem).toContain('policy.yaml: is not YAML');
    await write('default: {lend: always}');
    await source.read(node(), signal);
    expect([source.problem, source.current.mode]).toEqual([undefined, 'Always']);
  });

  it('stands while the cluster cannot be asked', async () => {
    await write('default: {lend: never}');
    await source.read(node(), signal);
    token = 'nobody';
    expect(await source.read(node(), signal)).toBe(false);
    expect(source.current.mode).toBe('Never');
  });
});
