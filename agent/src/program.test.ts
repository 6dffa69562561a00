// The agent as the program that it is, beside a logind that obeys and a real API server without KubeVirt.
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { LogindMock } from './sensors/logind-mock.ts';
import { askAgent } from './owner/server.ts';

const main = join(import.meta.dirname, 'main.ts');
const environment = { ...process.env, NODE_OPTIONS: '' };
const keyboard = `N: Name="keyboard"
H: Handlers=kbd event0
B: EV=120013
B: KEY=402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe
`;

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  await server.post('/api/v1/nodes', { metadata: { name: 'pc-4' } });
  await server.post('/api/v1/namespaces', { metadata: { name: 'idlewild-machines' } });
}, 60_000);
afterAll(() => server.stop());

let root: string;
let mock: LogindMock;
let agent: ChildProcess;
const socket = () => join(root, 'owner.sock');

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'iw-program-'));
  for (const dir of ['dev/input', 'proc/bus/input', 'cgroup']) mkdirSync(join(root, dir), { recursive: true });
  writeFileSync(join(root, 'proc/bus/input/devices'), keyboard);
  writeFileSync(join(root, 'token'), 'admin');
  writeFileSync(join(root, 'ca.pem'), server.pki.caPem);
  // Without a process in it, so no guest holds up a shutdown.
  writeFileSync(join(root, 'cgroup/cgroup.procs'), '');
  execFileSync('mkfifo', [join(root, 'dev/input/event0')]);
  mock = await LogindMock.start(join(root, 'run/dbus/system_bus_socket'));
  const flags = {
    node: 'pc-4',
    server: server.url,
    'ca-file': join(root, 'ca.pem'),
    'token-file': join(root, 'token'),
    root,
    'state-dir': join(root, 'state'),
    socket: socket(),
    cores: 1,
    'memory-mib': 1024,
    'disk-mib': 1024,
    'idle-after': '1s',
    'guest-cgroup': join(root, 'cgroup'),
    'log-level': 'error',
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  agent = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    env: environment,
    stdio: 'inherit',
  });
}, 60_000);
afterEach(async () => {
  if (agent.exitCode === null && agent.signalCode === null) {
    agent.kill('SIGTERM');
    await once(agent, 'exit');
  }
  await mock.close();
  rmSync(root, { recursive: true, force: true });
});

const reason = async (): Promise<string> =>
  askAgent(socket()).then(
    ({ presence }) => presence.reason,
    () => 'no answer',
  );

describe('the program', () => {
  it('takes the machine back when it is about to leave, and tells its owner afterwards', async () => {
    await mock.until('it is lent', async () => (await reason()) === 'Idle');
    await mock.emit('PrepareForSleep', 'b', [['b', true]]);
    await mock.until('it leaves', async () => (await reason()) === 'Leaving');
    await mock.emit('PrepareForSleep', 'b', [['b', false]]);
    await mock.until('it is lent again', async () => (await reason()) === 'Idle');
    const { history } = await askAgent(socket());
    expect(history.slice(0, 3).map((turn) => turn.reason)).toEqual(['Idle', 'Leaving', 'Idle']);
    expect(JSON.parse(readFileSync(join(root, 'state/history.json'), 'utf8'))).toEqual(history);
  }, 90_000);

  it('takes it back at a login that only logind knows of', async () => {
    await mock.until('it is lent', async () => (await reason()) === 'Idle');
    await mock.addSession('c1', { Type: ['s', 'wayland'], Timestamp: ['t', BigInt(Date.now()) * 1000n] });
    // And leaves it there: this desktop never says that it is idle.
    await mock.until('it is the owner’s', async () => ['Login', 'OneSensorOnly'].includes(await reason()));
  }, 90_000);

  it('answers its owner in words, and ends when it is told to', async () => {
    await mock.until('it is lent', async () => (await reason()) === 'Idle');
    const ask = promisify(execFile);
    const command = ['--disable-warning=ExperimentalWarning', main, 'stop-now', '--socket', socket()];
    const { stdout } = await ask(process.execPath, command, { env: environment });
    expect(stdout).toContain('pc-4: This machine is yours, for ');
    expect(stdout).toContain('The cluster does not answer');
    agent.kill('SIGTERM');
    await once(agent, 'exit');
    expect(agent.exitCode).toBe(0);
  }, 90_000);
});
