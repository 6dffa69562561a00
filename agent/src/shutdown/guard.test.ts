// A shutdown of a machine with guests, beside a logind that obeys.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { LogindMock } from '../sensors/logind-mock.ts';
import { Logind } from '../sensors/logind.ts';
import { ShutdownGuard } from './guard.ts';
import { countGuests } from './guests.ts';
import { Inhibitor } from './inhibitor.ts';

const log = pino({ level: 'silent' });
const path = process.env['PATH'] ?? '';
/** How long logind lets a shutdown wait. */
const grantedMs = 4_000;
let dir: string;
let mock: LogindMock;
let lock: Inhibitor;
let logind: Logind;
let guests: number | undefined;
let ended: number;
let stop: AbortController;
let running: Promise<unknown>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'iw-shutdown-'));
  mock = await LogindMock.start(join(dir, 'bus'));
  await mock.setManager({ InhibitDelayMaxUSec: ['t', 1_000 * grantedMs] });
  guests = 1;
  ended = 0;
  lock = new Inhibitor({ socket: mock.socket, root: '/', path, clock: systemClock, log });
  logind = new Logind({ socket: mock.socket, clock: systemClock, log, onChange: () => undefined });
  const guard = new ShutdownGuard({
    ...{ clock: systemClock, log, lock, logind, delayMs: 25_000 },
    guests: () => guests,
    endGuests: () => void ended++,
  });
  stop = new AbortController();
  running = Promise.all([logind.run(stop.signal), guard.run(stop.signal)]);
  await mock.until('logind told its limit', () => logind.inhibitDelayMaxMs === grantedMs);
}, 60_000);
afterEach(async () => {
  stop.abort();
  await running;
  await mock.until('nothing is left behind', async () => (await mock.inhibitors()).length === 0);
  await mock.close();
  rmSync(dir, { recursive: true, force: true });
});

const held = async () => (await mock.inhibitors()).includes('shutdown:sleep');
const free = async () => !(await held());
const announce = (yes: boolean) => mock.emit('PrepareForShutdown', 'b', [['b', yes]]);

describe('a shutdown', () => {
  it('waits for nobody while no guest is there', async () => {
    await mock.until('a guest is waited for', held);
    guests = 0;
    await mock.until('none is', free);
    guests = 2;
    await mock.until('others are', held);
  }, 60_000);

  it('waits until the last guest has gone, and no longer', async () => {
    const patientMs = 20_000;
    await mock.setManager({ InhibitDelayMaxUSec: ['t', 1_000 * patientMs] });
    await mock.until('logind told its new limit', () => logind.inhibitDelayMaxMs === patientMs);
    await mock.until('a guest is waited for', held);
    await announce(true);
    await mock.until('it leaves', () => logind.leavingForMs !== undefined);
    expect(await held()).toBe(true);
    guests = 0;
    await mock.until('it may go', free);
    expect(logind.leavingForMs).toBeLessThan(patientMs);
    expect(ended).toBe(0);
  }, 60_000);

  it('waits no longer than logind grants, and is waited for again when it was called off', async () => {
    await mock.until('a guest is waited for', held);
    await announce(true);
    await mock.until('it leaves', () => logind.leavingForMs !== undefined);
    await mock.until('it may go', free);
    expect(logind.leavingForMs).toBeGreaterThanOrEqual(3_000);
    // Whoever was left did not have to be ended by the system's own shutdown.
    expect(ended).toBeGreaterThan(0);
    await announce(false);
    await mock.until('a guest is waited for again', held);
  }, 60_000);

  it('does not wait for a holder that was killed, and the lock is taken again', async () => {
    await mock.until('a guest is waited for', held);
    await mock.stopLogind();
    await mock.startLogind();
    lock.release();
    await mock.until('the new logind has the lock', held);
  }, 60_000);
});

describe('the lock of an agent', () => {
  it('ends with an agent that is killed', async () => {
    guests = 0;
    await mock.until('this one holds none', free);
    const script = `
      import { Inhibitor } from '${join(import.meta.dirname, 'inhibitor.ts')}';
      import { systemClock } from '@idlewild/operator/kube/clock.ts';
      const log = { debug() {}, warn: console.error };
      new Inhibitor({ socket: '${mock.socket}', root: '/', path: process.env.PATH, clock: systemClock, log }).take();
      setInterval(() => undefined, 1000);`;
    const agent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: import.meta.dirname,
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: 'inherit',
    });
    await mock.until('it holds the lock', held);
    agent.kill('SIGKILL');
    await mock.until('the lock is gone', free);
  }, 60_000);

  it('cannot be had without the program that holds it, and says so', async () => {
    const without = new Inhibitor({ socket: mock.socket, root: dir, path: '/nowhere', clock: systemClock, log });
    expect(without.impossible).toContain('systemd-inhibit');
    without.take();
    expect(without.held).toBe(false);
    mkdirSync(join(dir, 'usr/bin'), { recursive: true });
    writeFileSync(join(dir, 'usr/bin/systemd-inhibit'), '');
    chmodSync(join(dir, 'usr/bin/systemd-inhibit'), 0o755);
    const below = new Inhibitor({ socket: mock.socket, root: dir, path: '/nowhere', clock: systemClock, log });
    expect(below.impossible).toBeUndefined();
  });

  it('is refused in words, and not asked for again at once', async () => {
    const warnings: unknown[] = [];
    const words = pino({ level: 'warn' }, { write: (line: string) => warnings.push(JSON.parse(line)) });
    const refused = new Inhibitor({ socket: join(dir, 'no-bus'), root: '/', path, clock: systemClock, log: words });
    refused.take();
    await mock.until('it is told', () => warnings.length > 0);
    expect(warnings).toMatchObject([{ msg: 'a shutdown does not wait for guests' }]);
    refused.take();
    expect(refused.held).toBe(false);
  });
});

describe('the guests of a machine', () => {
  it('are its hypervisors, and unknown where nobody says where they would be', () => {
    const write = (file: string, text: string): void => {
      mkdirSync(join(dir, file, '..'), { recursive: true });
      writeFileSync(join(dir, file), text);
    };
    write('cgroup/guests/cgroup.procs', '10\n11\n');
    write('cgroup/guests/one/cgroup.procs', '12\n');
    for (const [pid, comm] of [
      [10, 'virt-launcher'],
      [11, 'qemu-system-x86'],
      [12, 'qemu-kvm'],
    ]) {
      write(`proc/${pid}/comm`, `${comm}\n`);
    }
    const places = { groups: [join(dir, 'cgroup/guests')], pods: [], proc: join(dir, 'proc') };
    expect(countGuests(places)).toBe(2);
    expect(countGuests({ ...places, groups: [] })).toBeUndefined();
    expect(countGuests({ ...places, groups: [join(dir, 'cgroup/none')] })).toBe(0);
  });
});
