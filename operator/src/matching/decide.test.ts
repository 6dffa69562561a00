// Who gets which machine, and what the others are told.
import { describe, expect, it } from '@jest/globals';
import { aJob, at, noon, type JobBuilder } from '../../../test/builders/job.ts';
import { aMachine, lostTaint } from '../../../test/builders/node.ts';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { matchingSettings, passOver, type PassOptions, type PassResult } from '../../../test/builders/queue.ts';
import type { Node } from '../api/kubernetes.ts';
import { notBefore } from '../queue/waiter.ts';

const match = (nodes: Node[], jobs: JobBuilder[], o: PassOptions = {}): PassResult =>
  passOver(
    nodes,
    jobs.map(({ job }) => job),
    o,
  );

describe('the claim', () => {
  it('is made for a new job at once: its publication is written together with the claim', () => {
    expect(match([aMachine('pc-1')], [aJob('new')]).claimed).toEqual({ new: 'pc-1' });
  });

  it('is never made for a job that its user has stopped, whose place goes to the next, with the machine kept for it', () => {
    const big = { resources: { cores: 4 } };
    const stopped = [aJob('new', { stop: true }), aJob('first', { ...big, stop: true }).published()];
    const lost = aJob('lost', { stop: true }).published().claimedBy('pc-9').ended('MachineLost');
    const pass = match([aMachine('pc-1', { cores: 4 })], [...stopped, lost, aJob('next', big).published(1)]);
    expect(pass.claimed).toEqual({ next: 'pc-1' });
    expect(pass.waits).toEqual([]);
  });

  it('goes to exactly one machine; the others that fit are runners-up, at most as many as wanted', () => {
    const nodes = ['pc-1', 'pc-2', 'pc-3', 'pc-4', 'pc-5', 'pc-6'].map((name) => aMachine(name));
    const decisions = match(nodes, [aJob('a').published()]);
    expect(decisions.claims).toHaveLength(1);
    expect(decisions.claims[0]).toMatchObject({
      node: 'pc-1',
      reason: 'FirstReady',
      message: 'pc-1 was the first of 6 ready machines',
      subscribers: [{ node: 'pc-1' }, { node: 'pc-2' }, { node: 'pc-3' }, { node: 'pc-4' }],
    });
  });

  it.each<[string, Node[], string]>([
    [
      'a machine without an owner',
      [aMachine('pc-1'), aMachine('pc-2', { labels: { 'idlewild.dev/class': 'dedicated' } })],
      'pc-2',
    ],
    ['a machine that has the image', [aMachine('pc-1'), aMachine('pc-2', { images: ['docker.io/lab/tiny'] })], 'pc-2'],
    [
      'the machine that has lent longest',
      [aMachine('pc-1', { since: at(-600) }), aMachine('pc-2', { since: at(-7200) })],
      'pc-2',
    ],
  ])('prefers %s', (_name, nodes, expected) => {
    expect(match(nodes, [aJob('a').published()]).claimed).toEqual({ a: expected });
  });

  it('prefers the emptier of two machines', () => {
    const busy = aJob('busy').published().claimedBy('pc-1');
    expect(match([aMachine('pc-1'), aMachine('pc-2')], [busy, aJob('a').published(1)]).claimed).toEqual({ a: 'pc-2' });
  });

  it('of a job that lost its machine goes to a runner-up first, though another machine scores higher', () => {
    const nodes = [
      aMachine('pc-1', { taints: [lostTaint] }),
      aMachine('pc-2', { images: ['lab/tiny'] }),
      aMachine('pc-3'),
    ];
    const job = aJob('a')
      .published()
      .claimedBy('pc-1', { runnersUp: ['pc-3'] })
      .created()
      .started()
      .ended('MachineLost');
    expect(match(nodes, [job]).claims[0]).toMatchObject({ node: 'pc-3', reason: 'RunnerUp' });
  });

  it('counts what other jobs have claimed although none of their virtual machines exists yet', () => {
    const decisions = match(
      [aMachine('pc-1', { cores: 1 }), aMachine('pc-2', { cores: 1 })],
      [aJob('a').published(0).claimedBy('pc-1'), aJob('b').published(1)],
    );
    expect(decisions.claimed).toEqual({ b: 'pc-2' });
  });

  it('gives several waiting jobs what they need in one pass, each machine only as often as it has room', () => {
    const nodes = [aMachine('pc-1', { cores: 2 }), aMachine('pc-2', { cores: 1 })];
    const jobs = ['a', 'b', 'c', 'd'].map((name, index) => aJob(name).published(index));
    const decisions = match(nodes, jobs);
    expect(Object.keys(decisions.claimed)).toEqual(['a', 'b', 'c']);
    expect(decisions.why('d')).toMatchObject({ reason: 'InsufficientCores', waiting: { position: 1 } });
  });

  it('is not made for a job that is deleted, finished or already has a machine', () => {
    const jobs = [
      aJob('deleted').published().beingDeleted(),
      aJob('done').published().claimedBy('pc-1').created().started().finished('Completed'),
      aJob('busy').published().claimedBy('pc-1'),
    ];
    expect(match([aMachine('pc-1', { cores: 8 })], jobs).claimed).toEqual({});
  });

  it('is possible on a machine whose guest has ended, though its virtual machine is kept', () => {
    const done = aJob('done', { resources: { cores: 2 } })
      .published(0)
      .claimedBy('pc-1')
      .created()
      .started();
    const vm = aVm(done.job);
    const jobs = [done, aJob('next', { resources: { cores: 2 } }).published(1)];
    const off = match([aMachine('pc-1')], jobs, { objects: { vms: [vm], vmis: [aVmi(vm, 'Succeeded', 'pc-1')] } });
    expect(off.claimed).toEqual({ next: 'pc-1' });
    const on = match([aMachine('pc-1')], jobs, { objects: { vms: [vm], vmis: [aVmi(vm, 'Running', 'pc-1')] } });
    expect(on.claimed).toEqual({});
  });
});

describe('the line', () => {
  it('is served in the order of publication, not of names', () => {
    const decisions = match([aMachine('pc-1', { cores: 1 })], [aJob('a').published(2), aJob('z').published(1)]);
    expect(decisions.claimed).toEqual({ z: 'pc-1' });
    expect(decisions.why('a').waiting.position).toBe(1);
  });

  it('counts nobody who could not be served if a machine were free', () => {
    const jobs = [
      aJob('too-large', { resources: { cores: 64 } }).published(0),
      aJob('blocked').published(1),
      aJob('busy', { resources: { cores: 2 } })
        .published(2)
        .claimedBy('pc-1'),
      aJob('first').published(3),
      aJob('second').published(4),
    ];
    const blocked = [['uid-blocked', { kind: 'missing', message: 'no such Secret' }]] as const;
    const { why } = match([aMachine('pc-1')], jobs, { blocked });
    const places = ['too-large', 'blocked', 'first', 'second'].map((name) => why(name).waiting.position);
    expect(places).toEqual([1, 1, 1, 2]);
    expect(why('too-large').reason).toBe('Unsatisfiable');
    expect(why('first').message).toMatch(/^1st in line;/);
  });

  it('lets a later small job pass an earlier large one, but not on the machine that the large one waits for', () => {
    const large = aJob('large', { resources: { cores: 2 } }).published(1);
    const busy = [aJob('x').published(0).claimedBy('pc-1'), aJob('y').published(0).claimedBy('pc-2')];
    const nodes = [aMachine('pc-1'), aMachine('pc-2')];
    const decisions = match(nodes, [...busy, large, aJob('small-1').published(2), aJob('small-2').published(3)]);
    expect(decisions.claimed).toEqual({ 'small-1': 'pc-2' });
    expect(
      decisions
        .why('small-2')
        .waiting.reasons?.map(({ reason }) => reason)
        .sort(),
    ).toEqual(['InsufficientCores', 'ReservedForEarlier']);
  });

  it('is not held up by a job that can never run', () => {
    const giant = aJob('giant', { resources: { cores: 64 } }).published(0);
    expect(match([aMachine('pc-1')], [giant, aJob('next').published(1)]).claimed).toEqual({ next: 'pc-1' });
  });
});

describe('a machine is no subscriber', () => {
  it.each<[string, Node, JobBuilder]>([
    ['NotApproved', aMachine('pc', { approved: false }), aJob('j')],
    [
      'NotApproved',
      aMachine('pc', { taints: [{ key: 'idlewild.dev/pending-approval', effect: 'NoSchedule' }] }),
      aJob('j'),
    ],
    ['WrongArchitecture', aMachine('pc', { architecture: 'arm64' }), aJob('j')],
    ['WrongRoom', aMachine('pc'), aJob('j', { placement: { rooms: ['lab-b'], dedicatedOnly: false } })],
    ['LabelMismatch', aMachine('pc'), aJob('j', { placement: { nodeSelector: { gpu: 'yes' }, dedicatedOnly: false } })],
    ['NotDedicated', aMachine('pc'), aJob('j', { placement: { dedicatedOnly: true } })],
    ['NotLending', aMachine('pc', { labels: { 'idlewild.dev/pool': 'off' } }), aJob('j')],
    ['OwnerPresent', aMachine('pc', { labels: { 'idlewild.dev/presence': 'present' } }), aJob('j')],
    [
      'OwnerPresent',
      aMachine('pc', { taints: [{ key: 'idlewild.dev/owner-present', effect: 'NoSchedule' }] }),
      aJob('j'),
    ],
    ['InsufficientCores', aMachine('pc', { cores: 1 }), aJob('j', { resources: { cores: 2 } })],
    ['InsufficientMemory', aMachine('pc', { memoryMiB: 1024 }), aJob('j', { resources: { memory: '1Gi' } })],
    ['InsufficientDisk', aMachine('pc', { diskMiB: 100 }), aJob('j', { resources: { disk: '1Gi' } })],
    ['MachineLost', aMachine('pc', { taints: [lostTaint] }), aJob('j')],
    ['NotReady', aMachine('pc', { ready: false }), aJob('j')],
    ['Cordoned', aMachine('pc', { cordoned: true }), aJob('j')],
    ['Tainted', aMachine('pc', { taints: [{ key: 'maintenance', effect: 'NoExecute' }] }), aJob('j')],
    ['VirtualizationNotReady', aMachine('pc', { labels: { 'kubevirt.io/schedulable': 'false' } }), aJob('j')],
    [
      'HeldAgainst',
      aMachine('pc'),
      aJob('j').published().claimedBy('pc', { at: -20 }).ended('StartFailed', { at: -10, failure: true }),
    ],
  ])('for the reason %s', (reason, node, job) => {
    const decisions = match([node], [job.published()], { nowS: 0 });
    expect(decisions.why('j').waiting.reasons).toEqual([
      { reason, machines: 1, names: ['pc'], message: expect.stringMatching(/./) as unknown as string },
    ]);
  });

  it('while it is not heard, although nobody has called it lost yet; it is asked about again in a second', () => {
    const jobs = [aJob('a').published().job, aJob('b').published(1).job];
    const nodes = [aMachine('pc-1', { cores: 8 }), aMachine('pc-2', { cores: 2 })];
    expect(passOver(nodes, jobs, { silent: ['pc-1'] }).claimed).toEqual({ a: 'pc-2', b: 'pc-2' });
    const pass = passOver(nodes.slice(0, 1), jobs, { silent: ['pc-1'] });
    expect(pass.claimed).toEqual({});
    expect(pass.why('a').waiting.reasons).toMatchObject([{ reason: 'NotReady', machines: 1, names: ['pc-1'] }]);
    expect(pass.wakeAtMs).toBe(noon + 1_000);
  });

  it('only while the reason lasts: a machine is tried again after the hold-down', () => {
    const job = aJob('j').published(-100).claimedBy('pc', { at: -90 }).ended('StartFailed', { at: -10, failure: true });
    expect(match([aMachine('pc')], [job]).wakeAtMs).toBe(noon + 50_000);
    expect(match([aMachine('pc')], [job], { nowS: 51 }).claimed).toEqual({ j: 'pc' });
  });
});

describe('a waiting job', () => {
  it('has its reasons grouped with counts and names, and one sentence for all', () => {
    const present = { labels: { 'idlewild.dev/presence': 'present' } };
    const nodes = [aMachine('a', present), aMachine('b', present), aMachine('c', { architecture: 'arm64' })];
    const decision = match(nodes, [aJob('j').published()]).why('j');
    expect(decision.reason).toBe('OwnerPresent');
    expect(decision.message).toBe(
      '1st in line; 2 machines have their owner present, 1 machine has another architecture',
    );
    expect(decision.waiting.reasons).toEqual([
      { reason: 'OwnerPresent', machines: 2, names: ['a', 'b'], message: '2 machines have their owner present' },
      { reason: 'WrongArchitecture', machines: 1, names: ['c'], message: 'architecture amd64 wanted' },
    ]);
  });

  it('that no machine could ever satisfy says so, with what is short', () => {
    const nodes = [aMachine('a', { cores: 2 }), aMachine('b', { cores: 4 }), aMachine('c', { architecture: 'arm64' })];
    const decision = match(nodes, [aJob('j', { resources: { cores: 64 } }).published()]).why('j');
    expect(decision.reason).toBe('Unsatisfiable');
    expect(decision.message).toBe(
      'no machine of the pool could ever satisfy this: 64 cores wanted, the largest machine lends 4; architecture amd64 wanted',
    );
  });

  it('is not called unsatisfiable while a machine that could do it is only away', () => {
    const nodes = [aMachine('small', { cores: 1 }), aMachine('big', { cores: 8, ready: false })];
    const decision = match(nodes, [aJob('j', { resources: { cores: 4 } }).published()]).why('j');
    expect(decision.reason).toBe('NotReady');
  });

  it('says that the pool is empty when no machine is approved', () => {
    expect(match([aMachine('a', { approved: false })], [aJob('j').published()]).why('j').reason).toBe('NoMachines');
  });

  it('whose Secret is missing claims nothing and says which', () => {
    const message = 'Secret "licence" for file /etc/licence does not exist';
    const decisions = match([aMachine('a')], [aJob('j').published()], {
      blocked: [['uid-j', { kind: 'missing', message }]],
    });
    expect(decisions.why('j')).toMatchObject({ reason: 'SecretMissing', message });
  });

  it('counts its memory with the overhead of KubeVirt', () => {
    const job = aJob('j', { resources: { memory: '2Gi' } }).published();
    const decision = match([aMachine('a', { memoryMiB: 2048 })], [job]).why('j');
    expect(decision.message).toContain(
      "2.3 GiB of memory wanted (with KubeVirt's overhead), the largest machine lends 2 GiB",
    );
  });
});

describe('the pause before a repeat', () => {
  const failed = (times: number): JobBuilder => {
    let job = aJob('j').published(-1000);
    for (let n = 0; n < times; n++) job = job.claimedBy(`pc-${n}`).ended('ScriptFailed', { at: 0, failure: true });
    return job;
  };
  it.each([
    [1, 2],
    [2, 4],
    [3, 8],
    [20, 300],
  ])('after failure %i is %i s', (times, seconds) => {
    expect(notBefore(failed(times).job, matchingSettings)).toBe(noon + seconds * 1000);
  });

  it('keeps the job waiting with a reason, and then lets it go', () => {
    const waiting = match([aMachine('a')], [failed(1)], { nowS: 0.5 });
    expect(waiting.why('j').reason).toBe('RetryBackoff');
    expect(waiting.wakeAtMs).toBe(noon + 2_000);
    expect(match([aMachine('a')], [failed(1)], { nowS: 2 }).claimed).toEqual({ j: 'a' });
  });

  it.each<[string, readonly number[], number]>([
    ['once', [1], 0],
    ['twice', [1, 1], 2],
    ['four times', [1, 1, 1, 1], 8],
    ['for ever', Array.from({ length: 30 }, () => 1), 300],
    ['again after it had run for a good while', [1, 1, 301], 0],
    ['twice after it had run for a good while', [301, 1, 1], 2],
  ])('after the guest was taken away by hand %s, after seconds %j, is %i s', (_, lasted, seconds) => {
    let job = aJob('j').published(-1000);
    for (const each of lasted) job = job.claimedBy('pc-1', { at: -each }).ended('TakenAway', { at: 0 });
    expect(notBefore(job.job, matchingSettings)).toBe(seconds === 0 ? 0 : noon + seconds * 1000);
    const waiting = match([aMachine('a')], [job], { nowS: 0.5 });
    if (seconds === 0) expect(waiting.claimed).toEqual({ j: 'a' });
    else expect(waiting.why('j').message).toContain(`was taken away again; the next one begins after a pause of`);
  });

  it('does not exist after an attempt that the lab took away', () => {
    const job = aJob('j').published(-100).claimedBy('pc-1').ended('MachineLost', { at: 0 });
    expect(match([aMachine('a')], [job], { nowS: 0 }).claimed).toEqual({ j: 'a' });
  });
});
