import { describe, expect, it } from '@jest/globals';
import { aMachine } from '../../../test/builders/node.ts';
import type { Clock } from '../kube/clock.ts';
import { machineRowOf } from './rows.ts';
import { UsageLog } from './usage-log.ts';

function logOf() {
  let now = 0;
  let cores = 4;
  const clock: Clock = { now: () => now, monotonic: () => now } as Clock;
  const log = new UsageLog(clock, () => [
    machineRowOf(aMachine('pc-1', { cores }), [], now),
    machineRowOf(aMachine('pc-2', { cores: 8, cordoned: true }), [], now),
  ]);
  return {
    log,
    at: (seconds: number, lent: number) => {
      now = seconds * 1000;
      cores = lent;
      log.take();
    },
  };
}

describe('the log of lent cores', () => {
  it('counts machines that lend, and ends with this moment', () => {
    const { log, at } = logOf();
    at(10, 4);
    expect(log.points()).toEqual([
      { atMs: 10_000, lent: 4, used: 0 },
      { atMs: 10_000, lent: 4, used: 0 },
    ]);
  });

  it('tells means where there are more points than asked for', () => {
    const { log, at } = logOf();
    for (let i = 0; i < 10; i++) at(i * 30, i % 2 === 0 ? 2 : 4);
    expect(log.points(5).map(({ lent }) => lent)).toEqual([3, 3, 3, 3, 3, 4]);
  });

  it('forgets what is older than a day', () => {
    const { log, at } = logOf();
    at(0, 4);
    at(86_400, 4);
    at(86_430, 4);
    expect(log.points().map(({ atMs }) => atMs / 1000)).toEqual([86_400, 86_430, 86_430]);
  });
});
