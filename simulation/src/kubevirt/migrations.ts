// Live migrations: target pod, copy, hand-over, and every way in which that goes wrong.
// Promises: at most five at a time in the cluster and two away from a machine; the phases come in KubeVirt's order
// (pkg/virt-controller/watch/migration, pkg/virt-handler); a guest is never on two machines.

import {
  isMigrationOver,
  type MigrationPhase,
  type MigrationState,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '@idlewild/operator/api/kubevirt.ts';
import type { Pod } from '@idlewild/operator/api/kubernetes.ts';
import { isBeingDeleted } from '@idlewild/operator/api/meta.ts';
import { pods, virtualMachineInstanceMigrations, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import { needsOfVm } from '@idlewild/operator/model/capacity.ts';
import { annotations } from '@idlewild/operator/model/names.ts';
import type { Behaviour, MigrationPlan } from './behaviour.ts';
import { isPodOver, migrationFinalizer, newPod, withVmiCondition } from './objects.ts';
import { timeOf, type Stage } from './stage.ts';

interface Journey {
  readonly plan: MigrationPlan;
  readonly source: string;
  readonly vmi: string;
  targetPod?: string;
  /** When the target pod was made, then when copying began; monotonic ms. */
  readonly madeMs: number;
  copyingMs?: number;
}

const mostInCluster = 5;
const mostOutbound = 2;
const queueMs = 3_000;
const preparingMs = 2_000;
const unschedulableMs = 300_000;
const pendingMs = 900_000;
const progressMs = 150_000;

export class Migrations {
  readonly #stage: Stage;
  /** By uid of the migration; only those with a target pod. */
  readonly #journeys = new Map<string, Journey>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get size(): number {
    return this.#journeys.size;
  }

  forget({ metadata }: VirtualMachineInstanceMigration): void {
    this.#journeys.delete(metadata.uid ?? '');
  }

  /** The journey for which a target pod waits; undefined when it is no target, or not any more. */
  ofTarget({ metadata }: Pod): { readonly stuck: boolean } | undefined {
    const journey = this.#journeys.get(metadata.labels?.['kubevirt.io/migrationJobUID'] ?? '');
    return journey && { stuck: journey.plan.outcome === 'stuckTarget' };
  }

  /** What is due for the migrations of a running instance. */
  step(vmi: VirtualMachineInstance, source: Pod, own: readonly Pod[], behaviour: Behaviour): void {
    const migrations = this.#stage.relations.migrationsOf(keyOf(vmi));
    for (const each of migrations) {
      if (isBeingDeleted(each)) this.#cancel(vmi, each, own);
    }
    this.#settle(vmi, migrations);
    const current = migrations.find((each) => !isMigrationOver(each) && !isBeingDeleted(each));
    if (!current) return;
    const journey = this.#journeys.get(current.metadata.uid ?? '');
    if (!journey) this.#begin(vmi, current, source, behaviour);
    else this.#advance(vmi, current, journey, own);
  }

  /** The guest has ended: whatever was to move it has failed. */
  end(vmi: VirtualMachineInstance): void {
    for (const each of this.#stage.relations.migrationsOf(keyOf(vmi))) {
      if (isBeingDeleted(each)) this.#cancel(vmi, each, this.#stage.relations.podsOf(vmi));
      else if (!isMigrationOver(each))
        this.#fail(vmi, each, this.#journeys.get(each.metadata.uid ?? ''), 'vmi shutdown');
    }
  }

  #begin(vmi: VirtualMachineInstance, migration: VirtualMachineInstanceMigration, source: Pod, o: Behaviour): void {
    const { cluster, clock, random } = this.#stage;
    const from = source.spec.nodeName ?? '';
    const outbound = [...this.#journeys.values()].filter((journey) => journey.source === from).length;
    if (this.#journeys.size >= mostInCluster || outbound >= mostOutbound) {
      if (migration.status?.phase === undefined) this.#phase(migration, 'Pending');
      this.#stage.wake(keyOf(vmi), queueMs);
      return;
    }
    const pod = newPod(vmi, random.hex(8), migration);
    const to = migration.spec.addedNodeSelector?.['kubernetes.io/hostname'] ?? '';
    const { memoryMiB } = needsOfVm({ metadata: vmi.metadata, spec: { template: { spec: vmi.spec } } });
    const { uid = '' } = migration.metadata;
    const plan = o.migration({ from, to, memoryMiB });
    this.#journeys.set(uid, {
      plan,
      source: from,
      vmi: keyOf(vmi),
      targetPod: keyOf(pod),
      madeMs: clock.monotonic(),
    });
    cluster.create<Pod>(pods, pod);
    this.#phase(migration, 'Scheduling');
  }

  #advance(
    vmi: VirtualMachineInstance,
    migration: VirtualMachineInstanceMigration,
    journey: Journey,
    own: readonly Pod[],
  ): void {
    const { clock } = this.#stage;
    const target = own.find((pod) => keyOf(pod) === journey.targetPod);
    if (!target || isPodOver(target) || isBeingDeleted(target)) {
      this.#fail(vmi, migration, journey, 'Target pod is down');
      return;
    }
    const now = clock.monotonic();
    if (journey.copyingMs !== undefined) {
      this.#copy(vmi, migration, journey, target);
      return;
    }
    if (target.status?.phase === 'Running') {
      journey.copyingMs = now + preparingMs;
      this.#phase(migration, 'PreparingTarget');
      this.#stage.wake(keyOf(vmi), preparingMs);
      return;
    }
    const given = migration.metadata.annotations?.[annotations.unschedulableTimeout];
    const limit = target.spec.nodeName === undefined ? (given ? Number(given) * 1000 : unschedulableMs) : pendingMs;
    const left = journey.madeMs + limit - now;
    if (left <= 0) this.#fail(vmi, migration, journey, 'target pod did not get ready in time');
    else this.#stage.wake(keyOf(vmi), left);
  }

  #copy(vmi: VirtualMachineInstance, migration: VirtualMachineInstanceMigration, journey: Journey, target: Pod): void {
    const { clock, hosts, wake } = this.#stage;
    const now = clock.monotonic();
    const since = journey.copyingMs ?? now;
    if (now < since) {
      wake(keyOf(vmi), since - now);
      return;
    }
    const to = target.spec.nodeName ?? '';
    if (migration.status?.phase !== 'Running') {
      const migrationState: MigrationState = {
        migrationUid: migration.metadata.uid ?? '',
        sourceNode: journey.source,
        targetNode: to,
        targetPod: target.metadata.name,
        startTimestamp: timeOf(clock),
        mode: 'PreCopy',
      };
      this.#change(vmi, (current) => {
        const activePods = { ...current.status?.activePods, [target.metadata.uid ?? '']: to };
        return { ...current, status: { ...current.status, activePods, migrationState } };
      });
      this.#phase(migration, 'Running');
      wake(keyOf(vmi), Math.min(journey.plan.copyMs, progressMs));
      return;
    }
    const flows = hosts.isReachable(to) && hosts.isReachable(journey.source) && journey.plan.outcome !== 'stuckCopy';
    const left = since + (flows ? journey.plan.copyMs : progressMs) - now;
    if (left > 0) wake(keyOf(vmi), left);
    else if (!flows) this.#fail(vmi, migration, journey, 'Live migration stuck for 150 seconds and has been aborted');
    else if (journey.plan.outcome === 'fails') this.#fail(vmi, migration, journey, 'the copy broke off');
    else this.#handOver(vmi, migration, target);
  }

  #handOver(vmi: VirtualMachineInstance, migration: VirtualMachineInstanceMigration, target: Pod): void {
    const { guests, clock, wake, wakePod, relations } = this.#stage;
    const to = target.spec.nodeName ?? '';
    guests.move(vmi.metadata.uid ?? '', to, keyOf(target), () => wake(keyOf(vmi), 50));
    const migrationState = { ...vmi.status?.migrationState, endTimestamp: timeOf(clock), completed: true };
    this.#change(vmi, (current) => {
      const { evacuationNodeName: _left, ...status } = current.status ?? {};
      const moved = {
        ...current,
        metadata: { ...current.metadata, labels: { ...current.metadata.labels, 'kubevirt.io/nodeName': to } },
        status: { ...status, nodeName: to, migrationState },
      };
      return withVmiCondition(moved, 'Ready', 'False', 'ReadinessGatesNotReady');
    });
    this.#journeys.delete(migration.metadata.uid ?? '');
    this.#phase(migration, 'Succeeded', migrationState);
    for (const pod of relations.podsOf(vmi)) if (pod !== target) wakePod(keyOf(pod), 100);
    wake(keyOf(vmi), 260);
  }

  /** Ready comes back a moment after the hand-over. */
  #settle(vmi: VirtualMachineInstance, migrations: readonly VirtualMachineInstanceMigration[]): void {
    const ready = vmi.status?.conditions?.find(({ type }) => type === 'Ready');
    const paused = vmi.status?.conditions?.some(({ type }) => type === 'Paused');
    if (ready?.reason === 'ReadinessGatesNotReady' && !paused)
      this.#change(vmi, (current) => withVmiCondition(current, 'Ready', 'True'));
    // The last five that are over are kept.
    const over = migrations.filter((each) => isMigrationOver(each) && !isBeingDeleted(each));
    for (const each of over.slice(0, Math.max(0, over.length - 5))) {
      this.#stage.cluster.remove(virtualMachineInstanceMigrations, each);
    }
  }

  #cancel(vmi: VirtualMachineInstance, migration: VirtualMachineInstanceMigration, own: readonly Pod[]): void {
    const journey = this.#journeys.get(migration.metadata.uid ?? '');
    if (journey) {
      const target = own.find((pod) => keyOf(pod) === journey.targetPod);
      if (target && !isBeingDeleted(target)) this.#removePod(target);
      this.#journeys.delete(migration.metadata.uid ?? '');
      this.#endState(vmi, migration, 'Live migration has been aborted');
    }
    this.#stage.cluster.change<VirtualMachineInstanceMigration>(
      virtualMachineInstanceMigrations,
      migration,
      (current) => ({
        ...current,
        metadata: { ...current.metadata, finalizers: [] },
      }),
    );
  }

  #fail(
    vmi: VirtualMachineInstance,
    migration: VirtualMachineInstanceMigration,
    journey: Journey | undefined,
    failureReason: string,
  ): void {
    this.#journeys.delete(migration.metadata.uid ?? '');
    const target = this.#stage.relations.podsOf(vmi).find((pod) => keyOf(pod) === journey?.targetPod);
    if (target && !isBeingDeleted(target)) this.#removePod(target);
    this.#endState(vmi, migration, failureReason);
    const state = {
      ...vmi.status?.migrationState,
      failed: true,
      failureReason,
      endTimestamp: timeOf(this.#stage.clock),
    };
    this.#phase(migration, 'Failed', state);
  }

  #endState(vmi: VirtualMachineInstance, { metadata }: VirtualMachineInstanceMigration, failureReason: string): void {
    const state = vmi.status?.migrationState;
    if (state?.migrationUid !== metadata.uid || state?.endTimestamp !== undefined) return;
    const migrationState = { ...state, endTimestamp: timeOf(this.#stage.clock), failed: true, failureReason };
    this.#change(vmi, (current) => ({ ...current, status: { ...current.status, migrationState } }));
  }

  #removePod(pod: Pod): void {
    const grace = isPodOver(pod) || pod.spec.nodeName === undefined ? 0 : 60;
    this.#stage.cluster.remove(pods, pod, { gracePeriodSeconds: grace });
  }

  #change(vmi: VirtualMachineInstance, how: (current: VirtualMachineInstance) => VirtualMachineInstance): void {
    this.#stage.cluster.change<VirtualMachineInstance>(virtualMachineInstances, vmi, how);
  }

  #phase(migration: VirtualMachineInstanceMigration, phase: MigrationPhase, migrationState?: MigrationState): void {
    const over = phase === 'Succeeded' || phase === 'Failed';
    const time = { phase, phaseTransitionTimestamp: timeOf(this.#stage.clock) };
    this.#stage.cluster.change<VirtualMachineInstanceMigration>(
      virtualMachineInstanceMigrations,
      migration,
      (current) => ({
        ...current,
        metadata: { ...current.metadata, finalizers: over ? [] : [migrationFinalizer] },
        status: {
          ...current.status,
          phase,
          phaseTransitionTimestamps: [...(current.status?.phaseTransitionTimestamps ?? []), time],
          ...(migrationState === undefined ? {} : { migrationState }),
        },
      }),
    );
  }
}
