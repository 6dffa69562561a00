// The agent and the switch as the two programs that they are: what becomes of a guest when the agent is killed.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { agentNodeFlags, bundleAgent } from '../../../scripts/bundle-agent.ts';
import { bootClock } from './boot.ts';
import { readPermission } from './lease-file.ts';
import { until } from '../../../test/waiting.ts';

const lease = '/apis/coordination.k8s.io/v1/namespaces/idlewild-machines/leases/pc-4';
/** Long enough for an agent to start on a machine that has other things to do. */
const lengths = { 'lease-duration': '20s', 'switch-after': '15s', 'kill-after': '12s' };

let server: TestServer;
let root: string;
let program: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  server = await TestServer.start();
  await server.post('/api/v1/nodes', { metadata: { name: 'pc-4' } });
  await server.post('/api/v1/namespaces', { metadata: { name: 'idlewild-machines' } });
  program = await bundleAgent();
  root = mkdtempSync(join(tmpdir(), 'iw-killed-'));
  for (const dir of ['run/idlewild', 'guests']) mkdirSync(join(root, dir), { recursive: true });
  const files = { 'ca.pem': server.pki.caPem, token: 'admin', 'run/utmp': '', 'guests/cgroup.procs': '' };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
}, 60_000);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

function started(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  children.push(child);
  return child;
}

function anAgent(): ChildProcess {
  const flags = {
    ...{ node: 'pc-4', server: server.url, 'ca-file': join(root, 'ca.pem'), 'token-file': join(root, 'token'), root },
    ...{ 'state-dir': join(root, 'state'), socket: join(root, 'owner.sock'), 'guest-cgroup': join(root, 'guests') },
    ...{ cores: 1, 'memory-mib': 1024, 'disk-mib': 1024, 'log-level': 'error', ...lengths },
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return started(process.execPath, [...agentNodeFlags, program, ...args]);
}
const holder = async () => (await server.get(lease)).body.spec as { holderIdentity?: string } | undefined;
const isFenced = async () =>
  (await server.get('/api/v1/nodes/pc-4')).metadata.labels?.['idlewild.dev/fence'] === 'armed';

describe('an agent that is killed', () => {
  it('costs no guest when another one starts in time, and every guest when none does', async () => {
    const script = join(import.meta.dirname, '../../host/idlewild-fence');
    const files = ['lease', 'switch'].map((name) => join(root, 'run/idlewild', name));
    const first = anAgent();
    await until(async () => (await holder()) !== undefined);
    expect(await isFenced()).toBe(false);
    started('sh', [script, ...files, '--guest-cgroup', join(root, 'guests')]);
    await until(isFenced);
    const guest = started('sleep', ['1000']);
    let diedS = 0;
    guest.once('exit', () => (diedS = bootClock().now()));
    writeFileSync(join(root, 'guests/cgroup.procs'), `${guest.pid}\n`);

    const before = await holder();
    first.kill('SIGKILL');
    const second = anAgent();
    await until(async () => (await holder())?.holderIdentity !== before?.holderIdentity);
    expect(guest.signalCode).toBeNull();

    second.kill('SIGKILL');
    await once(second, 'exit');
    const { deadlineS = 0 } = readPermission(files[0] ?? '') ?? {};
    await until(() => guest.signalCode === 'SIGKILL');
    expect(diedS).toBeGreaterThanOrEqual(deadlineS);
  }, 120_000);
});
