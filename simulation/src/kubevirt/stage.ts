// What every player of the simulated KubeVirt is given: the cluster, the clock, the machines, the guests, and how to be called again.

import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { Logger } from 'pino';
import type { Random } from '../world/random.ts';
import type { Behaviour } from './behaviour.ts';
import type { Cluster } from './cluster.ts';
import type { ConsoleLogs } from './console-logs.ts';
import type { Guests } from './guests.ts';
import type { Hosts } from './hosts.ts';
import type { Relations } from './relations.ts';

export interface Stage {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly behaviour: Behaviour;
  readonly hosts: Hosts;
  readonly guests: Guests;
  readonly logs: ConsoleLogs;
  readonly relations: Relations;
  /** Calls the step of this virtual machine (namespace/name) after so long, or sooner if that was asked for before. */
  wake(vm: string, afterMs: number): void;
  /** The same for a pod. */
  wakePod(pod: string, afterMs: number): void;
}

/** RFC 3339 in whole seconds, as the components of Kubernetes write most of their times. */
export function timeOf(clock: Clock): string {
  return new Date(Math.floor(clock.now() / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
