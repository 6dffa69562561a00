// When a machine counts as its owner's and when it may be lent.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decidePresence, type PresenceInput, type PresenceReason } from './decide.ts';
import type { Policy } from './policy.ts';
import type { Readings, Session } from './readings.ts';

const minute = 60_000;
const policy: Policy = { mode: 'WhenIdle', idleAfterMs: 10 * minute };
const noon = Date.parse('2026-03-04T12:00:00Z');

function decide(readings: Readings, o: Partial<PresenceInput> = {}) {
  return decidePresence({ readings, policy, dedicated: false, stopped: false, nowMs: noon, ...o });
}

function session(o: Partial<Session> = {}): Session {
  const usual = { id: '2', isUser: true, graphical: true, remote: false, active: true, locked: false };
  return { ...usual, ageMs: 300 * minute, ...o };
}

/** Everything agrees that nobody has been there for an hour. */
const empty: Readings = { inputMs: 60 * minute, sessions: [], terminalMs: 60 * minute };

describe('the presence of an owner', () => {
  it.each<[string, Readings, PresenceReason, Partial<PresenceInput>?]>([
    ['a machine that nobody has used for an hour lends', empty, 'Idle'],
    ['a machine without an owner lends', {}, 'Dedicated', { dedicated: true }],
    ['"stop now" holds on any machine', empty, 'OwnerStop', { stopped: true, dedicated: true }],
    ['a policy can keep a machine', empty, 'LendsNever', { policy: { ...policy, mode: 'Never' } }],
    ['a policy can lend a machine in use', { inputMs: 0 }, 'LendsAlways', { policy: { ...policy, mode: 'Always' } }],
    ['a machine that shuts down lends nothing', { ...empty, leaving: true }, 'Leaving'],
    ['not even one without an owner', { leaving: true }, 'Leaving', { dedicated: true }],
    ['a notebook on its battery is its owner’s', { ...empty, onBattery: true }, 'OnBattery'],
    ['a closed lid without known power is a notebook in a bag', { ...empty, lidClosed: true }, 'LidClosed'],
    ['a closed lid on a docking station may lend', { ...empty, lidClosed: true, onBattery: false }, 'Idle'],
    ['a key or a mouse just now', { ...empty, inputMs: 300 }, 'Input'],
    ['a login just now', { ...empty, sessions: [session({ ageMs: 5_000 })] }, 'Login'],
    ['an unlocked screen just now', { ...empty, sessions: [session({ unlockedMs: 5_000 })] }, 'Unlock'],
    ['input five minutes ago', { ...empty, inputMs: 5 * minute }, 'RecentUse'],
    ['a terminal used five minutes ago', { ...empty, terminalMs: 5 * minute }, 'RecentUse'],
    ['a remote shell in use', { ...empty, sessions: [session({ remote: true, idleMs: minute })] }, 'RecentUse'],
    ['a greeter is nobody', { ...empty, sessions: [session({ isUser: false, ageMs: 0 })] }, 'Idle'],
    ['a film is watched', { ...empty, watching: true, sessions: [session({ idleMs: 60 * minute })] }, 'Watching'],
    ['music behind a locked screen', { ...empty, watching: true, sessions: [session({ locked: true })] }, 'Idle'],
    ['a long computation of the owner', { ...empty, ownerCores: 1.5 }, 'OwnerWork'],
    ['the guest’s own load is not the owner’s', { ...empty, ownerCores: 0.1 }, 'Idle'],
    ['memory is short', { ...empty, memoryStall: 12 }, 'MemoryPressure'],
    ['nothing can be read', {}, 'NoSensor'],
    ['input devices alone prove nothing', { inputMs: 60 * minute }, 'OneSensorOnly'],
    ['an empty list of sessions alone proves nothing', { sessions: [] }, 'OneSensorOnly'],
    [
      'a desktop that never reports idleness, unlocked, proves nothing',
      { inputMs: 60 * minute, sessions: [session()] },
      'OneSensorOnly',
    ],
    [
      'a desktop that never reports idleness, but has locked itself',
      { inputMs: 60 * minute, sessions: [session({ locked: true })] },
      'Idle',
    ],
    [
      'a locked screen needs no longer wait than two minutes',
      { inputMs: 3 * minute, sessions: [session({ locked: true, idleMs: 3 * minute })] },
      'Idle',
    ],
    [
      'an unlocked one does',
      { inputMs: 3 * minute, sessions: [session({ locked: false, idleMs: 3 * minute })] },
      'RecentUse',
    ],
  ])('%s', (...[, readings, reason, o]) => {
    const decided = decide(readings, o);
    expect(decided.reason).toBe(reason);
    expect(decided.present).toBe(!['Idle', 'Dedicated', 'LendsAlways'].includes(reason));
    expect(decided.message).not.toBe('');
  });

  it('is never denied because one more sensor says that somebody is busy', () => {
    const age = fc.option(fc.integer({ min: 0, max: 120 * minute }), { nil: undefined });
    const flag = fc.option(fc.boolean(), { nil: undefined });
    const readings: fc.Arbitrary<Readings> = fc.record({
      inputMs: age,
      terminalMs: age,
      watching: flag,
      ownerCores: fc.option(fc.double({ min: 0, max: 4, noNaN: true }), { nil: undefined }),
      onBattery: flag,
      lidClosed: flag,
      sessions: fc.option(
        fc.array(
          fc.record({ locked: fc.boolean(), idleMs: age, remote: fc.boolean() }).map((o) => session(o)),
          {
            maxLength: 3,
          },
        ),
        { nil: undefined },
      ),
    });
    const busy: Readings[] = [{ inputMs: 0 }, { terminalMs: 0 }, { ownerCores: 4 }, { onBattery: true }];
    fc.assert(
      fc.property(readings, fc.constantFrom(...busy), (all, one) => {
        expect(decide({ ...all, ...one }).present).toBe(true);
      }),
    );
  });

  it('is never denied on one kind of sensor, whichever it is', () => {
    for (const alone of [{ inputMs: 60 * minute }, { terminalMs: 60 * minute }, { sessions: [] }]) {
      expect(decide(alone).present).toBe(true);
    }
  });
});

describe('lending hours', () => {
  const nights: Policy = {
    ...policy,
    hours: [
      {
        timeZone: 'Europe/Berlin',
        windows: [{ days: [1, 2, 3, 4, 5], from: '20:00', to: '07:00' }],
        holidays: ['2026-03-06'],
      },
    ],
  };
  it.each([
    ['at noon', '2026-03-04T11:00:00Z', false],
    ['before eight in the evening there', '2026-03-04T18:59:00Z', false],
    ['after eight in the evening there', '2026-03-04T19:00:00Z', true],
    ['in the night after a working day', '2026-03-05T05:59:00Z', true],
    ['in the morning', '2026-03-05T06:00:00Z', false],
    ['on a holiday at noon', '2026-03-06T11:00:00Z', true],
    ['in the night from Friday to Saturday', '2026-03-07T03:00:00Z', true],
    ['on Saturday evening', '2026-03-07T20:00:00Z', false],
    ['in summer an hour earlier by the clock of the world', '2026-07-01T18:00:00Z', true],
  ])('%s', (_what, at, lends) => {
    const decided = decide(empty, { policy: nights, nowMs: Date.parse(at) });
    expect(decided).toMatchObject({ present: !lends, reason: lends ? 'Idle' : 'OutsideHours' });
  });
});
