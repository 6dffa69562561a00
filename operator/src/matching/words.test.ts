// The words that tell why a job waits.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aJob, noon, type SpecOverrides } from '../../../test/builders/job.ts';
import { aMachine, lostTaint, type MachineOverrides } from '../../../test/builders/node.ts';
import type { Node } from '../api/kubernetes.ts';
import { poolOf } from '../model/pool.ts';
import type { MachineReason } from '../model/reasons.ts';
import { requirementOf, subscribers } from './subscribe.ts';
import { tallyOf, withOwn } from './tally.ts';
import { explainTally, ordinal, type Explanation } from './words.ts';

function wordsFor(
  spec: SpecOverrides,
  nodes: Node[],
  kept: string[] = [],
  reason: MachineReason = 'ReservedForEarlier',
): Explanation {
  const pool = poolOf({ nodes, jobs: [], vms: [], vmis: [], migrations: [] });
  const wanted = requirementOf(aJob('j', spec).job);
  const own = kept.flatMap((name) => {
    const machine = pool.machine(name);
    return machine ? [{ machine, reason }] : [];
  });
  const tally = withOwn(tallyOf(subscribers(pool, wanted, { nowMs: noon })), own);
  return explainTally({ wanted, tally, position: 1 });
}

const many = (count: number, o: MachineOverrides, prefix = 'pc'): Node[] =>
  Array.from({ length: count }, (_, n) => aMachine(`${prefix}-${n}`, o));
const present = { labels: { 'idlewild.dev/presence': 'present' } };

describe('a waiting job is told', () => {
  it('per reason how many machines it keeps away, with what is short, most first', () => {
    const nodes = [
      ...many(3, present),
      ...many(2, { memoryMiB: 1024 }, 'small'),
      ...many(1, { architecture: 'arm64' }, 'arm'),
    ];
    const words = wordsFor({ resources: { memory: '4736Mi' } }, nodes);
    expect(words.message).toBe(
      '1st in line; 3 machines have their owner present, 2 machines are at least 3.9 GiB of memory short, ' +
        '1 machine has another architecture',
    );
    expect(words.reason).toBe('OwnerPresent');
    expect(words.waiting.reasons).toEqual([
      {
        reason: 'OwnerPresent',
        machines: 3,
        names: ['pc-0', 'pc-1', 'pc-2'],
        message: '3 machines have their owner present',
      },
      {
        reason: 'InsufficientMemory',
        machines: 2,
        names: ['small-0', 'small-1'],
        message: "4.9 GiB of memory wanted (with KubeVirt's overhead), the largest machine lends 1 GiB",
      },
      { reason: 'WrongArchitecture', machines: 1, names: ['arm-0'], message: 'architecture amd64 wanted' },
    ]);
  });

  it('what is wrong with the fences of machines, and what helps', () => {
    const nodes = many(3, {});
    const objects = { nodes, jobs: [], vms: [], vmis: [], migrations: [] };
    const pool = poolOf(objects, {
      unfenced: ({ metadata }) => (metadata.name === 'pc-2' ? 'too slow' : 'switched off'),
    });
    const wanted = requirementOf(aJob('j').job);
    const { message, waiting } = explainTally({
      wanted,
      tally: tallyOf(subscribers(pool, wanted, { nowMs: noon })),
      position: 1,
    });
    expect(message).toBe('1st in line; 3 machines could not be trusted to end their guests when cut off');
    expect(waiting.reasons).toEqual([
      {
        reason: 'NotFenced',
        machines: 3,
        names: ['pc-0', 'pc-1', 'pc-2'],
        message: 'not fenced: switched off; too slow',
      },
    ]);
  });

  it.each<[string, SpecOverrides, MachineOverrides, string]>([
    ['cores', { resources: { cores: 3 } }, {}, '1 machine is 1 core short'],
    ['disk', { resources: { disk: '25Gi' } }, {}, '1 machine is 5 GiB of disk short'],
    [
      'graphics memory',
      { resources: { graphicsMemory: '64Mi' } },
      { graphicsMiB: 16 },
      '1 machine is 48 MiB of graphics memory short',
    ],
    ['processors', { resources: { gpus: 2 } }, { memoryMiB: 4096 }, '1 machine is 2 graphics processors short'],
    ['a hold', {}, { hold: { until: noon + 1 } }, '1 machine is held down after trouble'],
    ['a loss', {}, { taints: [lostTaint] }, '1 machine is lost'],
  ])('about %s', (_what, spec, machine, clause) => {
    // Another machine that is only away keeps the job from being called unsatisfiable.
    const nodes = [
      aMachine('pc', machine),
      aMachine('away', { ...present, cores: 64, diskMiB: 99_999, memoryMiB: 9999 }),
    ];
    expect(wordsFor(spec, nodes).message).toContain(clause);
  });

  it('that machines are kept for others, though they would fit', () => {
    const words = wordsFor({}, many(3, {}), ['pc-0', 'pc-1', 'pc-2']);
    expect(words).toMatchObject({
      reason: 'ReservedForEarlier',
      message: '1st in line; 3 machines are kept for a job further ahead in line',
    });
  });

  it('once of a reason that keeps some machines from all jobs and others from this one', () => {
    const nodes = [...many(1, {}, 'falls-silent'), ...many(9, { ready: false }, 'off'), ...many(2, present, 'used')];
    const words = wordsFor({}, nodes, ['falls-silent-0'], 'NotReady');
    expect(words.message).toBe('1st in line; 10 machines are not ready, 2 machines have their owner present');
    expect(words.waiting.reasons?.map(({ reason, machines }) => [reason, machines])).toEqual([
      ['NotReady', 10],
      ['OwnerPresent', 2],
    ]);
    const off = Array.from({ length: 7 }, (_, n) => `off-${n}`);
    expect(words.waiting.reasons?.[0]?.names).toEqual(['falls-silent-0', ...off]);
  });

  it('when no machine could ever do it', () => {
    expect(wordsFor({ resources: { cores: 64 } }, many(2, {}))).toMatchObject({
      reason: 'Unsatisfiable',
      message: 'no machine of the pool could ever satisfy this: 64 cores wanted, the largest machine lends 2',
    });
  });

  it('when there are no machines at all, or none is approved', () => {
    const message = '1st in line; the pool has no approved machine';
    expect(wordsFor({}, [])).toMatchObject({ reason: 'NoMachines', message });
    expect(wordsFor({}, many(2, { approved: false }))).toMatchObject({ reason: 'NoMachines', message });
  });

  it('the same whatever order the machines come in', () => {
    const nodes = [...many(9, present), ...many(4, { cores: 1 }, 'small'), ...many(4, { ready: false }, 'off')];
    const spec = { resources: { cores: 2 } };
    fc.assert(
      fc.property(fc.shuffledSubarray(nodes, { minLength: nodes.length }), (shuffled) => {
        expect(wordsFor(spec, shuffled)).toEqual(wordsFor(spec, nodes));
      }),
    );
  });

  it('in words that stay short for a large pool', () => {
    const nodes = [
      ...many(3_000, present),
      ...many(3_000, { ready: false }, 'off'),
      ...many(3_000, { cores: 1 }, 'small'),
    ];
    const words = wordsFor({ resources: { cores: 2 } }, nodes);
    expect(words.message.length).toBeLessThan(200);
    expect(JSON.stringify(words.waiting).length).toBeLessThan(1_500);
  });

  it('on one line and within bounds, whatever users and machines wrote', () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.constantFrom('a\nb', '\u2028', '\u202eevil', 'x'.repeat(5_000)),
    );
    fc.assert(
      fc.property(nasty, nasty, nasty, (key, value, room) => {
        const spec: SpecOverrides = {
          placement: { dedicatedOnly: false, rooms: [room], nodeSelector: Object.fromEntries([[key, value]]) },
        };
        const nodes = [
          aMachine('elsewhere', {}),
          aMachine('tainted', {
            room,
            labels: Object.fromEntries([[key, value]]),
            taints: [{ key: value, effect: 'NoSchedule' }],
          }),
          aMachine('unlike', { room, labels: { [key]: 'other' } }),
        ];
        const { message, waiting } = wordsFor(spec, nodes);
        const texts = [message, ...(waiting.reasons ?? []).map((each) => each.message ?? '')];
        for (const text of texts) expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(JSON.stringify(waiting).length).toBeLessThan(4_000);
        expect(message.length).toBeLessThanOrEqual(900);
      }),
    );
  });
});

describe('a place in line', () => {
  it.each([
    [1, '1st'],
    [2, '2nd'],
    [3, '3rd'],
    [4, '4th'],
    [11, '11th'],
    [12, '12th'],
    [113, '113th'],
    [121, '121st'],
  ])('%i is the %s', (n, text) => {
    expect(ordinal(n)).toBe(text);
  });
});
