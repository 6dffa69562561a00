// KubeVirt's controllers for one virtual machine: its instance is made, followed and taken down.
// Promises: level-based; one step does what is due now and may be repeated at any time. Follows pkg/virt-controller/watch/{vm,vmi}
// and pkg/virt-handler/vm.go for run strategy Once, in the order in which they were seen to write.

import {
  isInstanceOver,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '@idlewild/operator/api/kubevirt.ts';
import type { Pod } from '@idlewild/operator/api/kubernetes.ts';
import { annotationOf, isBeingDeleted } from '@idlewild/operator/api/meta.ts';
import {
  pods,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
} from '@idlewild/operator/api/resources.ts';
import { keyOf, refOf, type KubeObject, type ObjectRef } from '@idlewild/operator/kube/object.ts';
import { annotations, labels } from '@idlewild/operator/model/names.ts';
import type { Migrations } from './migrations.ts';
import {
  imageOf,
  inPhase,
  isPodOver,
  newInstance,
  newPod,
  vmFinalizer,
  withoutVmiCondition,
  withVmiCondition,
} from './objects.ts';
import { timeOf, type Stage } from './stage.ts';

/** From the launcher's start until the guest is switched on. */
const domainMs = 1_200;
/** Until a pod that was refused is tried again; KubeVirt's pauses grow, which would only make tests longer. */
const refusedMs = 5_000;

/** What every machine offers and every guest is started with. */
export const machineType = 'pc-q35-9.2';

type Change = (how: (current: VirtualMachineInstance) => VirtualMachineInstance) => void;

export function stepVirtualMachine(stage: Stage, migrations: Migrations, key: string): void {
  const ref = refOf(key);
  const vm = stage.cluster.get<VirtualMachine>(virtualMachines, ref);
  if (vm) stepVm(stage, ref, vm);
  const vmi = stage.cluster.get<VirtualMachineInstance>(virtualMachineInstances, ref);
  if (vmi) stepVmi(stage, migrations, vmi);
  else removeMigrations(stage, migrations, key);
}

/** Migrations do not outlive their instance, and one of none is taken away (pkg/virt-controller/watch/migration). */
function removeMigrations({ cluster, relations }: Stage, migrations: Migrations, vmi: string): void {
  for (const each of relations.migrationsOf(vmi)) {
    migrations.forget(each);
    cluster.change<VirtualMachineInstanceMigration>(virtualMachineInstanceMigrations, each, withoutFinalizers);
    cluster.remove(virtualMachineInstanceMigrations, each);
  }
}

function stepVm({ cluster, clock }: Stage, ref: ObjectRef, vm: VirtualMachine): void {
  const vmi = cluster.get<VirtualMachineInstance>(virtualMachineInstances, ref);
  if (isBeingDeleted(vm)) {
    if (!vmi) cluster.change<VirtualMachine>(virtualMachines, vm, withoutFinalizers);
    else if (!isBeingDeleted(vmi)) cluster.remove(virtualMachineInstances, vmi);
    return;
  }
  if (!vm.metadata.finalizers?.includes(vmFinalizer)) {
    cluster.change<VirtualMachine>(virtualMachines, vm, (current) => ({
      ...current,
      metadata: { ...current.metadata, finalizers: [...(current.metadata.finalizers ?? []), vmFinalizer] },
    }));
  }
  if (vm.spec.runStrategy === 'Halted') {
    if (vmi && !isBeingDeleted(vmi)) cluster.remove(virtualMachineInstances, vmi);
    return;
  }
  if (!vmi) {
    cluster.create(virtualMachineInstances, newInstance(vm, timeOf(clock)));
    return;
  }
  const shown = isInstanceOver(vmi) ? 'Stopped' : vmi.status?.phase === 'Running' ? 'Running' : undefined;
  cluster.change<VirtualMachine>(virtualMachines, vm, (current) =>
    shown === undefined || current.status?.printableStatus === shown
      ? current
      : { ...current, status: { ...current.status, printableStatus: shown, ready: shown === 'Running' } },
  );
  const { affinity } = vm.spec.template.spec;
  const state = vmi.status?.migrationState;
  const moving = state?.startTimestamp !== undefined && state.endTimestamp === undefined;
  if (!moving && !isInstanceOver(vmi) && JSON.stringify(vmi.spec.affinity) !== JSON.stringify(affinity)) {
    cluster.change<VirtualMachineInstance>(virtualMachineInstances, vmi, (current) => {
      const { affinity: _old, ...rest } = current.spec;
      return { ...current, spec: affinity === undefined ? rest : { ...rest, affinity } };
    });
  }
}

function stepVmi(stage: Stage, migrations: Migrations, vmi: VirtualMachineInstance): void {
  const { cluster, relations, clock } = stage;
  const own = relations.podsOf(vmi);
  const change: Change = (how) => {
    cluster.change<VirtualMachineInstance>(virtualMachineInstances, vmi, how);
  };
  if (endGuest(stage, vmi, change)) return;
  if (isBeingDeleted(vmi)) {
    for (const pod of own) {
      if (!isBeingDeleted(pod)) cluster.remove(pods, pod, { gracePeriodSeconds: isPodOver(pod) ? 0 : 60 });
    }
    if (relations.podsOf(vmi).length > 0) return;
    removeMigrations(stage, migrations, keyOf(vmi));
    change(withoutFinalizers);
    return;
  }
  if (isInstanceOver(vmi)) {
    migrations.end(vmi);
    return;
  }
  const at = timeOf(clock);
  switch (vmi.status?.phase) {
    case 'Pending':
      if (own.length === 0) {
        const refusal = stage.behaviour.podRefusal(vmi.metadata.namespace ?? '');
        if (refusal !== undefined) {
          change((current) => withVmiCondition(current, 'Synchronized', 'False', 'FailedCreate', refusal));
          stage.wake(keyOf(vmi), refusedMs);
          return;
        }
        cluster.create<Pod>(pods, newPod(vmi, stage.random.hex(8)));
      }
      change((current) => inPhase(withoutVmiCondition(current, 'Synchronized'), 'Scheduling', at));
      return;
    case 'Scheduling': {
      const [pod] = own;
      if (!pod || isPodOver(pod)) change((current) => inPhase(current, 'Failed', at));
      else if (pod.status?.phase === 'Running') change((current) => onNode(inPhase(current, 'Scheduled', at), pod));
      return;
    }
    default:
      follow(stage, migrations, vmi, own, change);
  }
}

/** virt-handler reports a guest that has ended, if its machine can be reached. */
function endGuest({ guests, hosts, clock }: Stage, vmi: VirtualMachineInstance, change: Change): boolean {
  const guest = guests.of(vmi.metadata.uid ?? '');
  if (!guest?.end || isInstanceOver(vmi) || !hosts.isReachable(guest.node)) return false;
  const well = guest.end === 'poweredOff' || guest.end === 'shutDown';
  change((current) => off(inPhase(current, well ? 'Succeeded' : 'Failed', timeOf(clock)), 'GuestNotRunning'));
  return true;
}

function follow(
  stage: Stage,
  migrations: Migrations,
  vmi: VirtualMachineInstance,
  own: readonly Pod[],
  change: Change,
): void {
  const { clock, guests, hosts, behaviour } = stage;
  const node = vmi.status?.nodeName ?? '';
  const pod = own.find(({ spec, status }) => spec.nodeName === node && status?.phase !== 'Succeeded');
  if (!pod || isPodOver(pod)) {
    change((current) => off(inPhase(current, 'Failed', timeOf(clock)), 'PodNotExists'));
    return;
  }
  const uid = vmi.metadata.uid ?? '';
  const guest = guests.of(uid);
  if (vmi.status?.phase === 'Scheduled') {
    if (!hosts.isReachable(node) || pod.status?.phase !== 'Running') return;
    if (!guest) {
      switchOn(stage, vmi, pod, node);
      stage.wake(keyOf(vmi), domainMs);
      return;
    }
    const left = guest.sinceMs + domainMs - clock.monotonic();
    if (left > 0) stage.wake(keyOf(vmi), left);
    else {
      change((current) => {
        const ready = withVmiCondition(inPhase(current, 'Running', timeOf(clock)), 'Ready', 'True');
        const whole = withVmiCondition(ready, 'LiveMigratable', 'True');
        return {
          ...whole,
          status: { ...whole.status, machine: { type: machineType }, migrationMethod: 'BlockMigration' },
        };
      });
    }
    return;
  }
  migrations.step(vmi, pod, own, behaviour);
}

function switchOn(
  { guests, behaviour, cluster, wake }: Stage,
  vmi: VirtualMachineInstance,
  pod: Pod,
  node: string,
): void {
  const { namespace = '', name, uid = '', labels: own = {} } = vmi.metadata;
  const vm = cluster.get<VirtualMachine>(virtualMachines, { namespace, name });
  const job = own[labels.job] ?? name;
  const attempt = Number(own[labels.attempt] ?? 1);
  guests.start({
    vmiUid: uid,
    vmi: keyOf(vmi),
    job: `${namespace}/${job}`,
    attempt,
    plan: behaviour.guest({ namespace, job, attempt, image: imageOf(vmi), node }),
    node,
    pod: keyOf(pod),
    nonce: (vm && annotationOf(vm, annotations.nonce)) ?? '',
    bootMs: domainMs + behaviour.bootMs(node),
    onOff: () => wake(keyOf(vmi), 50),
  });
}

function onNode(vmi: VirtualMachineInstance, pod: Pod): VirtualMachineInstance {
  const nodeName = pod.spec.nodeName ?? '';
  const activePods = { [pod.metadata.uid ?? '']: nodeName };
  const own = { ...vmi.metadata.labels, 'kubevirt.io/nodeName': nodeName };
  return {
    ...vmi,
    metadata: { ...vmi.metadata, labels: own },
    status: { ...vmi.status, nodeName, activePods },
  };
}

function off(vmi: VirtualMachineInstance, reason: string): VirtualMachineInstance {
  return withVmiCondition(vmi, 'Ready', 'False', reason);
}

function withoutFinalizers<T extends KubeObject>(object: T): T {
  return { ...object, metadata: { ...object.metadata, finalizers: [] } };
}
