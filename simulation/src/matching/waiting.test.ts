// What two thousand waiting jobs are told, and how many writes that costs.
import { describe, expect, it } from '@jest/globals';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { at, image, minuteMs, secondMs, whole, type Asked, type Witness } from './witness.ts';

const many = 2_000;
const within = (writes: readonly Asked[], fromMs: number, toMs: number): readonly Asked[] =>
  writes.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);

/** The most in any ten seconds. */
function busiest(writes: readonly Asked[]): number {
  let most = 0;
  writes.forEach(({ atMs }, first) => {
    const after = writes.findIndex((each, index) => index >= first && each.atMs >= atMs + 10 * secondMs);
    most = Math.max(most, (after < 0 ? writes.length : after) - first);
  });
  return most;
}

const inLine = (witness: Witness): ComputeJob[] =>
  witness
    .jobs()
    .filter(({ status }) => status?.waiting !== undefined)
    .sort((a, b) => (a.status?.waiting?.position ?? 0) - (b.status?.waiting?.position ?? 0));

describe('two thousand waiting jobs', () => {
  it(
    'are all told at once, then seldom, and those in front soon, at no more than twenty writes in a second',
    () =>
      at({ machines: ['pc-1', 'pc-2', 'pc-3', 'pc-4'] }, async (witness) => {
        for (let n = 0; n < many; n++) {
          witness.submit(`job-${n}`, {
            ...image(`exit-0-after-${60_000 + (n % 7) * 10_000}`),
            ...whole,
            walltime: '3m',
          });
        }
        await witness.until('all were told', () => inLine(witness).length >= many - 8, minuteMs);
        const first = witness.statusWrites().length;
        expect(witness.nowMs).toBeLessThan(10 * secondMs);
        expect(first).toBeLessThan(many + 100);

        await witness.advance(2 * secondMs);
        const fromMs = witness.nowMs;
        await witness.advance(20 * minuteMs);
        const words = within(witness.statusWrites(), fromMs, Infinity).filter(({ body }) =>
          JSON.stringify(body).includes('"waiting":{'),
        );
        expect(busiest(words)).toBeLessThanOrEqual(10 * 20 + 20);
        const minutes = (witness.nowMs - fromMs) / minuteMs;
        // Each place in line that nobody behind the front needs to know of costs nothing: about four writes an hour and job.
        expect(words.length / many / (minutes / 60)).toBeLessThan(8);

        // Those in front know their place, five seconds after it changed at the latest.
        const claims = witness.statusWrites().filter(({ body }) => JSON.stringify(body).includes('"attempts"')).length;
        await witness.until('the next is claimed', () => {
          const now = witness.statusWrites().filter(({ body }) => JSON.stringify(body).includes('"attempts"')).length;
          return now > claims;
        });
        await witness.advance(7 * secondMs);
        const places = inLine(witness)
          .slice(0, 20)
          .map(({ status }) => status?.waiting?.position);
        expect(places).toEqual(places.map((_place, index) => index + 1));
        expect(inLine(witness)[0]?.status?.waiting?.estimate).toBeDefined();
      }),
    180_000,
  );
});

describe('the reason to wait', () => {
  it('is the same text in the status, the condition and the event, and told again only when it is another one', () =>
    at({ machines: ['pc-1', 'pc-2'] }, async (witness) => {
      for (const name of ['a', 'b']) witness.submit(name, whole);
      await witness.runs('b');
      witness.submit('c', whole);
      const told = (): Record<string, unknown> => {
        const { reason, message, waiting } = witness.job('c')?.status ?? {};
        const condition = witness.condition('c', 'Claimed');
        return {
          reason,
          message,
          waiting: waiting?.message,
          said: [condition?.status, condition?.reason, condition?.message],
        };
      };
      await witness.until('c is told', () => witness.job('c')?.status?.waiting !== undefined);
      await witness.advance(2 * secondMs);
      const message = '1st in line; 2 machines are at least 2 cores short';
      const same = { message, waiting: message };
      expect(told()).toEqual({ ...same, reason: 'InsufficientCores', said: ['False', 'InsufficientCores', message] });
      expect(witness.events('c')).toEqual([{ reason: 'InsufficientCores', note: message }]);

      for (const machine of ['pc-1', 'pc-2']) witness.pool.owner(machine, true);
      await witness.until(
        'it is told of the owners',
        () => witness.job('c')?.status?.reason === 'OwnerPresent',
        minuteMs,
      );
      await witness.advance(2 * secondMs);
      const other = '1st in line; 2 machines have their owner present';
      expect(told()).toEqual({
        reason: 'OwnerPresent',
        message: other,
        waiting: other,
        said: ['False', 'OwnerPresent', other],
      });
      expect(witness.events('c').map(({ note }) => note)).toEqual([message, other]);
      await witness.advance(10 * minuteMs);
      expect(witness.events('c')).toHaveLength(2);
    }));
});
