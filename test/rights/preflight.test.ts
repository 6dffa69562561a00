// That the chart's look at the cluster needs each of its rights and no other: the command itself, as the account of its pod.

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { bootstrap } from '@idlewild/lab/daemon/bootstrap.ts';
import type { Manifest } from '@idlewild/lab/manifests/chart.ts';
import { installKinds } from '@idlewild/lab/virt/manifests/install.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { runPreflight } from '@idlewild/operator/preflight/command.ts';
import type { Finding } from '@idlewild/operator/preflight/finding.ts';
import { join } from 'node:path';
import { pino } from 'pino';
import { render } from '../chart/chart.ts';
import { cellsOf, inWords } from './cells.ts';
import { RequestRecord } from './record.ts';
import { expectNeeded, type Holder } from './without.ts';

jest.setTimeout(60_000);

const system = 'idlewild-system';
const accounts = `/api/v1/namespaces/${system}/serviceaccounts`;
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const collections: Readonly<Record<string, (namespace: string) => string>> = {
  ServiceAccount: () => accounts,
  ClusterRole: () => `${rbac}/clusterroles`,
  ClusterRoleBinding: () => `${rbac}/clusterrolebindings`,
  Role: (namespace) => `${rbac}/namespaces/${namespace}/roles`,
  RoleBinding: (namespace) => `${rbac}/namespaces/${namespace}/rolebindings`,
};
const manifests = (await render('-n', system)).filter(
  ({ kind, metadata }) => kind in collections && metadata.labels?.['app.kubernetes.io/component'] === 'preflight',
) as readonly Manifest[];
const cells = cellsOf(manifests, 'preflight');

let server: TestServer;
let holder: Holder;
let findings: readonly Finding[];
const record = new RequestRecord();

beforeAll(async () => {
  server = await TestServer.start();
  const connect = (token: string) => transportFrom({ server: server.url, caPem: server.pki.caPem, token });
  const admin = new KubeClient(connect('admin'));
  const log = pino({ level: 'silent' });
  await installKinds({ client: admin, log, clock: systemClock, signal: AbortSignal.timeout(60_000) });
  await bootstrap(admin, join(import.meta.dirname, '../../crds'));
  // KubeVirt lets everybody see that it is there; where it is not, the chart's own rule has to.
  await server.delete(`${rbac}/clusterrolebindings/kubevirt.io:default`);
  await admin.raw.close();
  for (const manifest of manifests) {
    const { kind, metadata } = manifest;
    const made = await server.post(collections[kind]?.(metadata.namespace ?? '') ?? '', manifest);
    if (made.status !== 201) throw new Error(`${kind} ${metadata.name}: ${made.text}`);
  }
  const { body } = await server.post(`${accounts}/preflight/token`, { spec: {} });
  const { token } = body['status'] as { token: string };
  holder = { token, user: `system:serviceaccount:${system}:preflight` };
  let out = '';
  await runPreflight(['--json'], {
    connect: () => Promise.resolve(record.on(connect(token))),
    clock: systemClock,
    print: (text) => (out += text),
    complain: (text) => {
      throw new Error(text);
    },
    ...{ colours: false, width: 120 },
  });
  findings = JSON.parse(out) as readonly Finding[];
}, 60_000);
afterAll(() => server.stop());

describe('the look at the cluster', () => {
  it('sees everything with its own rights, and asks for nothing beyond them', () => {
    expect(findings.filter(({ level }) => level === 'unknown')).toEqual([]);
    expect(record.beyond(cells).map(inWords)).toEqual([]);
  });

  it.each(cells.map((cell) => [inWords(cell), cell] as const))(
    'may %s, which it needs, and may not without that rule',
    async (words, cell) => {
      const need = record.needOf(cell, cells);
      if (need === undefined) throw new Error(`nothing that it looks at needs "${words}"`);
      await expectNeeded(server, holder, cell, need);
    },
  );
});
