// What one session of logind proves, and for how long.
import { describe, expect, it } from '@jest/globals';
import { either, machineFacts } from './logind-manager.ts';
import { rememberSession, sessionReading, type Now, type Properties } from './logind-session.ts';

const startMs = Date.UTC(2026, 2, 4, 12);
const minute = 60_000;
const us = (wallMs: number): bigint => BigInt(wallMs) * 1000n;
const at = (elapsedMs: number, jumpMs = 0): Now => ({ wallMs: startMs + elapsedMs + jumpMs, elapsedMs });
const desktop: Properties = {
  Class: 'user',
  Type: 'wayland',
  State: 'active',
  Active: true,
  Remote: false,
  LockedHint: false,
  IdleHint: false,
  IdleSinceHint: 0n,
  Timestamp: us(startMs - 60 * minute),
};

/** The reading after each of the looks in turn. */
function look(...looks: readonly [Properties, Now][]) {
  let memory: ReturnType<typeof rememberSession>;
  for (const [more, now] of looks) memory = rememberSession(memory, '2', { ...desktop, ...more }, now);
  return memory === undefined ? undefined : sessionReading(memory, looks.at(-1)?.[1].elapsedMs ?? 0);
}

describe('a session of logind', () => {
  it.each<[string, Properties, object]>([
    ['a desktop', {}, { isUser: true, graphical: true, remote: false, active: true, locked: false }],
    ['a text console', { Type: 'tty' }, { graphical: false }],
    ['a remote shell', { Type: 'tty', Remote: true }, { remote: true, isUser: true }],
    ['a person at an early stage of logging in', { Class: 'user-early' }, { isUser: true }],
    ['a greeter', { Class: 'greeter' }, { isUser: false }],
    ['a lock screen', { Class: 'lock-screen' }, { isUser: false }],
    ['a cron job', { Class: 'background' }, { isUser: false }],
    ['a locked screen', { LockedHint: true }, { locked: true }],
    ['somebody in the background of a switched seat', { Active: false }, { active: false }],
  ])('is told apart: %s', (_what, properties, expected) => {
    expect(look([properties, at(0)])).toMatchObject(expected);
  });

  it('is over when only its left-over processes are there', () => {
    expect(look([{ State: 'closing' }, at(0)])).toBeUndefined();
  });

  it('has the age that it had at first sight, and what has passed since, whatever the wall clock does', () => {
    expect(look([{}, at(0)], [{}, at(minute, -300 * minute)])?.ageMs).toBe(61 * minute);
    expect(look([{ Timestamp: us(startMs + 5 * minute) }, at(0)])?.ageMs).toBe(0);
  });

  it('tells nothing of idleness while its desktop reports none', () => {
    expect(look([{}, at(0)])?.idleMs).toBeUndefined();
    expect(look([{ IdleSinceHint: us(startMs - 5 * minute) }, at(0)])?.idleMs).toBeUndefined();
  });

  it('is idle for as long as its desktop says, by elapsed time', () => {
    const idle = { IdleHint: true, IdleSinceHint: us(startMs - 5 * minute) };
    expect(look([idle, at(0)])?.idleMs).toBe(5 * minute);
    expect(look([idle, at(0)], [idle, at(minute, 300 * minute)])?.idleMs).toBe(6 * minute);
    expect(look([idle, at(0)], [{}, at(minute)])?.idleMs).toBeUndefined();
  });

  it('is not believed to be idle since a moment that is still to come, nor since no moment at all', () => {
    expect(look([{ IdleHint: true, IdleSinceHint: us(startMs + 10 * minute) }, at(0)])?.idleMs).toBeUndefined();
    expect(look([{ IdleHint: true, IdleSinceHint: 0n }, at(0)])?.idleMs).toBe(0);
  });

  it('is no longer idle once it was unlocked, although its desktop left the hint as it was', () => {
    const idle = { IdleHint: true, IdleSinceHint: us(startMs - 5 * minute) };
    const unlocked = look([{ ...idle, LockedHint: true }, at(0)], [idle, at(minute)], [idle, at(2 * minute)]);
    expect(unlocked).toMatchObject({ locked: false, unlockedMs: minute, idleMs: undefined });
    const idleAgain = { IdleHint: true, IdleSinceHint: us(startMs + 3 * minute) };
    const later = look([{ LockedHint: true }, at(0)], [{}, at(minute)], [idleAgain, at(4 * minute)]);
    expect(later).toMatchObject({ unlockedMs: 3 * minute, idleMs: minute });
  });
});

describe('the machine by logind', () => {
  it('is unknown in everything that is not told', () => {
    expect(machineFacts({})).toEqual({ preparing: { shutdown: false, sleep: false } });
  });

  it.each([
    ['idle', true],
    ['handle-lid-switch:idle', true],
    ['handle-power-key:idle-hint', false],
    ['', false],
  ])('is watched when "%s" is inhibited: %s', (BlockInhibited, watching) => {
    expect(machineFacts({ BlockInhibited })).toMatchObject({ watching });
  });

  it('tells of lid, power and how long it waits for others', () => {
    const told = { LidClosed: true, OnExternalPower: false, InhibitDelayMaxUSec: 5_000_000n, PreparingForSleep: true };
    expect(machineFacts(told)).toMatchObject({
      lidClosed: true,
      onBattery: true,
      inhibitDelayMaxMs: 5_000,
      preparing: { shutdown: false, sleep: true },
    });
  });

  it.each([
    [undefined, undefined, undefined],
    [false, undefined, false],
    [undefined, false, false],
    [false, true, true],
    [true, false, true],
  ])('is in danger when either source says so: %s, %s', (one, other, both) => {
    expect(either(one, other)).toBe(both);
  });
});
