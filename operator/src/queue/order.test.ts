// In which order waiting jobs are served.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aJob } from '../../../test/builders/job.ts';
import { ageOf, Line, queueOrder, type InLine, type Shares } from './order.ts';
import { Usage, type Pair } from './usage.ts';

const pool: Pair = { cores: 100, memoryMiB: 100_000 };

function entry(name: string, o: Partial<InLine> = {}): InLine {
  const namespace = o.namespace ?? 'a';
  return {
    key: `${namespace}/${name}`,
    namespace,
    rank: 1,
    age: `${name} ${namespace}/${name}`,
    needs: { cores: 1, memoryMiB: 100 },
    ...o,
  };
}

function shares(used: Record<string, number> = {}, weights: Record<string, number> = {}): Shares {
  return {
    usageOf: (namespace) => ({ cores: used[namespace] ?? 0, memoryMiB: 0 }),
    weightOf: (namespace) => weights[namespace] ?? 1,
    pool,
    aheadMs: 60_000,
  };
}

function lineOf(entries: readonly InLine[]): Line<InLine> {
  const line = new Line<InLine>();
  for (const each of entries) line.set(each);
  return line;
}

const order = (entries: readonly InLine[], how = shares()): string[] =>
  [...queueOrder(lineOf(entries), how)].map(({ key }) => key);

describe('the order', () => {
  it('is by priority first, whatever has been used', () => {
    const entries = [entry('1', { rank: 0 }), entry('2', { rank: 3, namespace: 'b' }), entry('3', { rank: 2 })];
    expect(order(entries, shares({ b: 1e12 }))).toEqual(['b/2', 'a/3', 'a/1']);
  });

  it('is by usage within a priority', () => {
    const entries = [entry('1'), entry('2', { namespace: 'b' })];
    expect(order(entries, shares({ a: 1 }))).toEqual(['b/2', 'a/1']);
    expect(order(entries, shares({ b: 1 }))).toEqual(['a/1', 'b/2']);
  });

  it('is by age within a namespace, and between namespaces of equal usage', () => {
    expect(order([entry('2', { namespace: 'b' }), entry('3'), entry('1')])).toEqual(['a/1', 'b/2', 'a/3']);
  });

  it('takes turns between namespaces, for each that is served counts at once', () => {
    const entries = [1, 2, 3, 4].map((n) => entry(`0${n}`));
    expect(order([...entries, entry('9', { namespace: 'b' })])).toEqual(['a/01', 'b/9', 'a/02', 'a/03', 'a/04']);
  });

  it('gives a namespace of weight 3 three turns for one of another', () => {
    const of = (namespace: string) => Array.from({ length: 12 }, (_, n) => entry(String(100 + n), { namespace }));
    const found = order([...of('a'), ...of('b')], shares({}, { a: 3 }));
    expect(found.slice(0, 8).filter((key) => key.startsWith('a/'))).toHaveLength(6);
  });

  it('counts what a namespace was served with a higher priority against its lower ones', () => {
    const entries = [entry('1', { rank: 2 }), entry('2'), entry('3', { namespace: 'b' })];
    expect(order(entries)).toEqual(['a/1', 'b/3', 'a/2']);
  });

  it('does not count a job that waits for something of its own', () => {
    const entries = [entry('1'), entry('2'), entry('3', { namespace: 'b' })];
    const found = [...queueOrder(lineOf(entries), shares(), ({ key }) => key !== 'a/1')].map(({ key }) => key);
    expect(found).toEqual(['a/1', 'a/2', 'b/3']);
  });

  it('charges by the resource of which a job takes the larger part', () => {
    const fat = { cores: 1, memoryMiB: 50_000 };
    const entries = [entry('1', { needs: fat }), entry('2', { needs: fat })];
    const thin = [3, 4, 5].map((n) => entry(String(n), { namespace: 'b' }));
    expect(order([...entries, ...thin])).toEqual(['a/1', 'b/3', 'b/4', 'b/5', 'a/2']);
  });

  it('is the same however the line came about, and holds everyone exactly once', () => {
    const someone = fc.record({
      name: fc.nat({ max: 30 }),
      namespace: fc.constantFrom('a', 'b', 'c'),
      rank: fc.nat({ max: 3 }),
      leaves: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(someone, { maxLength: 60 }), (changes) => {
        const line = new Line<InLine>();
        const present = new Map<string, InLine>();
        for (const { name, namespace, rank, leaves } of changes) {
          const each = entry(String(name).padStart(2, '0'), { namespace, rank });
          if (leaves) {
            line.delete(each.key);
            present.delete(each.key);
          } else {
            line.set(each);
            present.set(each.key, each);
          }
        }
        const found = [...queueOrder(line, shares({ a: 5, b: 3 }))].map(({ key }) => key);
        expect(found).toEqual(order([...present.values()].reverse(), shares({ a: 5, b: 3 })));
        expect([...found].sort()).toEqual([...present.keys()].sort());
        expect(line.size).toBe(present.size);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a namespace with a thousand jobs', () => {
  it('cannot stand before the first job of one that used less, nor put more than one of its own before an equal', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1e9 }), fc.nat({ max: 1e9 }), (usedByMany, usedByOne) => {
        const many = Array.from({ length: 1000 }, (_, n) => entry(String(1000 + n), { namespace: 'many' }));
        const found = order(
          [...many, entry('9999', { namespace: 'one' })],
          shares({ many: usedByMany, one: usedByOne }),
        );
        // A machine-minute of one core is what each that is served counts.
        const mayPass = Math.max(0, Math.floor((usedByOne - usedByMany) / 60_000) + 1);
        expect(found.indexOf('one/9999')).toBeLessThanOrEqual(mayPass);
      }),
      { numRuns: 20 },
    );
  });
});

describe('in the long run', () => {
  it.each([[{ a: 1, b: 1, c: 1 }], [{ a: 5, b: 2, c: 1 }], [{ a: 100, b: 10, c: 10 }]])(
    'namespaces that always want more get what their weights %j say',
    (weights: Record<string, number>) => {
      const usage = new Usage({ halfLifeMs: 24 * 3_600_000, aheadMs: 60_000 });
      const got: Record<string, number> = { a: 0, b: 0, c: 0 };
      const minute = 60_000;
      // Ten machines of one core; each job takes ten minutes, and the machines come free one after the other.
      for (let slot = 0; slot < 6_000; slot++) {
        const nowMs = slot * minute;
        const line = lineOf(['a', 'b', 'c'].map((namespace) => entry('next', { namespace })));
        const [first] = queueOrder(line, {
          usageOf: (namespace) => usage.of(namespace, nowMs),
          weightOf: (namespace) => weights[namespace] ?? 1,
          pool: { cores: 10, memoryMiB: 1000 },
          aheadMs: minute,
        });
        const namespace = first?.namespace ?? '';
        got[namespace] = (got[namespace] ?? 0) + 1;
        usage.remember({ namespace, cores: 1, memoryMiB: 100, fromMs: nowMs, toMs: nowMs + 10 * minute });
      }
      const sum = Object.values(weights).reduce((a, b) => a + b);
      for (const [namespace, weight] of Object.entries(weights)) {
        expect((got[namespace] ?? 0) / 6_000).toBeCloseTo(weight / sum, 2);
      }
    },
  );
});

describe('age', () => {
  it('is that of the publication, which a job that is tried again keeps', () => {
    const first = aJob('old').published(1);
    const again = first.claimedBy('pc', { at: 10 }).ended('MachineLost', { at: 20 });
    expect(ageOf(again.job)).toBe(ageOf(first.job));
    expect(ageOf(again.job) < ageOf(aJob('new').published(15).job)).toBe(true);
  });

  it('puts what is not published yet behind what is', () => {
    expect(ageOf(aJob('a').job) > ageOf(aJob('z').published(1_000_000).job)).toBe(true);
  });
});
