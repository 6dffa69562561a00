// What an agent does about the lease of its machine, for everything that it may find.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideLease, inheritedTerm, mayLive, termFrom, type LeaseFacts, type Seen } from './decide.ts';

const there = (holder: string, o: { boot?: string; quietMs?: number } = {}): Seen => ({
  ...{ kind: 'there', holder, sealed: holder.startsWith('lost:') },
  ...{ boot: o.boot ?? 'this', quietMs: o.quietMs ?? 0 },
});
const starting: LeaseFacts = {
  ...{ seen: { kind: 'absent' }, machine: 'pc_2', boot: 'this', holder: undefined, candidate: undefined },
  ...{ fresh: true, expired: true, clean: false, leaseMs: 10_000 },
};
const holding: LeaseFacts = { ...starting, holder: 'pc_2_a', seen: there('pc_2_a'), fresh: false, expired: false };
const deprived: LeaseFacts = { ...starting, fresh: false, clean: true };

describe('an agent', () => {
  it.each<[string, LeaseFacts, string]>([
    ['looks first', { ...starting, seen: { kind: 'unknown' } }, 'look'],
    ['looks again after a conflict, guests or not', { ...holding, seen: { kind: 'unknown' } }, 'look'],
    ['renews what it holds', holding, 'renew'],
    ['renews what it holds although it was late', { ...holding, expired: true }, 'renew'],
    [
      'holds what it asked for without hearing that it got it',
      { ...deprived, candidate: 'pc_2_b', seen: there('pc_2_b') },
      'renew',
    ],
    ['ends guests that nobody answers for', starting, 'end Unknown'],
    ['joins when there are none', { ...starting, clean: true }, 'join'],
    ['takes over from the one before it', { ...starting, expired: false, seen: there('pc_2_a') }, 'takeOver'],
    ['ends the guests of one that is long gone', { ...starting, seen: there('pc_2_a') }, 'end Silent'],
    [
      'takes over from one that is long gone, without guests',
      { ...starting, clean: true, seen: there('pc_2_a') },
      'takeOver',
    ],
    [
      'ends the guests of a machine that was given up',
      { ...starting, expired: false, seen: there('lost:pc_2_a') },
      'end Sealed',
    ],
    ['joins a machine that was given up', { ...starting, clean: true, seen: there('lost:pc_2_a') }, 'join'],
    ['ends guests of an earlier boot', { ...starting, seen: there('pc_2_a', { boot: 'earlier' }) }, 'end Restarted'],
    ['joins at once after a boot', { ...starting, clean: true, seen: there('pc_2_a', { boot: 'earlier' }) }, 'join'],
    ['ends guests when it meets the seal', { ...holding, seen: there('lost:pc_2_a') }, 'end Sealed'],
    [
      'does so even if it believes there are none',
      { ...holding, clean: true, seen: there('lost:pc_2_a') },
      'end Sealed',
    ],
    ['ends guests when its lease is gone', { ...holding, seen: { kind: 'absent' } }, 'end Deprived'],
    [
      'ends guests when another machine has its name',
      { ...holding, seen: there('pc_2_b', { boot: 'other' }) },
      'end Deprived',
    ],
    ['leaves to its successor', { ...holding, seen: there('pc_2_b') }, 'leave'],
    ['joins anew when its guests have gone', { ...deprived, seen: there('lost:pc_2_a') }, 'join'],
    ['joins anew where there is no lease', deprived, 'join'],
    ['waits while another machine has its name', { ...deprived, seen: there('pc_2_b', { boot: 'other' }) }, 'wait'],
    [
      'joins when that one is silent',
      { ...deprived, seen: there('pc_2_b', { boot: 'other', quietMs: 10_000 }) },
      'join',
    ],
    ['joins where nobody holds it', { ...deprived, seen: there('') }, 'join'],
    [
      'does not take a machine of a longer name for its own',
      { ...starting, clean: true, expired: false, seen: there('pc_2_a_b') },
      'join',
    ],
  ])('%s', (_what, facts, expected) => {
    const step = decideLease(facts);
    expect(step.kind === 'end' ? `end ${step.reason}` : step.kind).toBe(expected);
  });

  it('never joins or takes over a sealed lease while a guest may be left', () => {
    const holders = fc.constantFrom('pc_2_a', 'pc_2_b', 'lost:pc_2_a', '', 'pc-3_a');
    const boots = fc.constantFrom('this', 'earlier');
    const seen: fc.Arbitrary<Seen> = fc.oneof(
      fc.constant<Seen>({ kind: 'absent' }),
      fc.tuple(holders, boots, fc.nat(20_000)).map(([holder, boot, quietMs]) => there(holder, { boot, quietMs })),
    );
    const facts: fc.Arbitrary<LeaseFacts> = fc.record({
      seen,
      ...{ machine: fc.constant('pc_2'), boot: fc.constant('this'), leaseMs: fc.constant(10_000) },
      ...{ holder: fc.constantFrom(undefined, 'pc_2_a'), candidate: fc.constant(undefined) },
      ...{ fresh: fc.boolean(), expired: fc.boolean(), clean: fc.boolean() },
    });
    fc.assert(
      fc.property(facts, (each) => {
        const { kind } = decideLease(each);
        if (kind === 'join') expect(each.clean).toBe(true);
        if (kind === 'takeOver') expect(each.clean || !each.expired).toBe(true);
        if (each.seen.kind === 'there' && each.seen.sealed) expect(['end', 'join']).toContain(kind);
      }),
    );
  });
});

describe('guests', () => {
  const lengths = { killAfterSeconds: 6, switchAfterSeconds: 7.5, killSeconds: 0.5 };

  it('live from a renewal for as long as the agent lets them', () => {
    const term = termFrom(100, lengths);
    expect([99, 100, 105.99, 106, 200].map((nowS) => mayLive(term, nowS))).toEqual([true, true, true, false, false]);
  });

  it('live for the next agent until just before the switch acts', () => {
    const term = inheritedTerm(107.5, lengths);
    expect(term.renewedS).toBe(100);
    expect([106.9, 107].map((nowS) => mayLive(term, nowS))).toEqual([true, false]);
  });

  it('do not live by nothing', () => {
    expect(mayLive(undefined, 0)).toBe(false);
  });
});
