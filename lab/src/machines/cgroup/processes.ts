// Processes by pid, read from /proc: who lives, who is whose child, and whether a pid still means the process it meant.
// Promises: a process that ended is never mistaken for a newer one with the same pid, because its start time is compared.
import { readdirSync, readFileSync } from 'node:fs';

/** A process that is told apart from later ones with the same pid by its start time. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot, field 22 of /proc/PID/stat. */
  readonly startTicks: string;
}

interface ProcessStat {
  readonly parent: number;
  readonly state: string;
  readonly startTicks: string;
}

function statOf(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in brackets and may itself hold brackets and spaces.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', parent: Number(fields[1]), startTicks: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** The identity of a living process; undefined when there is none (a zombie counts as ended). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const stat = statOf(pid);
  return stat === undefined || stat.state === 'Z' ? undefined : { pid, startTicks: stat.startTicks };
}

export function isAlive(process: ProcessIdentity): boolean {
  return identityOf(process.pid)?.startTicks === process.startTicks;
}

/**
 * True for a process that a signal has stopped, so that it runs no code of its own until it is continued; it can still be killed.
 * One that waits in the kernel stops when that wait is over, and does nothing before: a parent in vfork waits for as long as its
 * child is stopped before its exec.
 */
export function isStopped(pid: number): boolean {
  const state = statOf(pid)?.state;
  return state === 'T' || (state === 'D' && isStopPending(pid));
}

/** SIGSTOP is the nineteenth bit of the pending signals (proc_pid_status(5)). */
const stopBit = 1n << 18n;

function isStopPending(pid: number): boolean {
  try {
    const [, pending = '0'] = /^ShdPnd:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (BigInt(`0x${pending}`) & stopBit) !== 0n;
  } catch {
    return false;
  }
}

/** All living processes below the roots, nearest first, without the roots themselves. Reads all processes of the host once. */
export function descendantsOf(...roots: readonly number[]): number[] {
  if (roots.length === 0) return [];
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = statOf(pid);
    if (stat === undefined || stat.state === 'Z') continue;
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid]);
  }
  const found: number[] = [];
  const queue = [...roots];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const child of children.get(next) ?? []) {
      found.push(child);
      queue.push(child);
    }
  }
  return found;
}

/** Sends a signal; a process that is already gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** True for a process that runs a guest. The kernel keeps 15 characters of a name. */
export function isEmulator(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu-system-');
  } catch {
    return false;
  }
}
