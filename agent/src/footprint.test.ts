// How much of the machine the agent takes for itself, started as a lab starts it and with a cluster that answers.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import type { Lease, Node } from '@idlewild/operator/api/kubernetes.ts';
import { leases, namespaces, nodes } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { LogindMock } from './sensors/logind-mock.ts';
import { agentNodeFlags } from '../../scripts/bundle-agent.ts';
import { until } from '../../test/waiting.ts';

const bundler = join(import.meta.dirname, '../../scripts/bundle-agent.ts');
const env = { ...process.env, NODE_OPTIONS: '' };
/** Measured: 59, of which 17 are its own and not pages of a program. */
const mostMB = 68;
/** Measured: 0.004. */
const mostCores = 0.05;
/** What it does at rest comes with the renewals of its lease: so many of them are watched, however long they take. */
const renewals = 3;

let root: string;
let server: TestServer;
let client: KubeClient;
let bus: LogindMock;
let agent: ChildProcess;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'iw-footprint-'));
  server = await TestServer.start();
  client = new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' }));
  await client.create<Node>(nodes, { metadata: { name: 'pc-4' }, spec: {} } as Node);
  await client.create(namespaces, { metadata: { name: 'idlewild-machines' } });
  mkdirSync(join(root, 'run'));
  // As on a desktop, where it keeps the bus open and what it takes to speak there.
  bus = await LogindMock.start(join(root, 'run/dbus/system_bus_socket'));
  for (const [name, text] of Object.entries({ 'ca.pem': server.pki.caPem, token: 'admin', 'run/utmp': '' })) {
    writeFileSync(join(root, name), text);
  }
  const program = execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', bundler], {
    env,
    encoding: 'utf8',
  }).trim();
  const flags = {
    ...{ node: 'pc-4', server: server.url, 'ca-file': join(root, 'ca.pem'), 'token-file': join(root, 'token'), root },
    ...{ 'state-dir': join(root, 'state'), socket: join(root, 'owner.sock'), 'idle-after': '1s' },
    ...{ cores: 1, 'memory-mib': 1024, 'disk-mib': 1024, 'log-level': 'error' },
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  agent = spawn(process.execPath, [...agentNodeFlags, program, ...args], { env, stdio: 'inherit' });
}, 60_000);
afterAll(async () => {
  agent.kill('SIGKILL');
  await bus.close();
  await client.raw.close();
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

/** Processor time of all its threads, ms. */
function usedMs(): number {
  const tasks = `/proc/${agent.pid}/task`;
  const ns = readdirSync(tasks).map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]));
  return ns.reduce((sum, each) => sum + each, 0) / 1e6;
}

function residentMB(): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))?.[1];
  return (Number(kib) * 1024) / 1e6;
}

async function renewed(): Promise<string | undefined> {
  return (await client.get<Lease>(leases, { namespace: 'idlewild-machines', name: 'pc-4' })).spec?.renewTime;
}

describe('an agent at rest', () => {
  it('is small, and hardly ever at work', async () => {
    const offered = async (): Promise<boolean> => {
      const { annotations = {} } = (await client.get<Node>(nodes, { name: 'pc-4' })).metadata;
      return 'idlewild.dev/offer' in annotations && !annotations['idlewild.dev/offer']?.includes('Joining');
    };
    await until(offered, 'an offer');
    const before = usedMs();
    const began = performance.now();
    for (let count = 0, last = await renewed(); count < renewals; count += 1) {
      await until(async () => (await renewed()) !== last, 'a renewal');
      last = await renewed();
    }
    expect((usedMs() - before) / (performance.now() - began)).toBeLessThan(mostCores);
    // What only its start took is collected a little later.
    await until(() => residentMB() < mostMB, `less than ${mostMB} MB`);
  }, 90_000);
});
