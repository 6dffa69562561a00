// What makes one machine better than another, part by part.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { at, noon } from '../../../test/builders/job.ts';
import { aMachine, lostTaint, type MachineOverrides } from '../../../test/builders/node.ts';
import { nothing } from '../model/capacity.ts';
import { machineOf, type Machine } from '../model/machine.ts';
import { lostByRoom, rank, scoreOf, type ScoreParts } from './score.ts';

const dedicated = { 'idlewild.dev/class': 'dedicated' };
const machine = (o: MachineOverrides = {}, name = 'pc'): Machine => machineOf(aMachine(name, { since: at(0), ...o }));
const freeOf = ({ offer }: Machine) => offer;
const parts = (o: MachineOverrides, losses?: ReadonlyMap<string, number>, image = 'lab/tiny'): ScoreParts => {
  const one = machine(o);
  return scoreOf(one, one.offer, image, { nowMs: noon, losses }).parts;
};

describe('the score', () => {
  it.each<[string, MachineOverrides, number]>([
    ['most for a machine without an owner', { labels: dedicated }, 40],
    ['a middle for a desktop of which nobody knows', {}, 15],
    ['35 when the owner is away for eight hours or more', { expectedAwayUntil: at(9 * 3600) }, 35],
    ['in proportion when the owner is away for less', { expectedAwayUntil: at(4 * 3600) }, 18],
    ['nothing when the owner was expected back', { expectedAwayUntil: at(-1) }, 0],
    ['a middle when the expectation is nonsense', { expectedAwayUntil: 'tomorrow' }, 15],
  ])('for absence is %s', (_what, o, expected) => {
    expect(parts(o).absence).toBe(expected);
  });

  it.each<[string, string, number]>([
    ['lab/tiny', 'docker.io/lab/tiny:latest', 20],
    ['lab/tiny:latest', 'docker.io/lab/tiny:latest', 20],
    ['docker.io/lab/tiny:1.0', 'docker.io/lab/tiny:1.0', 20],
    ['lab/tiny:1.1', 'docker.io/lab/tiny:1.0', 0],
    ['tiny', 'docker.io/lab/tiny-more:latest', 0],
  ])('for the image %s on a machine that has %s is right', (image, has, expected) => {
    expect(parts({ images: [has] }, undefined, image).image).toBe(expected);
  });

  it.each([
    [0, 0],
    [-600, 1],
    [-3600, 6],
    [-86_400, 15],
    [600, 0],
  ])('for lending since %i s is %i', (since, expected) => {
    expect(parts({ since: at(since) }).idle).toBe(expected);
  });

  it('for a room is less with each loss there', () => {
    const room = (losses: number) => parts({}, new Map([['lab-a', losses]])).room;
    expect([room(0), room(1), room(2), room(9)]).toEqual([15, 10, 5, 0]);
    expect(parts({}).room).toBe(15);
    const lost = lostByRoom([machine({ taints: [lostTaint] }), machine({ room: 'lab-b' })]);
    expect([...lost]).toEqual([['lab-a', 1]]);
  });

  it('for room on the machine goes by the scarcer of cores and memory', () => {
    const one = machine({ cores: 4, memoryMiB: 1000 });
    const free = (cores: number, memoryMiB: number) =>
      scoreOf(one, { ...nothing, cores, memoryMiB }, '', { nowMs: noon }).parts.free;
    expect([free(4, 1000), free(4, 500), free(1, 1000), free(0, 0)]).toEqual([10, 5, 3, 0]);
  });

  it('is the sum of its parts and within its bounds', () => {
    const o = { labels: dedicated, images: ['lab/tiny'], since: at(-86_400) };
    const one = machine(o);
    expect(scoreOf(one, one.offer, 'lab/tiny', { nowMs: noon }).score).toBe(100);
  });
});

describe('the order', () => {
  const names = (list: readonly { machine: Machine }[]) => list.map(({ machine: { name } }) => name);

  it('has the best first, then who lent longest, then the first name', () => {
    const list = [
      machine({}, 'b'),
      machine({}, 'a'),
      machine({ since: at(-60) }, 'older'),
      machine({ labels: dedicated }, 'server'),
    ];
    expect(names(rank(list, '', { nowMs: noon, freeOf }))).toEqual(['server', 'older', 'a', 'b']);
  });

  it('has the preferred before all others, in their order', () => {
    const list = ['a', 'b', 'c'].map((name) => machine({}, name));
    expect(names(rank(list, '', { nowMs: noon, freeOf, preferred: ['c', 'gone', 'b'] }))).toEqual(['c', 'b', 'a']);
  });

  it('is the same with a limit, only cut', () => {
    const some = fc.array(
      fc.record({ dedicated: fc.boolean(), since: fc.constantFrom(0, -600, -6000), cores: fc.constantFrom(2, 4) }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(some, fc.nat(6), (list, limit) => {
        const machines = list.map(({ dedicated: own, since, cores }, n) =>
          machine({ ...(own ? { labels: dedicated } : {}), since: at(since), cores }, `pc-${n}`),
        );
        const o = { nowMs: noon, freeOf, preferred: ['pc-3'] };
        expect(names(rank(machines, '', { ...o, limit }))).toEqual(names(rank(machines, '', o)).slice(0, limit));
      }),
    );
  });
});
