// The command against a real API server: before anything is installed, with all of it, and by somebody who may read nothing.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bootstrap } from '@idlewild/lab/daemon/bootstrap.ts';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { installKinds } from '@idlewild/lab/virt/manifests/install.ts';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { aMachine } from '../../../test/builders/node.ts';
import { KubeClient } from '../kube/client.ts';
import { systemClock } from '../kube/clock.ts';
import { transportFrom } from '../kube/credentials.ts';
import { runPreflight } from './command.ts';
import type { Finding } from './finding.ts';

const root = join(import.meta.dirname, '../../..');
const leases = '/apis/coordination.k8s.io/v1/namespaces/idlewild-machines/leases';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 60_000);
afterAll(() => server.stop());

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function preflight(token: string, ...args: string[]): Promise<Told> {
  let [out, err] = ['', ''];
  const code = await runPreflight(args, {
    connect: () => Promise.resolve(transportFrom({ server: server.url, caPem: server.pki.caPem, token })),
    clock: systemClock,
    print: (text) => (out += text),
    complain: (text) => (err += text),
    colours: false,
    width: 120,
  });
  return { code, out, err };
}
async function findings(token: string, ...args: string[]): Promise<Readonly<Record<string, string>>> {
  const { out } = await preflight(token, '--json', ...args);
  return Object.fromEntries((JSON.parse(out) as Finding[]).map(({ check, level }) => [check, level]));
}

describe('preflight', () => {
  it('finds that KubeVirt is missing, before Idlewild is installed', async () => {
    const { code, out } = await preflight('admin', '--before-install');
    expect(code).toBe(1);
    expect(out).toMatch(/^fail {2}KubeVirt +it is not installed\n +-> install it: https:\/\/kubevirt\.io/m);
    expect(out).toMatch(/^This cluster cannot run jobs as it should: 1 of 3 checks failed/m);
  });

  it('finds what the lab installs, whose guests are emulated, and its machines with their agents', async () => {
    const client = new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' }));
    const signal = AbortSignal.timeout(60_000);
    await installKinds({ client, log: pino({ level: 'silent' }), clock: systemClock, signal });
    await bootstrap(client, join(root, 'crds'));
    await client.raw.close();
    expect(await findings('admin')).toMatchObject({
      ...{
        KubeVirt: 'ok',
        'KubeVirt version': 'ok',
        'live update': 'ok',
        'virt-handler': 'ok',
        emulation: 'warn',
        definition: 'ok',
        'admission policies': 'ok',
      },
      ...{ "operator's rights": 'ok', "portal's rights": 'ok', "agents' rights": 'ok', machines: 'warn' },
    });

    const { metadata, spec, status } = aMachine('pc-1', { labels: { 'idlewild.dev/fence': 'armed' } });
    const { name, labels, annotations } = metadata;
    await server.post('/api/v1/nodes', { metadata: { name, labels, annotations }, spec });
    await server.patch('/api/v1/nodes/pc-1', 'merge', { spec: { taints: null } });
    await server.patch('/api/v1/nodes/pc-1/status', 'merge', { status });
    const renew = (renewTime: string) => ({ spec: { renewTime } });
    const fence = JSON.stringify({ switchAfterSeconds: 7.5, killSeconds: 0.5, checkSeconds: 0.6, boot: 'b' });
    await server.post(leases, {
      metadata: { name: 'pc-1', annotations: { 'idlewild.dev/fence': fence } },
      spec: { holderIdentity: 'pc-1_0', leaseDurationSeconds: 10, renewTime: '2026-01-01T12:00:00.000000Z' },
    });
    expect(await findings('admin', '--listen', '1s')).toMatchObject({ machines: 'ok', agents: 'fail' });
    let second = 0;
    const renewing = setInterval(() => {
      const time = new Date(Date.UTC(2026, 0, 1, 12, 0, ++second)).toISOString().replace('Z', '000Z');
      void server.patch(`${leases}/pc-1`, 'merge', renew(time));
    }, 50);
    try {
      const { code, out } = await preflight('admin', '--listen', '2s');
      expect(out).toMatch(/^ok {4}agents +all 1 renew, with their switches armed$/m);
      expect(code).toBe(0);
    } finally {
      clearInterval(renewing);
    }
  }, 90_000);

  it('finds a rule that somebody took away', async () => {
    const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles/idlewild:operator';
    const { body } = await server.get(path);
    const rules = body['rules'] as { resources: string[]; verbs: string[] }[];
    const less = rules.filter(({ resources }) => !resources.includes('pods/log'));
    await server.patch(path, 'merge', { rules: less });
    const { code, out } = await preflight('admin', '--listen', '1s');
    expect(code).toBe(1);
    expect(out).toMatch(/operator's rights +1 of \d+ are missing: get pods\/log$/m);
    await server.patch(path, 'merge', { rules });
  }, 30_000);

  it('says what it may not read, and that nobody can tell', async () => {
    const { code, out } = await preflight('alice');
    expect(code).toBe(2);
    expect(out).toMatch(/^\? {5}machines +nodes is forbidden: User "alice" cannot list resource "nodes"/m);
    expect(out).toMatch(/^Nobody can tell whether this cluster can run jobs: /m);
    expect(await findings('alice')).toMatchObject({ "operator's rights": 'unknown', definition: 'unknown' });
  }, 30_000);

  it.each([
    ['nobody', ['--json'], /Unauthorized/i],
    ['admin', ['--listen', 'long'], /--listen: .*90s/],
    ['admin', ['--all'], /--all/],
  ])('ends with 2 when it cannot be asked: %s %j', async (token, args, words) => {
    const { code, out, err } = await preflight(token, ...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(words);
  });

  it('is a command of the operator', async () => {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'lab', cluster: { server: server.url, 'certificate-authority-data': btoa(server.pki.caPem) } },
      ],
      users: [{ name: 'admin', user: { token: 'admin' } }],
      contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'admin' } }],
      'current-context': 'lab',
    };
    const kubeconfig = join(server.dir, 'kubeconfig');
    await writeFile(kubeconfig, stringify(config));
    const args = ['--disable-warning=ExperimentalWarning', join(root, 'operator/src/main.ts'), 'preflight'];
    const env = { ...process.env, NODE_OPTIONS: '' };
    const told = await new Promise<Told>((resolve) =>
      execFile(
        process.execPath,
        [...args, '--kubeconfig', kubeconfig, '--before-install'],
        { env },
        (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      ),
    );
    expect(told).toMatchObject({ code: 0, err: '', out: expect.stringContaining('This cluster can run jobs') });
  }, 60_000);
});
