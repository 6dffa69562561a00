// The whole program as a list: each controller, what it is keyed by, and what brings it to work.
// Must not hold logic: what a controller does is in its folder.

import { Controller, type ControllerMetrics, type Reconcile } from './kube/controller.ts';
import type { Change, Informer } from './kube/informer.ts';
import { keyOf, type KubeObject } from './kube/object.ts';
import type { Lease } from './api/kubernetes.ts';
import { Evacuation } from './evacuation/reconcile.ts';
import { DowntimeObserver } from './evacuation/downtime.ts';
import type { EvacuationSettings } from './evacuation/decide.ts';
import { Room } from './evacuation/room.ts';
import { Traffic } from './evacuation/traffic.ts';
import { Wakes } from './evacuation/wakes.ts';
import type { VirtualMachineInstanceMigration } from './api/kubevirt.ts';
import { Approval } from './approval/reconcile.ts';
import { Isolation } from './isolation/reconcile.ts';
import type { AddressRange } from './isolation/ranges.ts';
import { Holds } from './holds/reconcile.ts';
import { Consoles, type ConsoleSettings } from './lifecycle/console.ts';
import type { LifecycleSettings } from './lifecycle/decide.ts';
import { Lifecycle } from './lifecycle/reconcile.ts';
import { Matching, type MatchingOptions } from './matching/reconcile.ts';
import { Ladder } from './ladder/reconcile.ts';
import type { LadderSettings } from './ladder/settings.ts';
import type { PreemptionSettings } from './preemption/decide.ts';
import { Preemption } from './preemption/reconcile.ts';
import type { Reservation } from './queue/reservation.ts';
import { isNewsOfFence } from './recovery/fence.ts';
import { isFallingSilent, recentSilence, type Leases, type Patience, type Voice } from './recovery/leases.ts';
import { Recovery } from './recovery/reconcile.ts';
import { openAttempt } from './model/job.ts';
import { isLost } from './model/machine.ts';
import { JobWriter } from './world/job-writer.ts';
import { endsOfMigration, jobKeyOf } from './world/world.ts';
import type { Deps } from './deps.ts';

export interface Settings {
  readonly matching: MatchingOptions;
  readonly preemption: PreemptionSettings;
  readonly lifecycle: LifecycleSettings;
  readonly recovery: Patience;
  readonly ladder: LadderSettings;
  readonly evacuation: EvacuationSettings;
  /** What isolated guests must not reach. */
  readonly lanRanges: readonly AddressRange[];
}

export interface Program {
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** By job: the machine that the last pass over the queue kept for it. */
  readonly reservations: () => ReadonlyMap<string, Reservation>;
}

export function buildControllers(
  base: Omit<Deps, 'writer'>,
  settings: Settings,
  o: {
    leases: Leases;
    metrics?: ControllerMetrics | undefined;
    random: () => number;
    consoles?: Partial<ConsoleSettings> | undefined;
  },
): Program {
  const { world, client, clock, log, newId } = base;
  const touched = (key: string): void => {
    queue.look(key);
    matching.enqueue('pool');
    lifecycle.enqueue(key);
    evacuation.enqueue(key);
    if (climbing.concerns(key)) ladder.enqueue(key);
  };
  const writer = new JobWriter({ client, jobs: world.jobs, onWrite: (job) => touched(keyOf(job)) });
  const deps: Deps = { ...base, writer };
  const consoles = new Consoles({
    client,
    clock,
    log,
    random: o.random,
    settings: o.consoles,
    onNews: (key) => lifecycle.enqueue(key),
  });
  const downtime = new DowntimeObserver(clock);
  const traffic = new Traffic((key) => world.informers.vmis.store.get(key), world.promises);
  const room = new Room({ world, clock, traffic, limits: settings.evacuation.limits });
  const wakes = new Wakes({
    clock,
    onMachine: (key) => {
      evacuation.enqueue(key);
      ladder.enqueue(key);
    },
    onChance: (key) => evacuation.enqueue(key),
    isThere: (awaited) => room.has(awaited),
  });
  world.promises.onWithdrawn(() => wakes.mayHelp());

  const controller = (name: string, concurrency: number, worker: { readonly reconcile: Reconcile }): Controller =>
    new Controller({ name, concurrency, reconcile: worker.reconcile, log, clock, newId, metrics: o.metrics });
  const isolation = new Isolation(deps, { ranges: settings.lanRanges, onNews: () => queue.news() });
  const isolating = controller('isolation', 2, isolation);
  const isSilent = (machine: string): boolean => isFallingSilent(o.leases, machine, settings.recovery);
  const queue = new Matching(deps, settings.matching, {
    wake: () => matching.enqueue('pool'),
    isSilent,
    obstacleOf: isolation.obstacleOf,
    onPass: () => {
      if (preemption.concerned) preempting.enqueue('pool');
    },
  });
  const matching = controller('matching', 1, queue);
  const preemption = new Preemption(deps, queue, settings.preemption);
  const preempting = controller('preemption', 1, preemption);
  const lifecycle = controller(
    'lifecycle',
    8,
    new Lifecycle(
      deps,
      consoles,
      settings.lifecycle,
      (machine) => recentSilence(o.leases, machine),
      isolation.obstacleOf,
    ),
  );
  const recovery = controller('recovery', 4, new Recovery(deps, o.leases, settings.recovery));
  const evacuation = controller(
    'evacuation',
    4,
    new Evacuation(deps, { downtime, traffic, wakes, room, isSilent }, settings.evacuation),
  );

  const climbing = new Ladder(deps, settings.ladder);
  const ladder = controller('ladder', 8, climbing);

  const holds = new Holds(deps);
  const holding = controller('holds', 2, holds);

  const approval = new Approval(deps);
  const approving = controller('approval', 2, approval);

  const ofJob = <T extends KubeObject>(informer: Informer<T>, keyOfJob: (object: T) => string | undefined): void =>
    informer.onChange(({ object }) => {
      const key = keyOfJob(object);
      if (key !== undefined) touched(key);
    });
  ofJob(world.informers.jobs, keyOf);
  world.informers.jobs.onChange((change) => {
    if (change.type === 'deleted') base.ledger.deleted(change.object);
    wakes.sawJob(change);
    if (isolation.sawJob(change.object)) isolating.enqueue(change.object.metadata.namespace ?? '');
    for (const machine of holds.sawJob(change)) holding.enqueue(machine);
  });
  ofJob(world.informers.vms, jobKeyOf);
  ofJob(world.informers.vmis, jobKeyOf);
  ofJob(world.informers.pods, jobKeyOf);
  const jobOfMigration = (migration: VirtualMachineInstanceMigration): string | undefined => {
    const { metadata, spec } = migration;
    const vmi = world.informers.vmis.store.get(`${metadata.namespace}/${spec.vmiName}`);
    return jobKeyOf(migration) ?? (vmi && jobKeyOf(vmi));
  };
  world.informers.migrations.onChange((change) => {
    traffic.saw(change, jobOfMigration(change.object));
    wakes.sawMigration(change);
  });
  ofJob(world.informers.migrations, jobOfMigration);
  world.informers.vmis.onChange((change) => {
    wakes.sawInstance(change, jobKeyOf(change.object));
    if (change.type !== 'deleted') downtime.saw(change.object, change.previous);
  });
  const concernsNetwork = (namespace: string): void => {
    isolating.enqueue(namespace);
    queue.news();
  };
  world.informers.namespaces.onChange(({ type, object }) => {
    queue.lookAtNamespace(object.metadata.name, type === 'deleted' ? undefined : object);
    matching.enqueue('pool');
    if (isolation.isConcerned(object.metadata.name)) concernsNetwork(object.metadata.name);
    if (type === 'deleted') isolation.forgetNamespace(object.metadata.name);
  });
  world.networkPolicies.onChange(({ metadata: { namespace = '' } }) => concernsNetwork(namespace));
  world.informers.nodes.onChange((change) => {
    matching.enqueue('pool');
    recovery.enqueue(change.object.metadata.name);
    wakes.sawNode(change);
    if (change.type === 'deleted') isolation.forgetMachine(change.object.metadata.name);
    else isolation.sawMachine(change.object);
    if (holds.concerns(change)) holding.enqueue(change.object.metadata.name);
    if (approval.concerns(change)) approving.enqueue(change.object.metadata.name);
  });
  const hearing =
    (voice: Voice) =>
    ({ type, object, previous }: Change<Lease>): void => {
      const { name } = object.metadata;
      if (type !== 'deleted') o.leases.saw(voice, name, object);
      else if (voice === 'agent') o.leases.saw(voice, name, undefined);
      // A renewal is news only of a lost machine; for the others the time for the next look is set.
      if (type !== 'updated' || isGone(name)) recovery.enqueue(name);
      if (voice === 'agent' && (type !== 'updated' || isNewsOfFence(previous, object))) matching.enqueue('pool');
    };
  world.informers.leases.onChange(hearing('kubelet'));
  world.informers.agentLeases.onChange(hearing('agent'));
  world.informers.agentLeases.onChange(({ type, object }) => {
    if (type !== 'updated') approving.enqueue(object.metadata.name);
  });
  // What happens on a machine concerns recovery only when the machine is lost, or its Node is gone.
  const isGone = (name: string): boolean => {
    const node = world.nodes.get(name);
    return node === undefined || isLost(node);
  };
  const onMachine = (name: string | undefined): void => {
    if (name !== undefined && isGone(name)) recovery.enqueue(name);
    if (name !== undefined && approval.isLeaving(name)) approving.enqueue(name);
  };
  world.informers.vmis.onChange(({ object }) => onMachine(object.status?.nodeName));
  world.informers.pods.onChange(({ object }) => onMachine(object.spec.nodeName));
  // A claim, or a migration, may be of a moment in which nobody knew yet that the machine is gone.
  world.informers.jobs.onChange(({ object }) => onMachine(openAttempt(object)?.node));
  world.informers.migrations.onChange(({ object }) => endsOfMigration(object).forEach(onMachine));

  return {
    reservations: () => queue.pass?.reservations ?? new Map<string, Reservation>(),
    run: async (signal) => {
      base.ledger.recall(world.jobs.list());
      queue.recallUsage();
      try {
        await Promise.all(
          [matching, preempting, lifecycle, recovery, evacuation, ladder, holding, approving, isolating].map((each) =>
            each.run(signal),
          ),
        );
      } finally {
        await queue.close();
        consoles.close();
        wakes.close();
      }
    },
  };
}
