// What the owner said last: "stop now" or "lend again". Kept in a file, for it holds across restarts of the machine.
// Promises: a file that cannot be read means "stop": in doubt the machine is its owner's.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export class OwnersWill {
  readonly #file: string;
  #stopped: boolean;

  constructor(file: string) {
    this.#file = file;
    this.#stopped = readStopped(file);
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Throws when it cannot be kept; it holds until the agent ends all the same. */
  say(stopped: boolean): void {
    this.#stopped = stopped;
    mkdirSync(dirname(this.#file), { recursive: true });
    const partial = `${this.#file}.partial`;
    writeFileSync(partial, stopped ? 'stop\n' : 'lend\n');
    renameSync(partial, this.#file);
  }
}

function readStopped(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').trim() !== 'lend';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
