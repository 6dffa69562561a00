// The check of the queue's order sees an order that is wrong: the real operator plays small, crowded pools with a line that is
// served by another rule than the documented one.
import { describe, expect, it, jest } from '@jest/globals';
import * as order from '@idlewild/operator/queue/order.ts';
import type { InLine, Shares } from '@idlewild/operator/queue/order.ts';

type Served = <T extends InLine>(right: readonly T[], again: (shares: Partial<Shares>) => readonly T[]) => readonly T[];
const right: Served = (line) => line;
const sorted =
  (compare: (a: InLine, b: InLine) => number): Served =>
  (line) =>
    [...line].sort(compare);

let served: Served = right;
const { queueOrder } = order;
jest.unstable_mockModule('@idlewild/operator/queue/order.ts', () => ({
  ...order,
  queueOrder: <T extends InLine>(line: order.Line<T>, shares: Shares, counts?: (entry: T) => boolean) =>
    served([...queueOrder(line, shares, counts)], (other) => [...queueOrder(line, { ...shares, ...other }, counts)]),
}));
const { runWatched } = await import('../world/run.ts');

/** What was found in the first of the pools in which anything was. */
async function play(rule: Served, seeds: readonly number[]): Promise<string | undefined> {
  served = rule;
  for (const seed of seeds) {
    const size = { machines: 6, jobs: 80, days: 1, load: 1.5, trouble: 'none' } as const;
    try {
      await runWatched({ ...size, seed, replay: 'this test' });
    } catch (error) {
      return (error as Error).message;
    }
  }
  return undefined;
}

describe('the order in which the line is served', () => {
  it('is found right when it is', async () => {
    expect(await play(right, [1, 6])).toBeUndefined();
  }, 300_000);

  it.each<[string, Served]>([
    ['what namespaces have used is forgotten', (_, again) => again({ usageOf: () => ({ cores: 0, memoryMiB: 0 }) })],
    ['namespaces weigh the same', (_, again) => again({ weightOf: () => 1 })],
    ['priority does not matter', sorted((a, b) => (a.age < b.age ? -1 : 1))],
    ['the youngest come first', sorted((a, b) => b.rank - a.rank || (a.age < b.age ? 1 : -1))],
    ['only age matters within a priority', sorted((a, b) => b.rank - a.rank || (a.age < b.age ? -1 : 1))],
  ])(
    'is found wrong when %s',
    async (_, rule) => {
      expect(await play(rule, [1, 6])).toContain('queue order');
    },
    300_000,
  );
});
