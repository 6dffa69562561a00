// virt-controller as a list: which controllers run, what each looks at, and whom a change concerns.
// Promises: started only when KubeVirt's kinds are served; every controller ends with the signal.
import { randomUUID } from 'node:crypto';
import {
  nodes,
  pods,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
} from '@idlewild/operator/api/resources.ts';
import { Controller } from '@idlewild/operator/kube/controller.ts';
import { EventRecorder } from '@idlewild/operator/kube/events.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import type { PartDeps } from '../../control-plane/start.ts';
import type { Node } from '../../model/node.ts';
import type { VirtualMachine, VirtualMachineInstance } from '../model/instance.ts';
import type { LauncherPod } from '../model/launcher-pod.ts';
import type { Migration } from '../model/migration.ts';
import { configOf, type KubeVirtObject } from '../model/virt-config.ts';
import { installKinds } from '../manifests/install.ts';
import { kubeVirtRef, kubeVirts } from '../manifests/resources.ts';
import type { ControllerDeps, Watches } from './deps.ts';
import { evacuationReconciler } from './evacuation/reconcile.ts';
import { migrationReconciler } from './migration/reconcile.ts';
import { nodeReconciler } from './node/reconcile.ts';
import { Unseen } from './unseen.ts';
import { vmReconciler } from './vm/reconcile.ts';
import { vmiReconciler } from './vmi/reconcile.ts';

const CONCURRENCY = 8;
/** How long what is still to be told may take at the end. */
const LAST_EVENTS_MS = 500;

/** Resolves when all controllers run on synced watches; they end with the signal. Throws KubeError when the kinds cannot be installed. */
export async function startVirtControllers(deps: PartDeps): Promise<void> {
  const { client, clock, informers, signal } = deps;
  const log = deps.log.child({ part: 'virt-controller' });
  await installKinds({ client, log, clock, signal });
  const watches: Watches = {
    vms: informers.of<VirtualMachine>(virtualMachines),
    vmis: informers.of<VirtualMachineInstance>(virtualMachineInstances),
    migrations: informers.of<Migration>(virtualMachineInstanceMigrations),
    pods: informers.of<LauncherPod>(pods),
    nodes: informers.of<Node>(nodes),
  };
  const name = 'virtualmachine-controller';
  const events = new EventRecorder({ client, controller: name, instance: name, clock, log, newId: randomUUID });
  signal.addEventListener('abort', () => void events.flush(LAST_EVENTS_MS), { once: true });
  const shared: ControllerDeps = {
    client,
    clock,
    log,
    random: Math.random,
    events,
    watches,
    config: configOf(await client.get<KubeVirtObject>(kubeVirts, kubeVirtRef)),
    madePods: new Unseen(watches.pods, clock),
  };
  const make = (what: string, reconcile: ConstructorParameters<typeof Controller>[0]['reconcile']): Controller =>
    new Controller({ name: `virt-${what}`, reconcile, log, clock, concurrency: CONCURRENCY });
  const controllers = {
    vm: make('vm', vmReconciler(shared)),
    vmi: make('vmi', vmiReconciler(shared)),
    migration: make('migration', migrationReconciler(shared)),
    evacuation: make('evacuation', evacuationReconciler(shared)),
    node: make('node', nodeReconciler(shared)),
  };
  follow(watches, controllers);
  await informers.synced();
  for (const controller of Object.values(controllers)) {
    controller.run(signal).catch((error: unknown) => log.fatal({ err: error }, 'a controller ended'));
  }
}

type Controllers = Readonly<Record<'vm' | 'vmi' | 'migration' | 'evacuation' | 'node', Controller>>;

/** Whom a change concerns: an instance its machine, migrations and evacuation; a pod its instance and migrations. */
function follow(watches: Watches, controllers: Controllers): void {
  const migrationsOf = (namespace: string | undefined, vmiName: string): void => {
    for (const migration of watches.migrations.store.byIndex('namespace', namespace ?? '')) {
      if (migration.spec.vmiName === vmiName) controllers.migration.enqueue(keyOf(migration));
    }
  };
  watches.vms.onChange(({ object }) => controllers.vm.enqueue(keyOf(object)));
  watches.vmis.onChange(({ object }) => {
    controllers.vm.enqueue(keyOf(object));
    controllers.vmi.enqueue(keyOf(object));
    controllers.evacuation.enqueue(keyOf(object));
    migrationsOf(object.metadata.namespace, object.metadata.name);
    if (object.status?.nodeName) controllers.node.enqueue(object.status.nodeName);
  });
  watches.pods.onChange(({ object }) => {
    const owner = object.metadata.ownerReferences?.find((each) => each.kind === 'VirtualMachineInstance');
    if (!owner) return;
    controllers.vmi.enqueue(`${object.metadata.namespace ?? ''}/${owner.name}`);
    migrationsOf(object.metadata.namespace, owner.name);
  });
  watches.migrations.onChange(({ object }) => {
    const vmiKey = `${object.metadata.namespace ?? ''}/${object.spec.vmiName}`;
    controllers.migration.enqueue(keyOf(object));
    controllers.vmi.enqueue(vmiKey);
    controllers.evacuation.enqueue(vmiKey);
  });
  watches.nodes.onChange(({ object, previous, type }) => {
    if (type === 'updated' && previous && sameForUs(object, previous)) return;
    controllers.node.enqueue(object.metadata.name);
  });
}

/** A node's status changes often and never matters here. */
function sameForUs(a: Node, b: Node): boolean {
  return (
    JSON.stringify([a.metadata.labels, a.metadata.annotations]) ===
    JSON.stringify([b.metadata.labels, b.metadata.annotations])
  );
}
