// The control group of one lab machine: what its guests may use, and the one handle on all of its processes at once.
// Promises: works with cgroup v1 (cpu, memory, freezer), with v2, and without either (then nothing is capped and the process
// tree is the handle). Never touches a group outside its own name.
import { mkdirSync, readFileSync, rmdirSync, existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { guestGroupsIn } from './guest-group.ts';
import { descendantsOf, identityOf, isAlive, isStopped, signal, type ProcessIdentity } from './processes.ts';

export interface GuestCaps {
  readonly cores: number;
  readonly memoryMiB: number;
}

export interface MachineCgroupOptions {
  /** Path of the group under each hierarchy, for example `idlewild-1a2b3c4d/pc-1`. */
  readonly name: string;
  readonly root?: string;
}

const periodUs = 100_000;
const killDeadlineMs = 10_000;
const removeDeadlineMs = 5_000;
const hangDeadlineMs = 10_000;

export class MachineCgroup {
  readonly kind: 'v1' | 'v2' | 'none';
  /** Holds the supervisor and, by inheritance, all it starts. Empty without cgroups. */
  readonly #tree: string;
  /** Where guests are put: the caps live here. */
  readonly guestDirs: readonly string[];
  /** Without cgroups, these and their descendants are the machine. */
  #supervisors: readonly ProcessIdentity[] = [];

  private constructor(kind: 'v1' | 'v2' | 'none', tree: string, guestDirs: readonly string[]) {
    this.kind = kind;
    this.#tree = tree;
    this.guestDirs = guestDirs;
  }

  /** Makes the group (or finds it again) by trying: v1 first, then v2, else none. Never throws. */
  static open({ name, root = '/sys/fs/cgroup' }: MachineCgroupOptions): MachineCgroup {
    try {
      const [cpu, memory, freezer] = ['cpu', 'memory', 'freezer'].map((controller) => join(root, controller, name));
      if (existsSync(join(root, 'freezer', 'cgroup.procs')) && existsSync(join(root, 'cpu', 'cgroup.procs'))) {
        for (const dir of [cpu!, memory!, freezer!]) mkdirSync(dir, { recursive: true });
        return new MachineCgroup('v1', freezer!, [cpu!, memory!]);
      }
      if (readFileSync(join(root, 'cgroup.controllers'), 'utf8').includes('memory')) {
        const tree = join(root, name);
        mkdirSync(join(tree, 'supervisor'), { recursive: true });
        // Controllers reach a group only through every level above it, and a group with children holds no processes.
        for (const level of [root, join(root, name.split('/')[0]!), tree]) {
          writeFileSync(join(level, 'cgroup.subtree_control'), '+cpu +memory');
        }
        mkdirSync(join(tree, 'guests'), { recursive: true });
        return new MachineCgroup('v2', tree, [join(tree, 'guests')]);
      }
    } catch {
      // Not root, or the hierarchy belongs to somebody else: the lab then runs without caps.
    }
    return new MachineCgroup('none', '', []);
  }

  /** @returns why the caps could not be set, or undefined. */
  cap({ cores, memoryMiB }: GuestCaps): string | undefined {
    try {
      const quotaUs = Math.round(cores * periodUs);
      if (this.kind === 'v1') {
        const [cpu, memory] = this.guestDirs;
        writeFileSync(join(cpu!, 'cpu.cfs_period_us'), String(periodUs));
        writeFileSync(join(cpu!, 'cpu.cfs_quota_us'), String(quotaUs));
        writeFileSync(join(memory!, 'memory.limit_in_bytes'), String(memoryMiB * 2 ** 20));
      } else if (this.kind === 'v2') {
        writeFileSync(join(this.guestDirs[0]!, 'cpu.max'), `${quotaUs} ${periodUs}`);
        writeFileSync(join(this.guestDirs[0]!, 'memory.max'), String(memoryMiB * 2 ** 20));
      }
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Puts a supervisor of the machine into the group; what it starts afterwards is born there. */
  adopt(pid: number): void {
    const identity = identityOf(pid);
    this.#supervisors = [...this.#supervisors.filter(isAlive), ...(identity === undefined ? [] : [identity])];
    if (this.kind === 'v1') writeFileSync(join(this.#tree, 'cgroup.procs'), String(pid));
    if (this.kind === 'v2') writeFileSync(join(this.#tree, 'supervisor', 'cgroup.procs'), String(pid));
  }

  /** Every living process of the machine. */
  processes(): number[] {
    const dirs =
      this.kind === 'v2'
        ? [join(this.#tree, 'supervisor'), ...this.guestDirs, ...this.guestDirs.flatMap(guestGroupsIn)]
        : this.kind === 'v1'
          ? [this.#tree]
          : [];
    const supervisors = this.#supervisors.filter(isAlive).map(({ pid }) => pid);
    const tree = [...supervisors, ...descendantsOf(...supervisors)];
    return [...new Set([...procsOf(dirs), ...tree])].filter((pid) => identityOf(pid) !== undefined);
  }

  /** Those of its guests; cheap enough to be asked for again and again. Without cgroups, all of the machine. */
  guestProcesses(): number[] {
    const [first] = this.guestDirs;
    return first === undefined ? this.processes() : procsOf([first, ...guestGroupsIn(first)]);
  }

  /**
   * Stops every process where it stands: the machine answers nothing and forgets nothing. By signals, since a process in the
   * freezer of cgroup v1 cannot be killed, and the kernel's timers must be able to. Throws when one does not stop.
   */
  async hang(): Promise<void> {
    const deadline = performance.now() + hangDeadlineMs;
    // One that was just born is met in the next turn.
    for (;;) {
      const running = this.processes().filter((pid) => !isStopped(pid));
      if (running.length === 0) return;
      for (const pid of running) signal(pid, 'SIGSTOP');
      if (performance.now() > deadline) throw new Error(`processes ${running.join(', ')} do not stop`);
      await delay(2);
    }
  }

  resume(): void {
    for (const pid of this.processes()) signal(pid, 'SIGCONT');
  }

  /** Ends every process at the same moment: none of them can react to the end of another. */
  async kill(): Promise<void> {
    const deadline = performance.now() + killDeadlineMs;
    for (let waitMs = 5; ; waitMs = Math.min(waitMs * 2, 200)) {
      const pids = this.processes().filter((pid) => pid !== process.pid);
      if (pids.length === 0) break;
      this.#freeze();
      for (const pid of pids) signal(pid, 'SIGKILL');
      this.#thaw();
      if (performance.now() > deadline) throw new Error(`processes ${pids.join(', ')} do not end`);
      await delay(waitMs);
    }
    this.#supervisors = [];
  }

  #freeze(): void {
    if (this.kind === 'v1') writeFileSync(join(this.#tree, 'freezer.state'), 'FROZEN');
    else if (this.kind === 'v2') writeFileSync(join(this.#tree, 'cgroup.freeze'), '1');
    else for (const pid of this.processes()) signal(pid, 'SIGSTOP');
  }

  #thaw(): void {
    if (this.kind === 'v1') writeFileSync(join(this.#tree, 'freezer.state'), 'THAWED');
    else if (this.kind === 'v2') writeFileSync(join(this.#tree, 'cgroup.freeze'), '0');
    else this.resume();
  }

  /** Removes the group; its processes must have been ended. What the kernel still takes down is waited for. */
  async remove(): Promise<void> {
    const dirs =
      this.kind === 'v2'
        ? [...this.guestDirs, join(this.#tree, 'supervisor'), this.#tree]
        : this.kind === 'v1'
          ? [...this.guestDirs, this.#tree]
          : [];
    for (const dir of [...this.guestDirs.flatMap(guestGroupsIn), ...dirs]) await removeEmpty(dir);
    // The parent is shared by the machines of a lab and goes with the last of them.
    for (const parent of new Set(dirs.map((dir) => dirname(this.kind === 'v2' ? this.#tree : dir)))) {
      rmdirIf(parent, ['EBUSY', 'ENOTEMPTY', 'ENOENT']);
    }
  }
}

/** A group that is gone has none. */
function procsOf(dirs: readonly string[]): number[] {
  return dirs.flatMap((dir) => {
    try {
      return readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  });
}

/** A group is busy until its last process has been reaped, which for a big guest takes a moment. */
async function removeEmpty(dir: string): Promise<void> {
  const deadline = performance.now() + removeDeadlineMs;
  while (!rmdirIf(dir, performance.now() < deadline ? ['EBUSY'] : [])) await delay(20);
}

/** False when it could not be removed for one of these reasons; throws for any other. Gone already counts as removed. */
function rmdirIf(dir: string, tolerated: readonly string[]): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT') return true;
    if (tolerated.includes(code)) return false;
    throw error;
  }
}
