// Carries out what decide.ts says about a guest: starts, sends, receives and ends it, and writes virt-handler's share of the
// VirtualMachineInstance. Promises: an instance is written only with the resourceVersion it was read at, and only while it
// is still the same object; what the API refuses is tried again by the caller.
import { secrets, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { EventRecorder } from '@idlewild/operator/kube/events.ts';
import type { ObjectRef } from '@idlewild/operator/kube/object.ts';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { MachineConfig } from '../../machines/config.ts';
import { TunnelEntrance } from '../../machines/endpoint/tunnel.ts';
import type { Launcher } from '../../machines/pods/launcher.ts';
import type { VirtualMachineInstance } from '../model/instance.ts';
import type { LauncherPod } from '../model/launcher-pod.ts';
import { mergePatch } from '../model/merge-patch.ts';
import { migrationDefaults } from '../model/migration.ts';
import { GuestGroup } from '../../machines/cgroup/guest-group.ts';
import type { BootQueue } from '../qemu/boot-queue.ts';
import type { GuestSpec } from '../qemu/guest-spec.ts';
import { phaseAfter, type GuestEnd, type GuestStep } from './decide.ts';
import { guestPlan, type SecretData } from './guest-plan.ts';
import { HeldGuest, type HeldGuestOptions } from './held-guest.ts';
import * as status from './instance-status.ts';

export interface HandlerOptions {
  readonly client: KubeClient;
  readonly config: MachineConfig;
  /** Exact machine type of the hypervisor. */
  readonly machineType: string;
  readonly boots: BootQueue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventRecorder;
  /** Has the pod looked at again. */
  readonly enqueue: (key: string) => void;
}

export interface Subject {
  readonly launcher: Launcher;
  readonly pod: LauncherPod;
  readonly vmi: VirtualMachineInstance | undefined;
}

const conflictTries = 8;

export class Handler {
  readonly #o: HandlerOptions;
  readonly #tunnels = new Map<string, TunnelEntrance>();

  constructor(options: HandlerOptions) {
    this.#o = options;
  }

  /** Answers how the launcher's work ended, once it has. */
  async act(step: GuestStep, { launcher, vmi }: Subject): Promise<GuestEnd | undefined> {
    const guest = launcher.guest;
    if (step.kind === 'none') return undefined;
    if (step.kind === 'drop') {
      launcher.compute.line(`dropping the guest: ${step.why}`);
      await guest?.kill('killed');
      return 'killed';
    }
    if (step.kind === 'end-pod') {
      await this.#closeTunnel(launcher);
      await guest?.kill('migrated');
      return step.end;
    }
    // Every other step is about an instance that exists.
    if (vmi === undefined) return undefined;
    const now = this.#o.clock.now();
    switch (step.kind) {
      case 'start':
        return this.#start(launcher, vmi);
      case 'report-running':
        await this.#write(vmi, (each) => status.asRunning(each, this.#placed(launcher, now)));
        this.#event(vmi, 'Created', 'VirtualMachineInstance defined.');
        this.#event(vmi, 'Started', 'VirtualMachineInstance started.');
        return undefined;
      case 'report-agent':
        await this.#write(vmi, (each) => status.asAgent(each, guest?.agent?.os, now));
        return undefined;
      case 'report-ended':
        return this.#reportEnded(vmi, launcher, step.end);
      case 'prepare-incoming':
        return this.#prepare(launcher, vmi);
      case 'publish-target': {
        const { port } = this.#o.config;
        await this.#write(vmi, (each) => status.asListening(each, '127.0.0.1', port));
        this.#event(vmi, 'PreparingTarget', `Migration Target is listening at 127.0.0.1, on ports: ${port}`);
        return undefined;
      }
      case 'fail-migration':
        await this.#failMigration(
          vmi,
          guest?.failure === undefined ? step.why : `${step.why}: ${guest.failure}`,
          false,
        );
        return undefined;
      case 'send':
        await this.#send(launcher, vmi, step.migrationUid);
        return undefined;
      case 'stop-sending':
        guest?.stopSending(step.requested ? 'Live migration aborted' : 'the migration is over');
        return undefined;
      case 'report-arrived':
        await this.#write(vmi, (each) => status.asArrived(each, now));
        return undefined;
      case 'take-over': {
        const { config } = this.#o;
        await this.#write(vmi, (each) => status.asTakenOver(each, config.name, this.#placed(launcher, now)));
        this.#event(vmi, 'Migrated', `The VirtualMachineInstance migrated to node ${config.name}.`);
        return undefined;
      }
      case 'complete':
        await this.#write(vmi, (each) => status.asCompleted(each, statsOf(guest)));
        return undefined;
    }
  }

  /** Tells the API that sending failed, once. Called when the guest is back in `running` with a failure noted. */
  async reportSendingFailed({ launcher, vmi }: Subject): Promise<void> {
    const guest = launcher.guest;
    const migration = vmi?.status?.migrationState;
    if (guest?.failure === undefined || vmi === undefined || guest.view.state !== 'running') return;
    const aborted = migration?.abortRequested === true;
    const reason = aborted ? 'Live migration aborted' : `Live migration failed error: ${guest.failure}`;
    await this.#closeTunnel(launcher);
    if (migration?.sourceNode === this.#o.config.name && migration.startTimestamp !== undefined) {
      if (migration.endTimestamp === undefined) await this.#failMigration(vmi, reason, aborted);
    }
    guest.failure = undefined;
  }

  /** The instance was here when the machine lost its power. */
  async reportLost(vmi: VirtualMachineInstance): Promise<void> {
    const { clock, config } = this.#o;
    await this.#write(vmi, (each) => {
      const final = each.status?.phase === 'Succeeded' || each.status?.phase === 'Failed';
      return final || each.status?.nodeName !== config.name ? each : status.asEnded(each, 'Failed', clock.now());
    });
  }

  async setPaused(vmi: VirtualMachineInstance, paused: boolean): Promise<void> {
    await this.#write(vmi, (each) => status.asPaused(each, paused, this.#o.clock.now()));
  }

  async #start(launcher: Launcher, vmi: VirtualMachineInstance): Promise<GuestEnd | undefined> {
    try {
      launcher.guest = HeldGuest.boot(await this.#held(launcher, vmi));
      return undefined;
    } catch (error) {
      if (isNotFound(error)) throw error;
      const message = (error as Error).message;
      launcher.compute.line(`the guest cannot be started: ${message}`);
      this.#event(vmi, 'SyncFailed', message, 'Warning');
      return this.#reportEnded(vmi, launcher, 'failed-to-start');
    }
  }

  async #prepare(launcher: Launcher, vmi: VirtualMachineInstance): Promise<GuestEnd | undefined> {
    const limits = vmi.status?.migrationState?.migrationConfiguration ?? migrationDefaults;
    const paused = vmi.status?.conditions?.some(({ type, status: is }) => type === 'Paused' && is === 'True') === true;
    const held = await this.#held(launcher, vmi);
    const timeoutMs = completionLimitMs(held.spec, limits.completionTimeoutPerGiB);
    launcher.guest = HeldGuest.receive(held, { timeoutMs, paused });
    return undefined;
  }

  async #held(launcher: Launcher, vmi: VirtualMachineInstance): Promise<HeldGuestOptions> {
    const { config, boots, clock, log, enqueue } = this.#o;
    if (launcher.image === undefined) throw new Error('the image is not there yet');
    const secretData = await this.#secrets(vmi);
    const spec = guestPlan({ vmi, image: launcher.image, secrets: secretData, accel: config.accel });
    return {
      spec,
      dir: launcher.dir,
      socketDir: join(config.runtime, launcher.uid.slice(0, 8)),
      group: new GuestGroup(config.guestCgroups, launcher.uid),
      lease: config.lease === undefined ? undefined : { file: config.lease, pod: launcher.uid },
      witness: config.witness,
      program: config.guestProgram,
      boots,
      clock,
      log,
      compute: launcher.compute,
      consoleLog: launcher.consoleLog,
      onChange: () => enqueue(launcher.key),
    };
  }

  async #secrets({ metadata, spec }: VirtualMachineInstance): Promise<SecretData> {
    const found = new Map<string, Record<string, string>>();
    for (const volume of spec.volumes ?? []) {
      const source = volume.cloudInitNoCloud ?? volume.cloudInitConfigDrive;
      for (const name of [source?.secretRef?.name, source?.networkDataSecretRef?.name]) {
        if (name === undefined || found.has(name)) continue;
        const ref = { ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }), name };
        const { data = {} } = await this.#o.client.get<{ data?: Record<string, string> }>(secrets, ref);
        const decoded = Object.entries(data).map(([key, value]) => [
          key,
          Buffer.from(value, 'base64').toString('utf8'),
        ]);
        found.set(name, Object.fromEntries(decoded) as Record<string, string>);
      }
    }
    return found;
  }

  async #send(launcher: Launcher, vmi: VirtualMachineInstance, migrationUid: string): Promise<void> {
    const { config, clock, log } = this.#o;
    const migration = vmi.status?.migrationState;
    const limits = migration?.migrationConfiguration ?? migrationDefaults;
    if (launcher.guest === undefined || migration?.targetNode === undefined || migration.targetPod === undefined) {
      throw new Error('the target pod of the migration is not known yet');
    }
    await this.#write(vmi, (each) => status.asSending(each, clock.now()));
    this.#event(vmi, 'Migrating', 'VirtualMachineInstance is migrating.');
    const tunnel = new TunnelEntrance();
    this.#tunnels.set(launcher.uid, tunnel);
    const { targetNode: machine, targetPod: pod } = migration;
    const target = { machine, namespace: vmi.metadata.namespace ?? 'default', pod };
    const sockets = await tunnel.open(config, target, config.runtime, (error) => log.warn({ err: error }, 'tunnel'));
    const timeoutMs = completionLimitMs(launcher.guest.spec, limits.completionTimeoutPerGiB);
    const stalledMs = limits.progressTimeout * 1000;
    launcher.guest.send(migrationUid, sockets, { timeoutMs, stalledMs, maxDowntimeMs: limits.maxDowntimeMs });
  }

  async #reportEnded(vmi: VirtualMachineInstance, launcher: Launcher, end: GuestEnd): Promise<GuestEnd> {
    const phase = phaseAfter(end);
    await this.#write(vmi, (each) => status.asEnded(each, phase, this.#o.clock.now()));
    const good = phase === 'Succeeded';
    const words = good ? 'The VirtualMachineInstance was shut down.' : 'The VirtualMachineInstance crashed.';
    this.#event(vmi, 'Stopped', words, good ? 'Normal' : 'Warning');
    launcher.compute.line(`guest over: ${end}`);
    return end;
  }

  async #failMigration(vmi: VirtualMachineInstance, reason: string, aborted: boolean): Promise<void> {
    const uid = vmi.status?.migrationState?.migrationUid;
    await this.#write(vmi, (each) => {
      const current = each.status?.migrationState;
      if (current?.migrationUid !== uid || current?.endTimestamp !== undefined) return each;
      return status.asMigrationFailed(each, reason, aborted, this.#o.clock.now());
    });
    const text = `VirtualMachineInstance migration uid ${uid} failed. reason:${reason}`;
    this.#event(vmi, 'Migrated', text, 'Warning');
  }

  async #closeTunnel(launcher: Launcher): Promise<void> {
    await this.#tunnels.get(launcher.uid)?.close();
    this.#tunnels.delete(launcher.uid);
  }

  #placed(launcher: Launcher, nowMs: number): status.Placed {
    return { nowMs, podIp: launcher.podIp, machineType: this.#o.machineType };
  }

  /** Reads the newest state, changes it and writes the difference; again when somebody else was faster. Gone is no error. */
  async #write(
    vmi: VirtualMachineInstance,
    change: (vmi: VirtualMachineInstance) => VirtualMachineInstance,
  ): Promise<void> {
    const { client } = this.#o;
    const ref: ObjectRef = { namespace: vmi.metadata.namespace, name: vmi.metadata.name };
    for (let attempt = 1; ; attempt += 1) {
      try {
        const before = await client.get<VirtualMachineInstance>(virtualMachineInstances, ref);
        if (before.metadata.uid !== vmi.metadata.uid) return;
        const patch = mergePatch(before, change(before));
        if (patch === undefined) return;
        const resourceVersion = before.metadata.resourceVersion;
        const metadata = { ...(patch['metadata'] as object | undefined), resourceVersion };
        await client.mergePatch(virtualMachineInstances, ref, { ...patch, metadata });
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        if (!isConflict(error) || attempt >= conflictTries) throw error;
      }
    }
  }

  #event(vmi: VirtualMachineInstance, reason: string, message: string, type: 'Normal' | 'Warning' = 'Normal'): void {
    const { namespace, name, uid } = vmi.metadata;
    const regarding = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachineInstance', namespace, name, uid };
    this.#o.events.event(regarding, { type, reason, action: reason, message });
  }
}

function statsOf(guest: HeldGuest | undefined): Record<string, number> | undefined {
  return guest?.sent === undefined ? undefined : { ...guest.sent };
}

/** KubeVirt allows so many seconds per GiB of memory and of local disks. */
function completionLimitMs(spec: GuestSpec, secondsPerGiB: number): number {
  const mebibytes = spec.disks.reduce((sum, { sizeMiB = 0 }) => sum + sizeMiB, spec.memoryMiB);
  return Math.max(1, mebibytes / 1024) * secondsPerGiB * 1000;
}
