// Which control groups hold guests.
// Promises: a pod without a hypervisor in it is left alone, whoever it belongs to; a group that ends while it is looked at is no
// error.

import { readdirSync, readFileSync, type Dirent } from 'node:fs';
import { basename, join } from 'node:path';

export interface GuestPlaces {
  /** Groups that hold guests and nothing else. */
  readonly groups: readonly string[];
  /** Groups of a kubelet, such as kubepods.slice: of the pods below them, those count that run a guest. */
  readonly pods: readonly string[];
  /** "/proc", with the process ids of the machine itself. */
  readonly proc: string;
}

/** As kubelets name them: pod<uid>, or kubepods-burstable-pod<uid>.slice with _ for -. */
const podName = /(?:^|[-/])pod[0-9a-f]{8}[0-9a-f_-]{28}(?:\.slice)?$/;
/** A pod lies below its class of service. */
const podDepth = 2;
/** The kernel keeps 15 characters of a name. */
const hypervisor = /^qemu-(?:kvm|system-)/;

/** Their paths. A group that is given is there whether it exists or not. */
export function guestGroups({ groups, pods, proc }: GuestPlaces): string[] {
  const running = pods.flatMap((parent) => podsBelow(parent, podDepth)).filter((pod) => runsGuest(pod, proc));
  return [...groups, ...running];
}

/** The uid of the pod that a group is called after; undefined for another group. */
export function podOf(dir: string): string | undefined {
  const name = podName.test(basename(dir)) ? /pod([0-9a-f_-]{36})/.exec(basename(dir))?.[1] : undefined;
  return name?.replaceAll('_', '-');
}

/** All groups below `dir`, the deepest first. */
export function groupsBelow(dir: string): string[] {
  return childrenOf(dir).flatMap((child) => [...groupsBelow(child), child]);
}

function podsBelow(dir: string, depth: number): string[] {
  return childrenOf(dir).flatMap((child) => {
    if (podName.test(child)) return [child];
    return depth > 1 ? podsBelow(child, depth - 1) : [];
  });
}

function runsGuest(pod: string, proc: string): boolean {
  return [pod, ...groupsBelow(pod)].some((dir) =>
    textOf(join(dir, 'cgroup.procs'))
      .split('\n')
      // A process of another namespace is shown as 0.
      .some((pid) => pid !== '' && pid !== '0' && hypervisor.test(textOf(join(proc, pid, 'comm')))),
  );
}

function childrenOf(dir: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => (entry.isDirectory() ? [join(dir, entry.name)] : []));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
