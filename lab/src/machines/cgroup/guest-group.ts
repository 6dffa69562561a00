// The control groups of one guest, below those of its machine's guests and named after its pod as a kubelet names them, so that one
// guest can be told from another by who ends guests from outside.
// Promises: caps of the machine hold for all its guests together, since they live a level above.
import { mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

const prefix = 'pod';

export class GuestGroup {
  readonly #dirs: readonly string[];

  /** Makes the groups. @param parents of all guests of the machine; none without cgroups. Throws the system's error. */
  constructor(parents: readonly string[], podUid: string) {
    this.#dirs = parents.map((parent) => join(parent, `${prefix}${podUid}`));
    for (const dir of this.#dirs) mkdirSync(dir, { recursive: true });
  }

  /** What a process writes its id to, to join. */
  get procs(): readonly string[] {
    return this.#dirs.map((dir) => join(dir, 'cgroup.procs'));
  }

  /** Once the guest has ended. What the kernel still takes down stays, until the machine starts anew or goes. */
  remove(): void {
    for (const dir of this.#dirs) removeIfEmpty(dir);
  }
}

/** The groups of single guests in that of all. */
export function guestGroupsIn(parent: string): string[] {
  try {
    return readdirSync(parent)
      .filter((name) => name.startsWith(prefix))
      .map((name) => join(parent, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Removes what guests of an earlier life have left. */
export function forgetGuestGroups(parents: readonly string[]): void {
  for (const dir of parents.flatMap(guestGroupsIn)) removeIfEmpty(dir);
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['EBUSY', 'ENOENT'].includes(code)) throw error;
  }
}
