// The last times that the machine went from its owner to guests and back, for the owner to look at.
// Promises: bounded, and kept over restarts; says when and why, never who. A file that cannot be read is begun anew, one that
// cannot be written is told once: the history must never stand in the way of the owner.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import * as z from 'zod/mini';
import { presenceReasons, type Presence, type PresenceReason } from '../presence/decide.ts';
import type { Turn } from './view.ts';

const keptTurns = 50;
/** Worth a line of their own although the machine stays in the same hands. */
const loud: ReadonlySet<PresenceReason> = new Set(['OwnerStop', 'Leaving', 'Joining']);

const fileSchema = z.array(z.object({ at: z.iso.datetime(), present: z.boolean(), reason: z.enum(presenceReasons) }));

export class PresenceHistory {
  readonly #file: string;
  readonly #log: Logger;
  #turns: readonly Turn[];
  #told = false;

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
    this.#turns = this.#read();
  }

  /** The newest first. */
  get turns(): readonly Turn[] {
    return this.#turns;
  }

  add({ present, reason }: Presence, at: string): void {
    const [last] = this.#turns;
    const loudness = (each: PresenceReason | undefined) => (each !== undefined && loud.has(each) ? each : undefined);
    if (last?.present === present && loudness(last.reason) === loudness(reason)) return;
    this.#turns = [{ at, present, reason }, ...this.#turns].slice(0, keptTurns);
    try {
      mkdirSync(dirname(this.#file), { recursive: true });
      writeFileSync(`${this.#file}.partial`, JSON.stringify(this.#turns));
      renameSync(`${this.#file}.partial`, this.#file);
      this.#told = false;
    } catch (error) {
      if (!this.#told) this.#log.warn({ err: error }, 'the history of this machine cannot be kept over a restart');
      this.#told = true;
    }
  }

  #read(): readonly Turn[] {
    try {
      return fileSchema.parse(JSON.parse(readFileSync(this.#file, 'utf8'))).slice(0, keptTurns);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#log.warn({ err: error }, 'the history of this machine cannot be read, and begins anew');
      }
      return [];
    }
  }
}
