// Asking a logind that comes and goes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import dbus from 'dbus-native';
import { pino } from 'pino';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { LogindMock } from './logind-mock.ts';
import { Logind } from './logind.ts';

const log = pino({ level: 'silent' });
let dir: string;
let mock: LogindMock;
let logind: Logind;
let stop: AbortController;
let running: Promise<void>;
let changes: number;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'iw-logind-'));
  mock = await LogindMock.start(join(dir, 'run/dbus/system_bus_socket'));
  changes = 0;
  logind = new Logind({ socket: mock.socket, clock: systemClock, log, onChange: () => changes++ });
  stop = new AbortController();
  running = logind.run(stop.signal);
  await mock.until('it is known', () => logind.readings().sessions !== undefined);
}, 60_000);
afterEach(async () => {
  stop.abort();
  await running;
  await mock.close();
  rmSync(dir, { recursive: true, force: true });
});

const people = () => logind.readings().sessions ?? [];
const wayland = { Type: ['s', 'wayland'], Timestamp: ['t', 42] } as const;

describe('logind', () => {
  it('tells of a login, a lock, an unlocking and a logout as they happen', async () => {
    expect(people()).toEqual([]);
    await mock.addSession('c1', wayland);
    await mock.until('the login', () => people().some(({ id, graphical }) => id === 'c1' && graphical));
    expect(people()[0]).toMatchObject({ isUser: true, remote: false, locked: false, idleMs: undefined });
    await mock.setSession('c1', { LockedHint: ['b', true] });
    await mock.until('the lock', () => people()[0]?.locked === true);
    const before = changes;
    await mock.setSession('c1', { LockedHint: ['b', false] });
    await mock.until('the unlocking', () => people()[0]?.unlockedMs !== undefined);
    expect(changes).toBeGreaterThan(before);
    await mock.removeSession('c1');
    await mock.until('the logout', () => people().length === 0);
  }, 60_000);

  it('tells since when a desktop has been idle', async () => {
    await mock.addSession('c1', wayland);
    const since = BigInt(Date.now() - 300_000) * 1000n;
    await mock.setSession('c1', { IdleHint: ['b', true], IdleSinceHint: ['t', since] });
    await mock.until('idleness', () => (people()[0]?.idleMs ?? 0) >= 300_000);
    expect(people()[0]?.idleMs).toBeLessThan(360_000);
  }, 60_000);

  it('tells of films, lid and power, and how long a shutdown waits', async () => {
    expect(logind.readings()).toMatchObject({ watching: undefined, onBattery: undefined, lidClosed: undefined });
    await mock.setManager({
      BlockInhibited: ['s', 'handle-lid-switch:idle'],
      LidClosed: ['b', true],
      OnExternalPower: ['b', false],
      InhibitDelayMaxUSec: ['t', 7_000_000],
    });
    await mock.until('all of it', () => logind.readings().watching === true);
    expect(logind.readings()).toMatchObject({ onBattery: true, lidClosed: true });
    expect(logind.inhibitDelayMaxMs).toBe(7_000);
  }, 60_000);

  it.each(['PrepareForShutdown', 'PrepareForSleep'])('tells at once of %s, and of its end', async (member) => {
    expect(logind.readings().leaving).toBe(false);
    await mock.emit(member, 'b', [['b', true]]);
    await mock.until('it leaves', () => logind.readings().leaving === true && logind.leavingForMs !== undefined);
    await mock.emit(member, 'b', [['b', false]]);
    await mock.until('it stays', () => logind.readings().leaving === false);
    expect(logind.leavingForMs).toBeUndefined();
  });

  it('takes an announcement from logind only', async () => {
    const stranger = dbus.createClient({ socket: mock.socket });
    stranger.connection.on('error', () => undefined);
    await stranger.listNames();
    stranger.sendSignal('/org/freedesktop/login1', 'org.freedesktop.login1.Manager', 'PrepareForSleep', 'b', [true]);
    await stranger.listNames();
    await mock.addSession('c1', wayland);
    await mock.until('what came later', () => people().length === 1);
    expect(logind.readings().leaving).toBe(false);
    stranger.connection.end();
  });

  it('is asked again when it was started anew, and when the whole bus was', async () => {
    await mock.addSession('c1', wayland);
    await mock.until('the login', () => people().length === 1);
    await mock.stopLogind();
    await mock.startLogind();
    await mock.until('the new one has nobody', () => logind.readings().sessions?.length === 0);
    await mock.stopBus();
    await mock.startBus();
    await mock.startLogind();
    await mock.addSession('c2', wayland);
    await mock.until('the newest', () => people().some(({ id }) => id === 'c2'));
  }, 90_000);

  it('is unknown a while after it has gone, but a shutdown that it announced still holds', async () => {
    await mock.emit('PrepareForShutdown', 'b', [['b', true]]);
    await mock.until('it leaves', () => logind.readings().leaving === true);
    await mock.stopBus();
    await mock.until('nothing is known', () => logind.readings().sessions === undefined);
    expect(logind.readings()).toEqual({ leaving: true });
  }, 60_000);
});
