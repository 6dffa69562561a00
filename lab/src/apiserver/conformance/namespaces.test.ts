import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { pino } from 'pino';
import { startControlPlane } from '../../control-plane/start.ts';
import { KUBERNETES_SETTINGS } from '../../controllers/start.ts';
import { Cluster } from './cluster.ts';
import { pod } from './objects.ts';

jest.setTimeout(60_000);

describe('kubectl beside the control plane', () => {
  const stop = new AbortController();
  let cluster: Cluster;
  let close: () => Promise<void>;

  beforeAll(async () => {
    cluster = await Cluster.start();
    const transport = transportFrom({
      server: cluster.url,
      caPem: cluster.pki.caPem,
      token: 'admin',
      userAgent: 'conformance',
    });
    close = () => transport.close();
    await startControlPlane({
      client: new KubeClient(transport, { fieldManager: 'conformance' }),
      log: pino({ level: 'silent' }),
      clock: systemClock,
      signal: stop.signal,
      pki: cluster.pki,
      settings: KUBERNETES_SETTINGS,
      parts: [],
    });
  });
  afterAll(async () => {
    stop.abort();
    await close();
    await cluster.stop();
  });

  it('deletes a namespace with all that is in it, and waits for that', async () => {
    await cluster.ok(['create', 'namespace', 'short-lived']);
    await cluster.ok(['create', 'configmap', 'inside', '--from-literal=a=b', '-n', 'short-lived']);
    expect(await cluster.ok(['delete', 'namespace', 'short-lived', '--timeout=30s'])).toBe(
      'namespace "short-lived" deleted\n',
    );
    expect(
      (await cluster.kubectl(['get', 'configmaps', '-A', '--field-selector', 'metadata.namespace=short-lived'])).stderr,
    ).toContain('No resources found');
  });

  it('deletes what an object owned', async () => {
    await cluster.ok(['create', 'configmap', 'owner']);
    const uid = await cluster.ok(['get', 'cm', 'owner', '-o', 'jsonpath={.metadata.uid}']);
    const owned = pod('owned', 'nowhere') as { metadata: Record<string, unknown> };
    owned.metadata['ownerReferences'] = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }];
    expect(await cluster.apply([owned])).toMatchObject({ code: 0 });
    await cluster.ok(['delete', 'cm', 'owner']);
    await cluster.ok(['wait', 'pod/owned', '--for=delete', '--timeout=30s']);
    expect((await cluster.kubectl(['get', 'pod', 'owned'])).code).toBe(1);
  });
});
