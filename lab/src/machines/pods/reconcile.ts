// Carries the pods of one machine through their lives: containers and secrets here, the guest by virt-handler's part.
// Promises: the status in the API follows what the machine knows; what the API no longer knows is killed and removed at once;
// the files of a finished pod stay until its object goes, its disks do not.
import { pods, secrets } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { EventRecorder } from '@idlewild/operator/kube/events.ts';
import type { Result } from '@idlewild/operator/kube/controller.ts';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { podReference } from '../../model/pod.ts';
import { decideGuest, phaseAfter, type GuestEnd } from '../../virt/handler/decide.ts';
import { imageReference } from '../../virt/handler/guest-plan.ts';
import type { Handler } from '../../virt/handler/reconcile.ts';
import type { VirtualMachineInstance } from '../../virt/model/instance.ts';
import type { LauncherPod } from '../../virt/model/launcher-pod.ts';
import { sameJson } from '../../virt/model/merge-patch.ts';
import type { MachineConfig } from '../config.ts';
import { decidePod, type Known } from './decide.ts';
import type { ImagePull } from './image-pull.ts';
import { Launcher, type Ending, type Waiting } from './launcher.ts';
import { podStatusOf, type PodStatus, type Stage } from './status.ts';

export interface PodKeeperOptions {
  readonly client: KubeClient;
  readonly config: MachineConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly handler: Handler;
  readonly images: ImagePull;
  readonly podOf: (key: string) => LauncherPod | undefined;
  readonly instanceOf: (key: string) => VirtualMachineInstance | undefined;
}

const secretPollMs = 1_000;
const reviewMs = 5_000;
const defaultGraceSeconds = 30;

export class PodKeeper {
  readonly #o: PodKeeperOptions;
  readonly #launchers = new Map<string, Launcher>();
  /** Key to the uids of deleted pods whose files are still to be removed. */
  readonly #gone = new Map<string, Set<string>>();
  #nextIp = 1;

  constructor(options: PodKeeperOptions) {
    this.#o = options;
  }

  get podsDir(): string {
    return join(this.#o.config.dir, 'pods');
  }

  launcherOf(uid: string): Launcher | undefined {
    return this.#launchers.get(uid);
  }

  /** The pod object has gone; the next reconcile of its key cleans up. */
  forget(key: string, uid: string): void {
    this.#gone.set(key, (this.#gone.get(key) ?? new Set()).add(uid));
  }

  async reconcile(key: string): Promise<Result> {
    const pod = this.#o.podOf(key);
    await this.#clean(key, pod?.metadata.uid);
    if (pod === undefined) return;
    const launcher = this.#launchers.get(pod.metadata.uid);
    const step = decidePod(pod, knownOf(launcher));
    switch (step.kind) {
      case 'none':
        break;
      case 'refuse':
        return this.#refuse(pod, { reason: step.reason, message: step.message });
      case 'report-lost':
        return this.#reportLost(pod);
      case 'remove':
        return this.#remove(pod);
      case 'prepare':
        return this.#prepare(key, pod, launcher ?? this.#newLauncher(key, pod));
      case 'shut-down':
        await this.#shutDown(launcher!, pod, step.deadlineMs);
        break;
      case 'end':
        this.#end(launcher!, 'killed');
        break;
    }
    if (launcher === undefined) return;
    await this.#tendGuest(launcher, pod);
    await this.#report(pod, launcher);
    return launcher.ending === undefined ? { requeueAfterMs: this.#nextLookMs(launcher) } : undefined;
  }

  /** Kills and removes what belonged to this key but to another pod than the one that lives now. */
  async #clean(key: string, liveUid: string | undefined): Promise<void> {
    for (const launcher of this.#launchers.values()) {
      if (launcher.key !== key || launcher.uid === liveUid) continue;
      await launcher.guest?.kill('killed');
      launcher.closeLogs();
      this.#launchers.delete(launcher.uid);
      await rm(launcher.dir, { recursive: true, force: true });
      this.#o.log.info({ pod: key, uid: launcher.uid }, 'pod is gone: killed and removed');
    }
    for (const uid of this.#gone.get(key) ?? []) {
      if (uid !== liveUid) await rm(join(this.podsDir, uid), { recursive: true, force: true });
    }
    this.#gone.delete(key);
  }

  #newLauncher(key: string, pod: LauncherPod): Launcher {
    const podIp = `10.42.${this.#o.config.number}.${(this.#nextIp++ % 250) + 2}`;
    const { clock } = this.#o;
    const launcher = new Launcher({ key, uid: pod.metadata.uid, podsDir: this.podsDir, podIp, clock });
    this.#launchers.set(launcher.uid, launcher);
    return launcher;
  }

  async #prepare(key: string, pod: LauncherPod, launcher: Launcher): Promise<Result> {
    const { images, clock, events } = this.#o;
    const missing = await this.#missingSecret(pod);
    if (missing !== undefined) {
      const message = `MountVolume.SetUp failed for volume "${missing.volume}" : secret "${missing.secret}" not found`;
      launcher.waiting = { reason: 'ContainerCreating', message };
      events.event(podReference(pod), { type: 'Warning', reason: 'FailedMount', action: 'Mount', message });
      await this.#report(pod, launcher);
      return { requeueAfterMs: secretPollMs };
    }
    let reference: string;
    try {
      reference = imageReference({ domain: { devices: {} }, volumes: diskVolumes(pod) });
    } catch (error) {
      return this.#refuse(pod, { reason: 'NotSupported', message: (error as Error).message });
    }
    if (!images.ready(launcher, pod, reference)) {
      // A cached image comes in a moment: no status in between.
      if (launcher.pullFailures > 0 || pod.status?.startTime === undefined) await this.#report(pod, launcher);
      return;
    }
    launcher.startedAtMs = clock.now();
    launcher.compute.line(`launcher started on ${this.#o.config.name}`);
    await this.#report(pod, launcher);
    return this.reconcile(key);
  }

  async #missingSecret(pod: LauncherPod): Promise<{ volume: string; secret: string } | undefined> {
    for (const { name, secret } of volumesOf(pod)) {
      if (secret?.secretName === undefined || secret.optional === true) continue;
      try {
        await this.#o.client.get(secrets, { namespace: pod.metadata.namespace, name: secret.secretName });
      } catch (error) {
        if (!isNotFound(error)) throw error;
        return { volume: name, secret: secret.secretName };
      }
    }
    return undefined;
  }

  async #tendGuest(launcher: Launcher, pod: LauncherPod): Promise<void> {
    if (launcher.ending !== undefined || launcher.startedAtMs === undefined) return;
    const { handler, config, instanceOf } = this.#o;
    const owner = pod.metadata.ownerReferences?.find(({ kind }) => kind === 'VirtualMachineInstance');
    const vmi = owner === undefined ? undefined : instanceOf(`${pod.metadata.namespace}/${owner.name}`);
    const subject = { launcher, pod, vmi };
    await handler.reportSendingFailed(subject);
    const guest = launcher.guest?.view ?? { state: 'none' as const };
    const step = decideGuest({ machine: config.name, vmi, pod, guest });
    const end = await handler.act(step, subject);
    if (end !== undefined) this.#end(launcher, end);
  }

  async #shutDown(launcher: Launcher, pod: LauncherPod, deadlineMs: number): Promise<void> {
    const { clock, instanceOf } = this.#o;
    if (launcher.killAtMs === undefined) {
      const owner = pod.metadata.ownerReferences?.find(({ kind }) => kind === 'VirtualMachineInstance');
      const grace = instanceOf(`${pod.metadata.namespace}/${owner?.name}`)?.spec.terminationGracePeriodSeconds;
      launcher.killAtMs = clock.monotonic() + (grace ?? defaultGraceSeconds) * 1000;
      await launcher.guest?.powerDown();
    }
    // A second, shorter deletion moves the deadline forward.
    launcher.killAtMs = Math.min(launcher.killAtMs, clock.monotonic() + deadlineMs - clock.now());
    if (clock.monotonic() < launcher.killAtMs) return;
    launcher.compute.line('the guest did not obey the power button in time');
    await launcher.guest?.kill('killed');
  }

  #end(launcher: Launcher, end: GuestEnd): void {
    const good = phaseAfter(end) === 'Succeeded';
    launcher.ending = { exitCode: good ? 0 : 1, reason: good ? 'Completed' : 'Error', atMs: this.#o.clock.now() };
    launcher.closeLogs();
  }

  #nextLookMs(launcher: Launcher): number {
    if (launcher.killAtMs === undefined) return reviewMs;
    return Math.max(10, Math.min(reviewMs, launcher.killAtMs - this.#o.clock.monotonic()));
  }

  async #report(pod: LauncherPod, launcher: Launcher): Promise<void> {
    const status = podStatusOf({
      pod,
      stage: stageOf(launcher),
      hostIp: '127.0.0.1',
      podIp: launcher.podIp,
      imageDigest: launcher.image?.digest,
      nowMs: this.#o.clock.now(),
    });
    await this.#writeStatus(pod, status);
  }

  async #refuse(pod: LauncherPod, waiting: Waiting): Promise<void> {
    const { clock, events } = this.#o;
    const { reason, message } = waiting;
    const stage: Stage = { kind: 'waiting', waiting };
    events.event(podReference(pod), { type: 'Warning', reason, action: 'Start', message });
    await this.#writeStatus(
      pod,
      podStatusOf({ pod, stage, hostIp: '127.0.0.1', podIp: '', imageDigest: undefined, nowMs: clock.now() }),
    );
  }

  /** The machine had no power, or its process died: nothing of the pod's guest is left. */
  async #reportLost(pod: LauncherPod): Promise<void> {
    const { clock, config, handler, instanceOf } = this.#o;
    const message = `the machine ${config.name} was restarted while the pod ran`;
    const ending: Ending = { exitCode: 137, reason: 'ContainerStatusUnknown', message, atMs: clock.now() };
    const started = Date.parse(pod.status?.startTime ?? '') || clock.now();
    const owner = pod.metadata.ownerReferences?.find(({ kind }) => kind === 'VirtualMachineInstance');
    const vmi = owner === undefined ? undefined : instanceOf(`${pod.metadata.namespace}/${owner.name}`);
    if (vmi?.metadata.uid === owner?.uid && vmi !== undefined) await handler.reportLost(vmi);
    await this.#writeStatus(
      pod,
      podStatusOf({
        pod,
        stage: { kind: 'ended', startedAtMs: started, ending },
        hostIp: '127.0.0.1',
        podIp: pod.status?.podIP ?? '',
        imageDigest: undefined,
        nowMs: clock.now(),
      }),
    );
  }

  async #remove(pod: LauncherPod): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    try {
      await this.#o.client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #writeStatus(pod: LauncherPod, status: PodStatus): Promise<void> {
    if (holds(pod.status, status)) return;
    const { namespace, name, uid } = pod.metadata;
    // Entries are merged by type: what a condition no longer has must be taken away by name.
    const conditions = status.conditions.map((condition) => ({ reason: null, message: null, ...condition }));
    try {
      await this.#o.client.strategicMergePatch(
        pods,
        { namespace, name },
        { metadata: { uid }, status: { ...status, conditions } },
        { subresource: 'status' },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function knownOf(launcher: Launcher | undefined): Known {
  if (launcher === undefined) return { kind: 'nothing' };
  if (launcher.ending !== undefined) return { kind: 'ended' };
  if (launcher.startedAtMs === undefined) return { kind: 'preparing' };
  const state = launcher.guest?.view.state;
  return { kind: 'up', guest: state === undefined ? 'none' : state === 'ended' ? 'ended' : 'alive' };
}

function stageOf(launcher: Launcher): Stage {
  const { ending, startedAtMs, waiting } = launcher;
  if (ending !== undefined) return { kind: 'ended', startedAtMs, ending };
  return startedAtMs === undefined ? { kind: 'waiting', waiting } : { kind: 'running', startedAtMs };
}

interface PodVolume {
  readonly name: string;
  readonly secret?: { readonly secretName?: string; readonly optional?: boolean };
  readonly image?: { readonly reference?: string };
}

function volumesOf(pod: LauncherPod): readonly PodVolume[] {
  return (pod.spec as { readonly volumes?: readonly PodVolume[] }).volumes ?? [];
}

function diskVolumes(pod: LauncherPod) {
  return volumesOf(pod).flatMap(({ name, image }) =>
    image?.reference === undefined ? [] : [{ name, containerDisk: { image: image.reference } }],
  );
}

/** True when the stored status says already all that `wanted` says; conditions of others do not count. */
function holds(stored: LauncherPod['status'], wanted: PodStatus): boolean {
  const have = (stored ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).every(([field, value]) => {
    if (field !== 'conditions') return sameJson(have[field], value);
    return wanted.conditions.every((condition) =>
      stored?.conditions?.some(
        ({ type, status, reason }) =>
          type === condition.type && status === condition.status && reason === condition.reason,
      ),
    );
  });
}
