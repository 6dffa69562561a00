// Which machines are trusted to destroy their guests when they are cut off.
import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../api/kubernetes.ts';
import { fenceTrouble, isNewsOfFence, troubleOfPatience } from './fence.ts';
import { usualPatience } from './leases.ts';

const usual = { switchAfterSeconds: 7.5, killSeconds: 0.5, checkSeconds: 0.6, boot: 'b' };

function lease(terms: unknown, spec: Lease['spec'] = { leaseDurationSeconds: 10 }): Lease {
  const text = typeof terms === 'string' ? terms : JSON.stringify(terms);
  const annotations = terms === undefined ? {} : { 'idlewild.dev/fence': text };
  return { metadata: { name: 'pc-1', annotations }, spec };
}
const armed = { 'idlewild.dev/fence': 'armed' };

describe('a machine', () => {
  it.each<[string, Readonly<Record<string, string>>, Lease | undefined, RegExp | undefined]>([
    ['without an agent is not judged', {}, undefined, undefined],
    ['with an armed switch and the usual numbers is trusted', armed, lease(usual), undefined],
    ['whose label is missing is not', {}, lease(usual), /does not say whether it is armed: idlewild-fence has to run/],
    ['whose switch is off is not', { 'idlewild.dev/fence': 'off' }, lease(usual), /is off: idlewild-fence has to run/],
    ['whose lease says nothing of its fence is not', armed, lease(undefined), /its agent is to be brought up to date/],
    ['whose lease says nonsense is not', armed, lease('{'), /brought up to date/],
    ['whose lease says null is not', armed, lease(null), /brought up to date/],
    ['whose numbers are words is not', armed, lease({ ...usual, killSeconds: '1' }), /brought up to date/],
    [
      'that kills too late is not',
      armed,
      lease({ ...usual, switchAfterSeconds: 12 }),
      /may live for 13.*is to be longer/,
    ],
    [
      'that kills later and asks for a longer lease is',
      armed,
      lease({ ...usual, switchAfterSeconds: 12 }, { leaseDurationSeconds: 20 }),
      undefined,
    ],
    ['whose lease asks for less than ours is', armed, lease(usual, { leaseDurationSeconds: 1 }), undefined],
  ])('%s', (_name, labels, held, words) => {
    const trouble = fenceTrouble(labels, held, usualPatience);
    if (words) expect(trouble).toMatch(words);
    else expect(trouble).toBeUndefined();
  });
});

describe('the numbers of the operator', () => {
  it.each([
    [{}, 0],
    [{ leaseDurationMs: 7_000 }, 1],
    [{ leaseDurationMs: 8_000, leaseMarginMs: 0 }, 1],
    [{ lostAfterMs: 10_999 }, 1],
    [{ lostAfterMs: 1_000, leaseDurationMs: 2_000 }, 2],
  ])('%j have so many faults beside agents as they usually are: %d', (own, count) => {
    expect(troubleOfPatience({ ...usualPatience, ...own })).toHaveLength(count);
  });
});

describe('a renewal', () => {
  it('is no news of a fence; other terms and another duration are', () => {
    const before = lease(usual);
    expect(isNewsOfFence(before, lease(usual, { leaseDurationSeconds: 10, renewTime: 'later' }))).toBe(false);
    expect(isNewsOfFence(before, lease({ ...usual, killSeconds: 1 }))).toBe(true);
    expect(isNewsOfFence(before, lease(usual, { leaseDurationSeconds: 11 }))).toBe(true);
    expect(isNewsOfFence(undefined, before)).toBe(true);
  });
});
