// The machine for a guest that has to leave is the one that asking every machine anew would give, and so are the words.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, noon, type SpecOverrides } from '../../../test/builders/job.ts';
import { aMachine, type MachineOverrides } from '../../../test/builders/node.ts';
import type { Node } from '../api/kubernetes.ts';
import { FakeClock } from '../kube/clock.ts';
import { rank } from '../matching/score.ts';
import { requirementOf, subscribers, type Requirement } from '../matching/subscribe.ts';
import { explain } from '../matching/words.ts';
import { freeOn, poolOf, type Pool } from '../model/pool.ts';
import { Promises } from '../world/promises.ts';
import { Room } from './room.ts';
import { targetFor, type Target, type TargetInput } from './target.ts';
import type { Moving } from './traffic.ts';

const names = ['pc-1', 'pc-2', 'pc-3', 'pc-4'];
const overrides: fc.Arbitrary<MachineOverrides> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.constantFrom<MachineOverrides>(
    { cores: 1 },
    { cordoned: true },
    { ready: false },
    { approved: false },
    { cpuVendor: 'Intel' },
    { cpuModels: ['qemu64'] },
    { labels: { 'idlewild.dev/presence': 'present' } },
    { labels: { 'machine-type.node.kubevirt.io/pc-q35-7.2': 'false' } },
    { hold: { until: noon + 60_000 } },
  ),
);
const specs: SpecOverrides[] = [{}, { resources: { cores: 2 } }, { resources: { cores: 8 } }];

/** The definition: every machine is asked. */
function anew({
  job,
  vmi,
  pool,
  source,
  live,
  resting,
  nowMs,
}: Omit<TargetInput, 'verdicts' | 'explain' | 'isSilent'>): unknown {
  const running = {
    cpuModel: vmi.spec.domain.cpu?.model,
    cpuVendor: pool.machine(source)?.cpuVendors[0],
    machineType: vmi.status?.machine?.type,
  };
  const wanted: Requirement = { ...requirementOf(job), ...(live ? { running, heldAgainst: resting } : {}) };
  const others: Pool = { ...pool, machines: pool.machines.filter(({ name }) => name !== source) };
  const verdict = subscribers(others, wanted, { nowMs });
  const [best] = rank(
    verdict.fitting.map(({ machine }) => machine),
    wanted.image,
    {
      nowMs,
      preferred: (job.status?.subscribers ?? []).map(({ node }) => node),
      freeOf: (machine) => freeOn(pool, machine),
    },
  );
  if (best) return { machine: best.machine.name };
  const reasons = (explain(wanted, verdict, 1).waiting.reasons ?? []).filter(({ reason }) => reason !== 'NotApproved');
  return { machine: undefined, reasons: reasons.map(({ reason, machines }) => `${machines} ${reason}`) };
}

/** The words name each reason with its count and detail; the definition gives reasons and counts. */
function told(target: Target): unknown {
  if (target.machine !== undefined) return target;
  const words = (target.words ?? '')
    .replace(/(\d+) failed to take it a short while ago/, '$1 HeldAgainst')
    .matchAll(/(\d+ [A-Z][A-Za-z]+)/g);
  return { machine: undefined, reasons: [...words].flatMap(([each]) => each) };
}

const isSilent = (): boolean => false;

interface Move {
  readonly machine: string;
  readonly becomes: MachineOverrides;
  readonly promise: string | null;
  readonly spec: number;
  readonly source: string;
  readonly live: boolean;
  readonly resting: readonly string[];
}
const move: fc.Arbitrary<Move> = fc.record({
  machine: fc.constantFrom(...names),
  becomes: overrides,
  promise: fc.option(fc.constantFrom(...names)),
  spec: fc.nat(specs.length - 1),
  source: fc.constantFrom(...names),
  live: fc.boolean(),
  resting: fc.subarray(names),
});

const limits = { perMachine: 2, perRoom: 3, inAll: 5 };
const roomIn = (world: { readonly pool: () => Pool; readonly promises: Promises }, moving: readonly Moving[] = []) =>
  new Room({ world, clock: new FakeClock(noon), traffic: { moving: () => [...moving] }, limits });

describe('the machine for a guest that has to leave', () => {
  it('and the words when there is none are those of asking every machine, whatever changed before', () => {
    fc.assert(
      fc.property(fc.array(move, { minLength: 1, maxLength: 12 }), (moves) => {
        const nodes = new Map<string, Node>(names.map((name) => [name, aMachine(name)]));
        const promises = new Promises();
        let pool = poolOf({ nodes: [], jobs: [], vms: [], vmis: [], migrations: [] });
        const room = roomIn({ pool: () => pool, promises });
        for (const { machine, becomes, promise, spec, source, live, resting } of moves) {
          nodes.set(machine, aMachine(machine, becomes));
          const leaving = aJob('j', specs[spec])
            .published()
            .claimedBy(source, { runnersUp: ['pc-4', 'pc-2'] });
          const vm = aVm(leaving.job, { released: true });
          const vmi = aVmi(vm, 'Running', source);
          // Nobody has to leave a machine that is open.
          nodes.set(source, aMachine(source, { cordoned: true }));
          const objects = { nodes: [...nodes.values()], jobs: [leaving.job], vms: [vm], vmis: [vmi], migrations: [] };
          pool = poolOf(objects, { nowMs: noon });
          const needs = requirementOf(aJob('other').job).needs;
          if (promise === null) promises.list(noon).forEach((each) => promises.withdraw(each));
          else promises.make({ kind: 'claim', job: 'default/o', guest: 'default/o-1', to: promise, needs });
          const of = { job: leaving.job, vmi, source, live, resting: new Set(resting), nowMs: noon };
          const target = targetFor({ ...of, pool, verdicts: room.now(), isSilent, explain: true });
          expect(told(target)).toEqual(anew({ ...of, pool: promises.applyTo(pool, noon) }));
          if (target.machine === undefined && resting.length === 0)
            expect(room.has({ kind: 'room', of: target.wants })).toBe(false);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('is looked for without words when nobody will tell them', () => {
    const { job } = aJob('j').published().claimedBy('pc-1');
    const vm = aVm(job, { released: true });
    const vmi = aVmi(vm, 'Running', 'pc-1');
    const pool = poolOf({ nodes: [aMachine('pc-1')], jobs: [job], vms: [vm], vmis: [vmi], migrations: [] });
    const room = roomIn({ pool: () => pool, promises: new Promises() });
    const of = {
      job,
      vmi,
      pool,
      verdicts: room.now(),
      isSilent,
      source: 'pc-1',
      live: true,
      resting: new Set<string>(),
    };
    expect(targetFor({ ...of, nowMs: noon, explain: false })).toMatchObject({ machine: undefined, words: undefined });
    expect(targetFor({ ...of, nowMs: noon, explain: true })).toMatchObject({ words: 'there is no other machine' });
  });
});

describe('the turn of one more guest', () => {
  const pool = poolOf({
    nodes: [aMachine('pc-1', { room: 'a' }), aMachine('pc-2', { room: 'a' }), aMachine('pc-3', { room: 'b' })],
    ...{ jobs: [], vms: [], vmis: [], migrations: [] },
  });
  const from = (...machines: string[]): Moving[] =>
    machines.map((machine, n) => ({ instance: `default/j${n}`, from: machine, sinceMs: noon }));

  it.each<[string, Moving[], string[]]>([
    ['nobody is on the way', [], ['pc-1', 'pc-2', 'pc-3']],
    ['two have left one machine', from('pc-1', 'pc-1'), ['pc-2', 'pc-3']],
    ['three have left one room', from('pc-1', 'pc-1', 'pc-2'), ['pc-3']],
    ['five are on the way', from('pc-1', 'pc-2', 'pc-7', 'pc-8', 'pc-9'), []],
  ])('has come or not when %s', (_name, moving, free) => {
    const room = roomIn({ pool: () => pool, promises: new Promises() }, moving);
    const may = ['pc-1', 'pc-2', 'pc-3'].filter((machine) => room.has({ kind: 'turn', from: machine }));
    expect(may).toEqual(free);
  });
});
