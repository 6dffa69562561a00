// Consoles of running guests through the API, as KubeVirt offers them: serial line, screen, screenshot, pause; also after a move.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inPhase, startLab, submit, until, untilJob, type LabCluster } from '../src/cluster.ts';
import { adminAccess, ConsoleSession, plainProtocol, subresourcePath, type Access } from '../src/console-session.ts';

let lab: LabCluster;
let access: Access;
const sessions: ConsoleSession[] = [];

beforeAll(async () => {
  lab = await startLab({ machines: 2 });
  access = await adminAccess(lab);
  const script = '(n=0; while :; do n=$((n+1)); echo $n >/run/counter; sleep 0.2; done) &';
  await submit(lab, 'shell', { mode: 'Session', console: 'VNC', script });
  await submit(lab, 'plain', { mode: 'Session', console: 'Serial' });
  for (const name of ['shell', 'plain']) await untilJob(lab, name, 'runs', inPhase('Running'), { timeoutMs: 240_000 });
}, 300_000);

afterAll(async () => {
  for (const session of sessions) session.close();
  await lab.stop();
}, 60_000);

async function open(instance: string, subresource: string, as = access): Promise<ConsoleSession> {
  const session = await ConsoleSession.open(as, subresourcePath(instance, subresource));
  sessions.push(session);
  return session;
}

const put = (subresource: string) =>
  lab.client.raw.request({ method: 'PUT', path: subresourcePath('shell-1', subresource) });
const counter = 'cat /run/counter';

describe('the serial console', () => {
  it('takes a command and gives its answer, in binary frames of the plain protocol', async () => {
    const session = await open('shell-1', 'console');
    expect(session.protocol).toBe(plainProtocol);
    expect(await session.ask('sum', 'echo $((40+2))')).toBe('42');
    expect(await session.ask('name', 'hostname')).toBe('shell-1');
    expect(session.textFrames).toBe(0);
  }, 60_000);

  it('belongs to the newest session: it ends the one before', async () => {
    const first = await open('shell-1', 'console');
    await first.ask('first', 'echo here');
    const second = await open('shell-1', 'console');
    await first.ended();
    expect(await second.ask('second', 'echo here')).toBe('here');
    expect(first.text).not.toContain('second=');
  }, 60_000);

  it('is refused to a user without the right to it', async () => {
    const token = (await lab.kubectl(['create', 'token', 'default'])).stdout.trim();
    expect(token).not.toBe('');
    for (const subresource of ['console', 'vnc']) {
      await expect(open('shell-1', subresource, { ...access, token })).rejects.toMatchObject({ status: 403 });
    }
  }, 60_000);

  it('of an instance that does not exist is not found', async () => {
    await expect(open('nobody-1', 'console')).rejects.toMatchObject({ status: 404 });
  }, 60_000);
});

describe('the screen', () => {
  it('speaks RFB, and its screenshot is a picture of its size', async () => {
    const session = await open('shell-1', 'vnc');
    expect(session.protocol).toBe(plainProtocol);
    await session.until(/^RFB 003\.\d{3}\n/);
    const shot = await lab.client.raw.stream({
      path: subresourcePath('shell-1', 'vnc/screenshot'),
      signal: AbortSignal.timeout(20_000),
    });
    const chunks = [];
    for await (const chunk of shot.body) chunks.push(chunk);
    const picture = Buffer.concat(chunks);
    expect(picture.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
    expect(picture.readUInt32BE(16)).toBeGreaterThanOrEqual(640);
    expect(picture.subarray(-8, -4).toString('latin1')).toBe('IEND');
  }, 60_000);

  it('of a job without one is refused', async () => {
    await expect(open('plain-1', 'vnc')).rejects.toMatchObject({ status: 400 });
    expect(await (await open('plain-1', 'console')).ask('serial', 'echo works')).toBe('works');
  }, 60_000);
});

describe('pause and unpause', () => {
  it('stop the guest and let it go on where it was', async () => {
    const session = await open('shell-1', 'console');
    const before = Number(await session.ask('before', counter));
    await put('pause');
    const paused = await lab.kubectl(['wait', 'vmi/shell-1', '--for=condition=Paused', '--timeout=20s']);
    expect(paused.stderr).toBe('');
    const typed = session.ask('after', counter);
    await expect(session.until(/after=</, 1500)).rejects.toThrow('did not come');
    await put('unpause');
    expect(Number(await typed)).toBeGreaterThanOrEqual(before);
    await until('it is ready again, without the reason why it was not', async () => {
      const query = '{.status.conditions[?(@.type=="Ready")]}';
      const { stdout } = await lab.kubectl(['get', 'vmi', 'shell-1', '-o', `jsonpath=${query}`]);
      const ready = JSON.parse(stdout) as { status: string; reason?: string; message?: string };
      return ready.status === 'True' && ready.reason === undefined && ready.message === undefined;
    });
    const later = Number(await session.ask('later', counter));
    await until(
      'the counter goes on',
      async () => Number(await session.ask(`on${performance.now()}`, counter)) > later,
    );
  }, 60_000);
});

describe('after a live migration', () => {
  it('a new session reaches the guest on its new machine, where it goes on counting', async () => {
    const old = await open('shell-1', 'console');
    const before = Number(await old.ask('before', counter));
    const from = (await untilJob(lab, 'shell', 'has a machine', ({ status }) => status?.node !== undefined)).status
      ?.node;
    const drained = await lab.kubectl([
      ...['drain', from ?? '', '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=60s'],
    ]);
    expect(drained.stderr).not.toMatch(/error:/);
    await untilJob(lab, 'shell', 'is on the other machine', ({ status }) => status?.node !== from);
    await old.ended();
    const session = await open('shell-1', 'console');
    expect(Number(await session.ask('moved', counter))).toBeGreaterThan(before);
    await (await open('shell-1', 'vnc')).until(/^RFB 003/);
  }, 120_000);
});
