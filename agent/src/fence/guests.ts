// Ends the guests of this machine, whatever state they are in.
// Promises: over means that no process is left, not that a signal was sent; only groups of guests are touched, and of these not
// what is spared; what could not be signalled is thrown, after everything else has been.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { groupsBelow, guestGroups, podOf, type GuestPlaces } from '../throttle/guest-groups.ts';

export interface Swept {
  /** Process ids that were there before; 0 stands for one of another namespace. */
  readonly found: readonly number[];
  readonly left: readonly number[];
}

/** One turn, to be repeated until nothing is left. @param spared uids of pods. Throws the first of the system's errors. */
export function sweep(places: GuestPlaces, spared: ReadonlySet<string>): Swept {
  const targets = doomed(places, spared);
  const pids = () => [...new Set(targets.flatMap((target) => alive(target, places.proc)))];
  const found = pids();
  if (found.length === 0) return { found, left: [] };
  const failures = targets.flatMap((target) => failuresOf(() => kill(target, places.proc)));
  if (failures.length > 0) throw failures[0];
  return { found, left: pids() };
}

interface Target {
  readonly dir: string;
  /** With all groups below it. */
  readonly whole: boolean;
}

function doomed(places: GuestPlaces, spared: ReadonlySet<string>): Target[] {
  const pods = guestGroups({ ...places, groups: [] }).filter((dir) => !spared.has(podOf(dir) ?? ''));
  return [...places.groups.flatMap((dir) => partsOf(dir, spared)), ...pods.map((dir) => ({ dir, whole: true }))];
}

/** A group of guests without the pods in it that are spared. */
function partsOf(dir: string, spared: ReadonlySet<string>): Target[] {
  const below = groupsBelow(dir);
  const kept = below.filter((group) => spared.has(podOf(group) ?? ''));
  if (kept.length === 0) return [{ dir, whole: true }];
  const others = below.filter((group) => !kept.some((each) => group === each || group.startsWith(`${each}/`)));
  return [dir, ...others].map((each) => ({ dir: each, whole: false }));
}

function kill({ dir, whole }: Target, proc: string): void {
  const switchOff = join(dir, 'cgroup.kill');
  if (whole && existsSync(switchOff)) return writeFileSync(switchOff, '1');
  for (const group of groupsOf({ dir, whole })) thaw(group);
  for (const pid of alive({ dir, whole }, proc)) if (pid !== 0) signal(pid);
}

/** Without it a frozen process of cgroup v1 stays as it is, SIGKILL or not. */
function thaw(dir: string): void {
  const v1 = join(dir.replace(/\/cgroup\/[^/]+\//, '/cgroup/freezer/'), 'freezer.state');
  if (existsSync(v1)) return writeFileSync(v1, 'THAWED');
  const v2 = join(dir, 'cgroup.freeze');
  if (existsSync(v2)) writeFileSync(v2, '0');
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function alive(target: Target, proc: string): number[] {
  const listed = groupsOf(target).flatMap((dir) => textOf(join(dir, 'cgroup.procs')).split('\n'));
  return listed.filter((pid) => pid !== '' && (pid === '0' || isAlive(pid, proc))).map(Number);
}

/** One that has ended and was not waited for yet runs no more. */
function isAlive(pid: string, proc: string): boolean {
  const stat = textOf(join(proc, pid, 'stat'));
  // The name stands in brackets and may itself hold brackets and spaces.
  return stat !== '' && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}

function groupsOf({ dir, whole }: Target): string[] {
  return whole ? [...groupsBelow(dir), dir] : [dir];
}

function failuresOf(act: () => void): unknown[] {
  try {
    act();
    return [];
  } catch (error) {
    // The group went with its last process.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : [error];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
