// Who is looked at when something changes.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aVm, aVmi, type InstanceOverrides } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import { aMachine, type MachineOverrides } from '../../../test/builders/node.ts';
import type { Node } from '../api/kubernetes.ts';
import type { VmiPhase } from '../api/kubevirt.ts';
import { FakeClock } from '../kube/clock.ts';
import { requirementOf } from '../matching/subscribe.ts';
import { Verdicts, type RequirementClass } from '../matching/verdicts.ts';
import { Wakes } from './wakes.ts';

function setUp() {
  const clock = new FakeClock();
  const woken: string[] = [];
  const there = new Set<RequirementClass | string>();
  const wakes = new Wakes({
    clock,
    onMachine: (job) => void woken.push(job),
    onChance: (job) => void woken.push(job),
    isThere: (awaited) => there.has(awaited.kind === 'room' ? awaited.of : awaited.from),
  });
  const vmi = (name: string, phase: VmiPhase, node: string, o: InstanceOverrides = {}) =>
    aVmi(aVm(aJob(name).published().claimedBy(node).job), phase, node, o);
  const runs = (name: string, node: string, phase: VmiPhase = 'Running'): void =>
    wakes.sawInstance({ type: 'updated', object: vmi(name, phase, node) }, `default/${name}`);
  const changes = (
    name: string,
    before: MachineOverrides,
    after: MachineOverrides,
    edit = (node: Node) => node,
  ): void => wakes.sawNode({ type: 'updated', object: edit(aMachine(name, after)), previous: aMachine(name, before) });
  const take = (): string[] => woken.splice(0);
  return { clock, wakes, there, runs, changes, take, vmi };
}
const roomFor = (of: RequirementClass) => ({ kind: 'room', of }) as const;
const present = { labels: { 'idlewild.dev/presence': 'present' } };

describe('the guests of a machine', () => {
  it('are looked at when the machine is heard of only after them, as when an operator starts', () => {
    const { wakes, runs, take } = setUp();
    runs('a', 'pc-1');
    runs('b', 'pc-2');
    wakes.sawNode({ type: 'added', object: aMachine('pc-1', present) });
    expect(take()).toEqual(['default/a']);
  });

  it.each<[string, MachineOverrides]>([
    ['is cordoned', { cordoned: true }],
    ['has its owner back', present],
    ['is tainted', { taints: [{ key: 'idlewild.dev/owner-present', effect: 'NoSchedule' }] }],
  ])('are looked at at once when it %s, and when that is over', (_name, o) => {
    const { runs, changes, take } = setUp();
    runs('a', 'pc-1');
    runs('b', 'pc-1');
    runs('c', 'pc-2');
    changes('pc-1', {}, o);
    expect(take()).toEqual(['default/a', 'default/b']);
    changes('pc-1', o, {});
    expect(take()).toEqual(['default/a', 'default/b']);
  });

  it('are those that are there now', () => {
    const { runs, changes, take, wakes, vmi } = setUp();
    runs('a', 'pc-1');
    runs('b', 'pc-1');
    runs('c', 'pc-1');
    runs('a', 'pc-2');
    runs('b', 'pc-1', 'Succeeded');
    wakes.sawInstance({ type: 'deleted', object: vmi('c', 'Running', 'pc-1') }, 'default/c');
    changes('pc-1', {}, present);
    expect(take()).toEqual([]);
  });

  it('are left alone when its heartbeat or its images change', () => {
    const { runs, changes, take } = setUp();
    runs('a', 'pc-1');
    changes('pc-1', {}, { images: ['lab/tiny'] });
    expect(take()).toEqual([]);
  });
});

describe('guests that wait to leave', () => {
  const { vmi } = setUp();
  const ended = aJob('z').published().claimedBy('pc-1');
  type Act = (o: ReturnType<typeof setUp>) => void;

  it.each<[string, Act]>([
    ['a guest ends', ({ runs }) => runs('other', 'pc-3', 'Succeeded')],
    ['a guest leaves', ({ runs }) => runs('other', 'pc-4')],
    [
      'a guest is deleted',
      ({ wakes }) => wakes.sawInstance({ type: 'deleted', object: vmi('other', 'Running', 'pc-3') }, 'default/other'),
    ],
    [
      'a migration ends',
      ({ wakes }) => wakes.sawMigration({ type: 'updated', object: aMigration(aVm(ended.job), 'pc-2', 'Failed') }),
    ],
    [
      'a claim is given up',
      ({ wakes }) => wakes.sawJob({ type: 'updated', object: ended.ended('StartFailed').job, previous: ended.job }),
    ],
    ['a machine is opened', ({ changes }) => changes('pc-2', { cordoned: true }, {})],
    ['a machine gets ready', ({ changes }) => changes('pc-2', { ready: false }, {})],
    ['a machine lends more', ({ changes }) => changes('pc-2', { cores: 1 }, { cores: 2 })],
    ['a machine is there', ({ wakes }) => wakes.sawNode({ type: 'added', object: aMachine('pc-9') })],
    [
      'a hold ends',
      ({ changes }) =>
        changes('pc-2', {}, {}, (node) => ({
          ...node,
          metadata: { ...node.metadata, annotations: { ...node.metadata.annotations, 'idlewild.dev/hold': '{}' } },
        })),
    ],
  ])('are looked at once when %s, a moment later', async (_name, act) => {
    const scene = setUp();
    scene.runs('other', 'pc-3');
    scene.wakes.waits('default/a');
    scene.wakes.waits('default/b');
    act(scene);
    act(scene);
    expect(scene.take()).toEqual([]);
    await scene.clock.advance(260);
    expect(scene.take()).toEqual(['default/a', 'default/b']);
    await scene.clock.advance(10_000);
    expect(scene.take()).toEqual([]);
  });

  it.each<[string, Act]>([
    ['a heartbeat comes', ({ changes }) => changes('pc-2', {}, { images: ['lab/tiny'] })],
    ['a guest goes on running', ({ runs }) => runs('other', 'pc-3')],
    [
      'a migration goes on',
      ({ wakes }) => wakes.sawMigration({ type: 'updated', object: aMigration(aVm(ended.job), 'pc-2', 'Running') }),
    ],
    ['a job says something', ({ wakes }) => wakes.sawJob({ type: 'updated', object: ended.job, previous: ended.job })],
  ])('are left alone when %s', async (_name, act) => {
    const scene = setUp();
    scene.runs('other', 'pc-3');
    scene.wakes.waits('default/a');
    act(scene);
    await scene.clock.advance(10_000);
    expect(scene.take()).toEqual([]);
  });

  it('are looked at only if what they wait for is there, unless nobody can say whether it is', async () => {
    const { wakes, there, runs, take, clock } = setUp();
    const verdicts = new Verdicts();
    const [small, big] = [1, 8].map((cores) =>
      roomFor(verdicts.classOf(requirementOf(aJob('j', { resources: { cores } }).job))),
    );
    wakes.waits('default/small', small);
    wakes.waits('default/big', big);
    wakes.waits('default/turn', { kind: 'turn', from: 'pc-1' });
    wakes.waits('default/other');
    runs('other', 'pc-3');
    runs('other', 'pc-3', 'Succeeded');
    await clock.advance(260);
    expect(take()).toEqual(['default/other']);
    if (small) there.add(small.of);
    runs('other', 'pc-3');
    runs('other', 'pc-4');
    await clock.advance(260);
    expect(take()).toEqual(['default/small', 'default/other']);
    there.add('pc-1');
    runs('other', 'pc-5');
    await clock.advance(260);
    expect(take()).toEqual(['default/small', 'default/turn', 'default/other']);
  });

  it('are looked at again and again though nothing was heard that gives room', async () => {
    const { wakes, there, take, clock } = setUp();
    const kind = new Verdicts().classOf(requirementOf(aJob('j').job));
    wakes.waits('default/a', roomFor(kind));
    await clock.advance(200_000);
    expect(take()).toEqual([]);
    there.add(kind);
    await clock.advance(60_000);
    expect(take()).toEqual(['default/a']);
    wakes.settled('default/a');
    await clock.advance(200_000);
    expect(take()).toEqual([]);
  });

  it('wait for nothing any more once they are settled, or the operator stops', async () => {
    const { wakes, runs, take, clock } = setUp();
    runs('other', 'pc-3');
    wakes.waits('default/a');
    wakes.waits('default/b');
    expect(wakes.waiting).toBe(2);
    wakes.settled('default/a');
    runs('other', 'pc-4');
    await clock.advance(260);
    expect(take()).toEqual(['default/b']);
    runs('other', 'pc-5');
    wakes.close();
    await clock.advance(1_000);
    expect(take()).toEqual([]);
  });
});
