// What every reconciler of virt-controller is given.
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { EventRecorder } from '@idlewild/operator/kube/events.ts';
import type { Informer } from '@idlewild/operator/kube/informer.ts';
import type { Logger } from 'pino';
import type { Node } from '../../model/node.ts';
import type { VirtualMachine, VirtualMachineInstance } from '../model/instance.ts';
import type { LauncherPod } from '../model/launcher-pod.ts';
import type { Migration } from '../model/migration.ts';
import type { VirtConfig } from '../model/virt-config.ts';
import type { Unseen } from './unseen.ts';

/** The shared watches that the decisions read. */
export interface Watches {
  readonly vms: Informer<VirtualMachine>;
  readonly vmis: Informer<VirtualMachineInstance>;
  readonly migrations: Informer<Migration>;
  readonly pods: Informer<LauncherPod>;
  readonly nodes: Informer<Node>;
}

export interface ControllerDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** In [0, 1). */
  readonly random: () => number;
  readonly events: EventRecorder;
  readonly watches: Watches;
  readonly config: VirtConfig;
  /** Pods that were made and that the watch has not shown yet. */
  readonly madePods: Unseen<LauncherPod>;
}
