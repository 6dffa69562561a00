// The kubelets: pods that are bound to a machine are started, ended and removed there, as long as the machine can be reached.
// Promises: whatever the API says meanwhile, a machine that is out of reach does nothing for it, and catches up afterwards.

import type { Pod } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { isBeingDeleted } from '@idlewild/operator/api/meta.ts';
import { nodes, pods, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { keyOf, refOf } from '@idlewild/operator/kube/object.ts';
import type { Guest } from './guests.ts';
import { endedStatus, imageOf, isPodOver, podWithStatus, pullFailedStatus, runningStatus } from './objects.ts';
import { instanceOfPod } from './relations.ts';
import { stepScheduler } from './scheduler.ts';
import { timeOf, type Stage } from './stage.ts';

/** What one machine knows of a pod that it runs. */
interface Run {
  /** The boot of the machine in which it runs. */
  readonly boots: number;
  readonly readyMs: number | undefined;
  endingMs?: number;
  /** When its guest loses its power, if it does not go off by itself. */
  powerOffMs?: number;
}

const podStartMs = 1_500;
const pullBackOffMs = 20_000;
/** The launcher needs a moment after its guest. */
const launcherEndMs = 1_400;
const orphanMs = 1_000;
/** What a guest has from its power button to the loss of its power, and how often the button is pressed meanwhile. */
const graceMs = 30_000;
const pressMs = 5_000;

export class Kubelets {
  readonly #stage: Stage;
  readonly #runs = new Map<string, Run>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Runs whose pod is gone must not stay. */
  get size(): number {
    return this.#runs.size;
  }

  /** @param coming what is known of the migration for which the pod waits, if it does. */
  step(key: string, coming: { readonly stuck: boolean } | undefined): void {
    const { cluster, hosts } = this.#stage;
    const pod = cluster.get<Pod>(pods, refOf(key));
    if (!pod) return;
    const node = pod.spec.nodeName;
    if (node === undefined) {
      if (isBeingDeleted(pod)) cluster.remove(pods, pod, { gracePeriodSeconds: 0 });
      else stepScheduler(this.#stage, pod, key);
      return;
    }
    if (!hosts.isReachable(node)) return;
    const run = this.#runs.get(key);
    if (isBeingDeleted(pod)) this.#takeDown(key, pod, run);
    else if (isPodOver(pod)) this.#runs.delete(key);
    else if (!run) this.#begin(key, pod, node);
    else if (run.boots !== hosts.get(node).boots) this.#end(key, pod, 'Failed');
    else if (pod.status?.phase === 'Pending') this.#ready(key, pod, run, coming?.stuck === true);
    else if (!coming) this.#watch(key, pod, run);
  }

  /** The pod object is gone. A guest that is still in it dies when its machine hears of it. */
  gone(pod: Pod): void {
    const key = keyOf(pod);
    this.#runs.delete(key);
    this.#stage.logs.forget(key);
    const guest = this.#guestIn(key, pod);
    if (guest && this.#stage.hosts.isReachable(guest.node)) this.#reapLater(guest);
  }

  /** A machine is heard again: what it ran and what it should run is compared. */
  heard(node: string): void {
    const { guests, relations, cluster } = this.#stage;
    for (const guest of guests.on(node)) {
      if (!cluster.get(pods, refOf(guest.pod))) this.#reapLater(guest);
      else this.#stage.wake(guest.vmi, 500);
    }
    for (const pod of relations.podsOn(node)) {
      this.#stage.logs.reach(keyOf(pod), true);
      this.#stage.wakePod(keyOf(pod), 1_000);
    }
  }

  silent(node: string): void {
    for (const pod of this.#stage.relations.podsOn(node)) this.#stage.logs.reach(keyOf(pod), false);
  }

  #begin(key: string, pod: Pod, node: string): void {
    const { hosts, clock, behaviour, cluster } = this.#stage;
    const image = this.#image(pod);
    const present = cluster
      .get<Node>(nodes, { name: node })
      ?.status?.images?.some(({ names }) => names?.includes(image));
    const pullMs = present === true ? 0 : behaviour.pullMs(node, image);
    const readyMs = pullMs === undefined ? undefined : clock.monotonic() + pullMs + podStartMs;
    this.#runs.set(key, { boots: hosts.get(node).boots, readyMs });
    if (pullMs === undefined) {
      cluster.change<Pod>(pods, pod, (current) => podWithStatus(current, pullFailedStatus(image)));
      this.#stage.clock.setTimeout(() => {
        // Tried from the beginning, unless the pod has gone meanwhile.
        if (this.#runs.get(key)?.readyMs === undefined) this.#runs.delete(key);
        this.#stage.wakePod(key, 0);
      }, pullBackOffMs);
    } else this.#stage.wakePod(key, pullMs + podStartMs);
  }

  #ready(key: string, pod: Pod, { readyMs }: Run, stuck: boolean): void {
    const { cluster, clock, logs } = this.#stage;
    if (readyMs === undefined || stuck) return;
    const left = readyMs - clock.monotonic();
    if (left > 0) {
      this.#stage.wakePod(key, left);
      return;
    }
    logs.open(key);
    cluster.change<Pod>(pods, pod, (current) => podWithStatus(current, runningStatus(this.#image(pod), timeOf(clock))));
    this.#rememberImage(pod);
  }

  /** The launcher ends after its guest; that of a migration's source after the hand-over. */
  #watch(key: string, pod: Pod, run: Run): void {
    const guest = this.#guestOf(pod);
    const left = guest !== undefined && guest.pod !== key;
    const over = guest?.end !== undefined && guest.pod === key;
    if (!left && !over) return;
    const now = this.#stage.clock.monotonic();
    run.endingMs ??= now + launcherEndMs;
    if (run.endingMs > now) this.#stage.wakePod(key, run.endingMs - now);
    else this.#end(key, pod, left || guest.end === 'poweredOff' || guest.end === 'shutDown' ? 'Succeeded' : 'Failed');
  }

  #takeDown(key: string, pod: Pod, run: Run | undefined): void {
    const { guests, behaviour, clock, cluster } = this.#stage;
    const guest = this.#guestIn(key, pod);
    if (guest) {
      const now = clock.monotonic();
      const hears = guest.stillSinceMs === undefined;
      if (run) {
        run.powerOffMs ??= now + graceMs;
        if (hears) run.endingMs ??= now + behaviour.shutdownMs;
      }
      const left = (run?.endingMs ?? run?.powerOffMs ?? now) - now;
      if (left > 0) {
        this.#stage.wakePod(key, hears ? left : Math.min(left, pressMs));
        return;
      }
      guests.kill(guest.vmiUid, hears ? 'shutDown' : 'killed');
      this.#stage.wake(guest.vmi, 0);
      this.#stage.wakePod(key, 200);
      return;
    }
    cluster.remove(pods, pod, { gracePeriodSeconds: 0 });
  }

  #end(key: string, pod: Pod, phase: 'Succeeded' | 'Failed'): void {
    this.#runs.delete(key);
    this.#stage.logs.end(key);
    this.#stage.cluster.change<Pod>(pods, pod, (current) =>
      podWithStatus(current, endedStatus(phase, timeOf(this.#stage.clock))),
    );
  }

  #reapLater(guest: Guest): void {
    const { clock, guests, cluster, hosts } = this.#stage;
    clock.setTimeout(() => {
      const unclaimed = cluster.get(pods, refOf(guest.pod)) === undefined;
      if (guest.end === undefined && unclaimed && hosts.isReachable(guest.node)) guests.kill(guest.vmiUid, 'killed');
    }, orphanMs);
  }

  #guestOf(pod: Pod): Guest | undefined {
    const uid = pod.metadata.ownerReferences?.find(({ kind }) => kind === virtualMachineInstances.kind)?.uid;
    return uid === undefined ? undefined : this.#stage.guests.of(uid);
  }

  #guestIn(key: string, pod: Pod): Guest | undefined {
    const guest = this.#guestOf(pod);
    return guest?.pod === key && guest.end === undefined ? guest : undefined;
  }

  #image(pod: Pod): string {
    const vmi = instanceOfPod(pod);
    const found = vmi && this.#stage.cluster.get<VirtualMachineInstance>(virtualMachineInstances, refOf(vmi));
    return found ? imageOf(found) : '';
  }

  #rememberImage(pod: Pod): void {
    const image = this.#image(pod);
    const node = this.#stage.cluster.get<Node>(nodes, { name: pod.spec.nodeName ?? '' });
    if (!node || node.status?.images?.some(({ names }) => names?.includes(image))) return;
    const images = [...(node.status?.images ?? []), { names: [image] }];
    this.#stage.cluster.change<Node>(nodes, node, (current) => ({ ...current, status: { ...current.status, images } }));
  }
}
