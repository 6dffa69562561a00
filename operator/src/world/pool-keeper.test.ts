// The pool that is kept up to date is the one that would be computed anew.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aMigration, aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, noon, type JobBuilder } from '../../../test/builders/job.ts';
import { aMachine, anOtherPod, lostTaint, type MachineOverrides } from '../../../test/builders/node.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Node, Pod } from '../api/kubernetes.ts';
import type { VirtualMachine, VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { keyOf } from '../kube/object.ts';
import { guestOfLauncher } from '../model/guest.ts';
import { poolOf, type Pool } from '../model/pool.ts';
import { PoolKeeper } from './pool-keeper.ts';

/** A cluster in maps, every change of which the keeper is told. */
class Cluster {
  readonly nodes = new Map<string, Node>();
  readonly jobs = new Map<string, ComputeJob>();
  readonly vms = new Map<string, VirtualMachine>();
  readonly vmis = new Map<string, VirtualMachineInstance>();
  readonly migrations = new Map<string, VirtualMachineInstanceMigration>();
  readonly pods = new Map<string, Pod>();
  readonly launchers = new Map<string, Pod>();
  readonly keeper = new PoolKeeper({
    node: (name) => this.nodes.get(name),
    job: (key) => this.jobs.get(key),
    vm: (key) => this.vms.get(key),
    vmi: (key) => this.vmis.get(key),
    migrations: (key) => [...this.migrations.values()].filter(({ spec }) => `default/${spec.vmiName}` === key),
    otherPod: (key) => this.pods.get(key),
    unfenced: () => undefined,
    launchers: (key) => [...this.launchers.values()].filter((pod) => guestOfLauncher(pod) === key),
  });
  nowMs = noon;

  node(name: string, node: Node | undefined): void {
    put(this.nodes, name, node);
    this.keeper.nodeChanged(name);
  }

  job(name: string, job: JobBuilder | undefined): void {
    put(this.jobs, `default/${name}`, job?.job);
    this.keeper.jobChanged(`default/${name}`);
  }

  vm(vm: VirtualMachine, there: boolean): void {
    put(this.vms, keyOf(vm), there ? vm : undefined);
    this.keeper.guestChanged(keyOf(vm));
  }

  vmi(vm: VirtualMachine, vmi: VirtualMachineInstance | undefined): void {
    put(this.vmis, keyOf(vm), vmi);
    this.keeper.guestChanged(keyOf(vm));
  }

  migration(vm: VirtualMachine, migration: VirtualMachineInstanceMigration | undefined): void {
    put(this.migrations, vm.metadata.name, migration);
    this.keeper.guestChanged(keyOf(vm));
  }

  pod(name: string, pod: Pod | undefined): void {
    put(this.pods, `kube-system/${name}`, pod);
    this.keeper.otherPodChanged(`kube-system/${name}`);
  }

  launcher(vm: VirtualMachine, pod: Pod, there: boolean): void {
    put(this.launchers, keyOf(pod), there ? pod : undefined);
    this.keeper.guestChanged(keyOf(vm));
  }

  kept(): Pool {
    return this.keeper.pool(this.nowMs);
  }

  anew(): Pool {
    const [nodes, jobs, vms, vmis, migrations, otherPods, launchers] = [
      this.nodes,
      this.jobs,
      this.vms,
      this.vmis,
      this.migrations,
      this.pods,
      this.launchers,
    ].map((map) => [...map.values()]) as never as [
      Node[],
      ComputeJob[],
      VirtualMachine[],
      VirtualMachineInstance[],
      VirtualMachineInstanceMigration[],
      Pod[],
      Pod[],
    ];
    return poolOf({ nodes, jobs, vms, vmis, migrations, otherPods, launchers }, { nowMs: this.nowMs });
  }
}

function put<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

function plain(pool: Pool): unknown {
  const byName = <V>(map: ReadonlyMap<string, V>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    machines: [...pool.machines].sort((a, b) => (a.name < b.name ? -1 : 1)),
    taken: byName(pool.taken),
    guests: byName(pool.guests),
    sizes: [pool.taken.size, pool.guests.size],
    cpuModels: byName(pool.cpuModels),
    changesAtMs: pool.changesAtMs,
    found: pool.machines.every((machine) => pool.machine(machine.name) === machine),
  };
}

const machine = fc.constantFrom('pc-0', 'pc-1', 'pc-2', 'pc-3');
const name = fc.constantFrom('a', 'b', 'c');
const overrides: fc.Arbitrary<MachineOverrides> = fc.record(
  {
    cores: fc.constantFrom(2, 8),
    allocatable: fc.constantFrom({ cpu: '4' }, { cpu: '1500m', memory: '1Gi', 'nvidia.com/gpu': '2' }),
    cpuModels: fc.constantFrom(['Nehalem'], ['Haswell', 'Nehalem'], []),
    approved: fc.boolean(),
    taints: fc.constantFrom([], [lostTaint]),
    hold: fc.constantFrom({ until: noon + 60_000 }, { until: noon + 5_000 }),
    architecture: fc.constantFrom('amd64', 'arm64'),
  },
  { requiredKeys: [] },
);

const claimed = (job: string, on: string): JobBuilder =>
  aJob(job, { resources: { disk: '1Gi' }, walltime: '1h' })
    .published()
    .claimedBy(on);
const jobState = fc
  .tuple(name, machine, fc.constantFrom('none', 'waits', 'claimed', 'started', 'ended', 'again', 'done'))
  .map(([job, on, state]): [string, JobBuilder | undefined] => {
    const one = claimed(job, on);
    switch (state) {
      case 'none':
        return [job, undefined];
      case 'waits':
        return [job, aJob(job).published()];
      case 'claimed':
        return [job, one];
      case 'started':
        return [job, one.started(10)];
      case 'ended':
        return [job, one.ended('MachineLost')];
      case 'again':
        return [job, one.ended('MachineLost').claimedBy('pc-0')];
      case 'done':
        return [job, one.started(10).finished('Completed')];
    }
  });

type Change = (cluster: Cluster) => void;
const vmOf = (job: string, on: string): VirtualMachine => aVm(claimed(job, on).job);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(machine, fc.option(overrides)).map(
    ([on, o]): Change =>
      (c) =>
        c.node(on, o ? aMachine(on, o) : undefined),
  ),
  jobState.map(
    ([job, state]): Change =>
      (c) =>
        c.job(job, state),
  ),
  fc.tuple(name, machine, fc.boolean()).map(
    ([job, on, there]): Change =>
      (c) =>
        c.vm(vmOf(job, on), there),
  ),
  fc
    .tuple(name, machine, fc.constantFrom('Scheduling', 'Running', 'Succeeded', undefined), fc.option(machine))
    .map(([job, on, phase, at]): Change => (c) => {
      const vm = vmOf(job, on);
      c.vmi(vm, phase && aVmi(vm, phase, at ?? undefined));
    }),
  fc
    .tuple(name, fc.option(machine), fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed'), fc.boolean())
    .map(([job, on, phase, there]): Change => (c) => {
      const vm = vmOf(job, 'pc-0');
      c.launcher(vm, aPod(vm, on ?? undefined, { phase }), there);
    }),
  fc.tuple(name, machine, fc.constantFrom('Running', 'Failed', undefined)).map(([job, to, phase]): Change => (c) => {
    const vm = vmOf(job, 'pc-0');
    c.migration(vm, phase && aMigration(vm, to, phase));
  }),
  fc
    .tuple(
      fc.constantFrom('x', 'y'),
      fc.option(machine),
      fc.constantFrom('100m', '2'),
      fc.constantFrom('Running', 'Succeeded'),
    )
    .map(
      ([pod, on, cpu, phase]): Change =>
        (c) =>
          c.pod(pod, on === null ? undefined : anOtherPod(pod, on, { cpu, memory: '256Mi' }, phase as 'Running')),
    ),
  fc.constantFrom(1_000, 20_000).map(
    (ms): Change =>
      (c) =>
        void (c.nowMs += ms),
  ),
  fc.constant<Change>((c) => void c.kept()),
);

describe('the kept pool', () => {
  it('equals the pool computed anew, whatever happened in whatever order', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 60 }), (changes) => {
        const cluster = new Cluster();
        for (const apply of changes) apply(cluster);
        expect(plain(cluster.kept())).toEqual(plain(cluster.anew()));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is an immutable snapshot: what happens later does not show in it', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), fc.array(change, { maxLength: 20 }), (first, then) => {
        const cluster = new Cluster();
        for (const apply of first) apply(cluster);
        const kept = cluster.kept();
        const before = plain(kept);
        for (const apply of then) apply(cluster);
        cluster.kept();
        expect(plain(kept)).toEqual(before);
      }),
      { numRuns: 300 },
    );
  });

  it('tells of every machine that is another than in an earlier pool', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), fc.array(change, { maxLength: 20 }), (first, then) => {
        const cluster = new Cluster();
        for (const apply of first) apply(cluster);
        const earlier = cluster.kept();
        for (const apply of then) apply(cluster);
        const later = cluster.kept();
        const told = new Set(later.changedSince?.(earlier));
        const names = [...earlier.machines, ...later.machines].map((each) => each.name);
        const changed = names.filter(
          (each) =>
            earlier.machine(each) !== later.machine(each) ||
            earlier.taken.get(each) !== later.taken.get(each) ||
            earlier.guests.get(each) !== later.guests.get(each),
        );
        expect(changed.filter((each) => !told.has(each))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('is the same object while nothing changed, and machines keep theirs when only a heartbeat came', () => {
    const cluster = new Cluster();
    cluster.node('pc-0', aMachine('pc-0'));
    const first = cluster.kept();
    cluster.node('pc-0', aMachine('pc-0'));
    expect(cluster.kept()).toBe(first);
    cluster.node('pc-1', aMachine('pc-1'));
    const second = cluster.kept();
    expect(second.version).toBeGreaterThan(first.version);
    expect(second.machine('pc-0')).toBe(first.machine('pc-0'));
  });

  it('forgets machines that come and go for ever', () => {
    const cluster = new Cluster();
    for (let n = 0; n < 500; n++) {
      cluster.node(`pc-${n}`, aMachine(`pc-${n}`));
      cluster.kept();
      if (n >= 3) cluster.node(`pc-${n - 3}`, undefined);
    }
    expect(plain(cluster.kept())).toEqual(plain(cluster.anew()));
    expect([...(cluster.kept().changedSince?.(cluster.kept()) ?? ['unknown'])]).toEqual([]);
  });
});
