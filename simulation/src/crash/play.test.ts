// The harness itself: runs repeat exactly, what goes wrong is found, and nothing in the operator looks at the machine's time.
import { afterEach, describe, expect, it } from '@jest/globals';
import { computeJobs, secrets } from '@idlewild/operator/api/resources.ts';
import { namespace } from './pool.ts';
import { play } from './play.ts';
import { scenarios } from './scenarios.ts';
import { includes, type Scenario } from './scenario.ts';

const scenario = (name: string): Scenario => {
  const found = scenarios.find((each) => each.name === name);
  if (!found) throw new RangeError(`no scenario is named "${name}"`);
  return found;
};
const ending = scenario('jobs that run to their ends');

describe('two runs of one seed', () => {
  it.each([1, 17, 40])(
    'make the same writes, byte for byte (seed %d)',
    async (seed) => {
      const conditions = { seed, faults: 'mix' as const, death: { write: 7, when: 'after' } as const };
      const of = async () => (await play(scenario('a machine that is lost'), conditions)).trace.lines().join('\n');
      const first = await of();
      expect(first.length).toBeGreaterThan(1_000);
      expect(await of()).toBe(first);
    },
    60_000,
  );

  it('differ from those of another', async () => {
    const of = async (seed: number) => (await play(ending, { seed })).trace.lines().join('\n');
    expect(await of(1)).not.toBe(await of(2));
  });
});

describe('the harness finds', () => {
  it.each<[string, Partial<Scenario>, RegExp]>([
    ['an end that is another', { ends: { a: { phase: 'Failed' } } }, /never the end/],
    [
      'an object that is left',
      {
        steps: [
          {
            when: 'at once',
            holds: () => true,
            act: ({ api }) => api.create(secrets, { metadata: { namespace, name: 'stray' } }),
          },
        ],
      },
      /left: Secret lab\/stray/,
    ],
    [
      'a status that is lost later',
      {
        steps: [
          {
            when: 'a has ended',
            holds: (pool) => pool.job('a')?.status?.phase === 'Succeeded',
            act: ({ api, clock }) => {
              const end = { status: { exitCode: 9 } };
              const harm = () => api.patch(computeJobs, { namespace, name: 'a' }, end, { subresource: 'status' });
              clock.setTimeout(harm, 30_000);
            },
          },
        ],
      },
      /the end did not last/,
    ],
  ])(
    '%s',
    async (_name, change, words) => {
      await expect(play({ ...ending, ...change })).rejects.toThrow(words);
    },
    60_000,
  );

  it('what is not as wanted', () => {
    expect(includes({ a: [{ b: 1, c: 2 }] }, { a: [{ b: 1 }] })).toBe(true);
    expect(includes({ a: [{ b: 1 }, { b: 1 }] }, { a: [{ b: 1 }] })).toBe(false);
    expect(includes({ a: 1 }, { a: '1' })).toBe(false);
    expect(includes(undefined, { a: 1 })).toBe(false);
  });
});

describe('the operator in virtual time', () => {
  const { now } = Date;
  const { setTimeout: realTimeout, setInterval: realInterval } = globalThis;

  afterEach(() => {
    Date.now = now;
    Object.assign(globalThis, { setTimeout: realTimeout, setInterval: realInterval });
  });

  it('does not ask the machine for the time, nor wait by its timers', async () => {
    const asked: string[] = [];
    const notice = (what: string): void => {
      const stack = new Error().stack ?? '';
      const line = stack.split('\n').find((each) => each.includes('/operator/src/'));
      if (line !== undefined) asked.push(`${what} ${line.trim()}`);
    };
    Date.now = () => {
      notice('Date.now');
      return now();
    };
    const noticing =
      <A extends unknown[], R>(what: string, real: (...args: A) => R) =>
      (...args: A): R => {
        notice(what);
        return real(...args);
      };
    Object.assign(globalThis, {
      setTimeout: noticing('setTimeout', realTimeout),
      setInterval: noticing('setInterval', realInterval),
    });
    await play(scenario('a drain that moves the guest'));
    await play(scenario('a machine that is lost'));
    expect([...new Set(asked)]).toEqual([]);
  });
});
