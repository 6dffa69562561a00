// What a machine knows of one virt-launcher pod beyond its API object: how far its containers are, its guest, its log files.
// It lives in memory alone: a machine that starts anew knows no launcher, and so finds out what its last life has lost.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { LogWriter } from '../logs/log-file.ts';
import type { GuestImage } from '../../images/guest-image.ts';
import type { HeldGuest } from '../../virt/handler/held-guest.ts';

/** Why containers do not run yet, in the kubelet's words. */
export interface Waiting {
  readonly reason: 'ContainerCreating' | 'ErrImagePull' | 'ImagePullBackOff' | 'NotSupported';
  readonly message: string;
}

/** How the containers ended. */
export interface Ending {
  readonly exitCode: number;
  readonly reason: 'Completed' | 'Error' | 'ContainerStatusUnknown';
  readonly message?: string;
  readonly atMs: number;
}

export interface LauncherOptions {
  /** namespace/name of the pod. */
  readonly key: string;
  readonly uid: string;
  readonly podsDir: string;
  readonly podIp: string;
  readonly clock: Clock;
}

export class Launcher {
  readonly key: string;
  readonly uid: string;
  /** Logs and, below it, the guest's disks. The logs stay until the pod object goes. */
  readonly dir: string;
  readonly compute: LogWriter;
  readonly consoleLog: LogWriter;
  readonly podIp: string;
  waiting: Waiting = { reason: 'ContainerCreating', message: '' };
  /** Times an image could not be had, and when it is tried again (monotonic ms). */
  pullFailures = 0;
  pullAgainAtMs = 0;
  pulling = false;
  image: GuestImage | undefined;
  /** Set when the containers run, ms since the epoch. */
  startedAtMs: number | undefined;
  ending: Ending | undefined;
  guest: HeldGuest | undefined;
  /** When the guest must have obeyed the power button, monotonic ms. */
  killAtMs: number | undefined;
  #closed = false;

  constructor({ key, uid, podsDir, podIp, clock }: LauncherOptions) {
    this.key = key;
    this.uid = uid;
    this.podIp = podIp;
    this.dir = join(podsDir, uid);
    mkdirSync(this.dir, { recursive: true });
    this.compute = new LogWriter(logPath(podsDir, uid, 'compute'), clock);
    this.consoleLog = new LogWriter(logPath(podsDir, uid, 'guest-console-log'), clock);
  }

  /** True until nothing will be added to the logs any more. */
  get open(): boolean {
    return !this.#closed;
  }

  closeLogs(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.compute.end();
    this.consoleLog.end();
  }
}

/** Where the log of a pod's container is, whether or not the pod ever wrote one. */
export function logPath(podsDir: string, uid: string, container: string): string {
  return join(podsDir, uid, `${container}.log`);
}
