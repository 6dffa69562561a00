// What is kept about classes and machines is what asking every machine anew would say.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aJob, noon, type JobBuilder, type SpecOverrides } from '../../../test/builders/job.ts';
import { aMachine, lostTaint, type MachineOverrides } from '../../../test/builders/node.ts';
import { minus, nothing, plus, type Amount } from '../model/capacity.ts';
import { poolOf, type Pool } from '../model/pool.ts';
import { PoolKeeper } from '../world/pool-keeper.ts';
import { obstacleOf, requirementOf, subscribers, type Requirement } from './subscribe.ts';
import { tallyOf } from './tally.ts';
import { Verdicts } from './verdicts.ts';
import { explain } from './words.ts';

const wantedBy = (spec: SpecOverrides): Requirement => requirementOf(aJob('j', spec).job);

const specs: SpecOverrides[] = [
  {},
  { resources: { cores: 2, memory: '1Gi' } },
  { resources: { cores: 4 } },
  { resources: { disk: '10Gi' } },
  { resources: { graphicsMemory: '64Mi' } },
  { resources: { gpus: 1 } },
  { architecture: 'arm64' },
  { placement: { dedicatedOnly: false, rooms: ['lab-b'] } },
  { placement: { dedicatedOnly: true } },
  { placement: { dedicatedOnly: false, nodeSelector: { fast: 'yes' } } },
];
const requirements = [
  ...specs.map(wantedBy),
  { ...wantedBy({}), running: { cpuModel: 'Haswell', cpuVendor: 'AMD', machineType: undefined } },
];

const names = ['pc-0', 'pc-1', 'pc-2', 'pc-3'];
const quirks = {
  cores: fc.constantFrom(1, 8),
  memoryMiB: fc.constantFrom(256, 512, 4096),
  room: fc.constant('lab-b'),
  labels: fc.constantFrom(
    { fast: 'yes' },
    { 'idlewild.dev/class': 'dedicated' },
    { 'idlewild.dev/presence': 'present' },
    { 'idlewild.dev/pool': 'off' },
    { 'kubevirt.io/schedulable': 'false' },
  ),
  taints: fc.constantFrom([lostTaint], [{ key: 'maintenance', effect: 'NoSchedule' as const }]),
  approved: fc.constant(false),
  cordoned: fc.constant(true),
  ready: fc.constant(false),
  hold: fc.constant({ until: noon + 60_000 }),
  cpuModels: fc.constantFrom(['Haswell', 'Nehalem'], ['Haswell'], []),
  graphicsMiB: fc.constant(128),
  gpus: fc.constant(2),
  allocatable: fc.constantFrom({ 'nvidia.com/gpu': '1' }, { cpu: '1' }),
  architecture: fc.constant('arm64'),
} satisfies { [K in keyof MachineOverrides]: fc.Arbitrary<MachineOverrides[K]> };
/** At most two of them at a time, so that many a machine fits. */
const overrides: fc.Arbitrary<MachineOverrides> = fc
  .tuple(fc.record(quirks), fc.subarray(Object.keys(quirks), { maxLength: 2 }))
  .map(([all, keys]) => Object.fromEntries(Object.entries(all).filter(([key]) => keys.includes(key))));

/** A pool that is kept, one that is made anew each time, and what was taken since the last sync. */
class Model {
  readonly nodes = new Map<string, ReturnType<typeof aMachine>>();
  readonly jobs = new Map<string, JobBuilder>();
  readonly keeper = new PoolKeeper({
    node: (name) => this.nodes.get(name),
    job: (key) => this.jobs.get(key)?.job,
    vm: () => undefined,
    vmi: () => undefined,
    migrations: () => [],
    launchers: () => [],
    otherPod: () => undefined,
    unfenced: () => undefined,
  });
  readonly verdicts = new Verdicts();
  pool: Pool = poolOf({ nodes: [], jobs: [], vms: [], vmis: [], migrations: [] });
  taken = new Map<string, Amount>();

  node(name: string, o: MachineOverrides | null): void {
    if (o) this.nodes.set(name, aMachine(name, o));
    else this.nodes.delete(name);
    this.keeper.nodeChanged(name);
  }

  claim(job: string, node: string | null): void {
    const key = `default/${job}`;
    if (node === null) this.jobs.delete(key);
    else this.jobs.set(key, aJob(job).published().claimedBy(node));
    this.keeper.jobChanged(key);
  }

  sync(anew: boolean): void {
    const jobs = [...this.jobs.values()].map(({ job }) => job);
    this.pool = anew
      ? poolOf({ nodes: [...this.nodes.values()], jobs, vms: [], vmis: [], migrations: [] }, { nowMs: noon })
      : this.keeper.pool(noon);
    this.verdicts.sync(this.pool);
    this.taken = new Map();
  }

  take(node: string, needs: Amount): void {
    this.verdicts.take(node, needs);
    if (this.pool.machine(node)) this.taken.set(node, plus(this.taken.get(node) ?? nothing, needs));
  }

  kept(wanted: Requirement): unknown {
    const of = this.verdicts.classOf(wanted);
    const fitting = [...this.verdicts.fitting(of)].map(({ name }) => name).sort();
    return {
      fitting,
      whenEmpty: [...this.verdicts.fittingWhenEmpty(of)].map(({ name }) => name).sort(),
      count: this.verdicts.fittingCount(of),
      hopeless: this.verdicts.isHopeless(of),
      each: names.filter((name) => this.verdicts.fits(of, name)),
      tally: this.verdicts.verdictOf(of),
    };
  }

  anew(wanted: Requirement): unknown {
    const free = new Map(
      this.pool.machines.map((machine) => [
        machine.name,
        plus(this.pool.taken.get(machine.name) ?? nothing, this.taken.get(machine.name) ?? nothing),
      ]),
    );
    const pool = { ...this.pool, taken: free };
    const verdict = subscribers(pool, wanted, { nowMs: noon });
    const fitting = verdict.fitting.map(({ machine }) => machine.name).sort();
    const { cpuModels, machines } = this.pool;
    const whenEmpty = machines.filter((each) => obstacleOf(each, each.offer, wanted, cpuModels) === undefined);
    return {
      fitting,
      whenEmpty: whenEmpty.map(({ name }) => name).sort(),
      count: fitting.length,
      hopeless: explain(wanted, verdict, 1).reason === 'Unsatisfiable',
      each: names.filter((name) => fitting.includes(name)),
      tally: tallyOf(verdict),
    };
  }
}

type Step = (model: Model) => void;
const machine = fc.constantFrom(...names);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(machine, fc.option(overrides, { freq: 8 })).map(
    ([name, o]): Step =>
      (m) =>
        m.node(name, o),
  ),
  fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.option(machine)).map(
    ([job, on]): Step =>
      (m) =>
        m.claim(job, on),
  ),
  fc.boolean().map(
    (anew): Step =>
      (m) =>
        m.sync(anew),
  ),
  fc.tuple(machine, fc.nat(specs.length - 1)).map(
    ([name, n]): Step =>
      (m) =>
        m.take(name, wantedBy(specs[n] ?? {}).needs),
  ),
  fc.nat(requirements.length - 1).map(
    (n): Step =>
      (m) =>
        void m.kept(requirements[n] ?? wantedBy({})),
  ),
);

describe('verdicts', () => {
  it('equal those of asking every machine anew, whatever was changed, taken and asked before', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const model = new Model();
        for (const apply of steps) apply(model);
        for (const wanted of requirements) expect(model.kept(wanted)).toEqual(model.anew(wanted));
      }),
      { numRuns: 1_000 },
    );
  });

  it('follow a machine that leaves, and a change of the processor model that guests start with', () => {
    const model = new Model();
    model.node('pc-0', { cpuModels: [] });
    model.node('pc-1', { cpuModels: [] });
    model.sync(false);
    const of = model.verdicts.classOf(wantedBy({}));
    expect(model.verdicts.fittingCount(of)).toBe(2);
    model.node('pc-1', null);
    model.sync(false);
    expect(model.verdicts.fittingCount(of)).toBe(1);
    model.node('pc-2', { cpuModels: ['Nehalem'] });
    model.sync(false);
    expect([...model.verdicts.fitting(of)].map(({ name }) => name)).toEqual(['pc-2']);
    expect(model.verdicts.verdictOf(of).reasons).toMatchObject([{ reason: 'CpuModelMissing', names: ['pc-0'] }]);
  });

  it('take needs away until the next sync', () => {
    const verdicts = new Verdicts();
    const pool = poolOf({ nodes: [aMachine('pc', { cores: 2 })], jobs: [], vms: [], vmis: [], migrations: [] });
    verdicts.sync(pool);
    const of = verdicts.classOf(wantedBy({ resources: { cores: 2 } }));
    expect(verdicts.fittingCount(of)).toBe(1);
    verdicts.take('pc', wantedBy({}).needs);
    expect([verdicts.fittingCount(of), verdicts.fits(of, 'pc'), verdicts.freeOn('pc').cores]).toEqual([0, false, 1]);
    verdicts.sync(pool);
    expect([verdicts.fittingCount(of), verdicts.freeOn('pc').cores]).toEqual([1, 2]);
  });

  it('give jobs of one kind one class, whatever their image and in whatever order they name rooms', () => {
    const verdicts = new Verdicts();
    const of = (spec: SpecOverrides) => verdicts.classOf(wantedBy(spec));
    const rooms = (...list: string[]) => ({ placement: { dedicatedOnly: false, rooms: list } });
    expect(of({ image: { containerDisk: 'a' } })).toBe(of({ image: { containerDisk: 'b' } }));
    expect(of(rooms('a', 'b'))).toBe(of(rooms('b', 'a')));
    expect(of(rooms('a'))).not.toBe(of(rooms('b')));
  });

  it('forget classes that nobody asks for, and know them again when somebody does', () => {
    const verdicts = new Verdicts(50);
    const pool = poolOf({ nodes: [aMachine('pc')], jobs: [], vms: [], vmis: [], migrations: [] });
    verdicts.sync(pool);
    const rare = wantedBy({ resources: { cores: 2 } });
    const often = wantedBy({});
    const of = verdicts.classOf(rare);
    for (let n = 0; n < 100; n++) {
      verdicts.sync(pool);
      verdicts.fittingCount(verdicts.classOf(often));
    }
    expect(verdicts.classes).toBe(1);
    expect([verdicts.fittingCount(of), verdicts.fittingCount(verdicts.classOf(rare))]).toEqual([1, 1]);
  });

  it('are the same object while nothing changed, so that nobody need look again', () => {
    const verdicts = new Verdicts();
    const pool = poolOf({ nodes: [aMachine('pc', { cores: 1 })], jobs: [], vms: [], vmis: [], migrations: [] });
    verdicts.sync(pool);
    const of = verdicts.classOf(wantedBy({ resources: { cores: 2 } }));
    const first = verdicts.verdictOf(of);
    verdicts.sync(pool);
    expect(verdicts.verdictOf(of)).toBe(first);
  });

  it('free is what is offered less what is taken', () => {
    const claimed = aJob('a').published().claimedBy('pc');
    const pool = poolOf({ nodes: [aMachine('pc')], jobs: [claimed.job], vms: [], vmis: [], migrations: [] });
    const verdicts = new Verdicts();
    verdicts.sync(pool);
    const offer = pool.machine('pc')?.offer ?? nothing;
    expect(verdicts.freeOn('pc')).toEqual(minus(offer, wantedBy({}).needs));
    expect(verdicts.freeOn('elsewhere')).toEqual(nothing);
    expect(obstacleOf(pool.machines[0] as never, verdicts.freeOn('pc'), wantedBy({}), pool.cpuModels)).toBeUndefined();
  });
});
