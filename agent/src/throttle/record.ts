// What was in the control groups before the agent held them back, in a file: an agent that is killed leaves them held back, and
// the next one must be able to undo it exactly.
// Promises: a group is told from a later one of the same name; a file that cannot be read is an empty record, and is told of.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod/mini';

const entry = z.strictObject({
  dir: z.string(),
  /** Of the group's directory. */
  inode: z.number(),
  knob: z.enum(['quota', 'weight']),
  before: z.string(),
  ours: z.string(),
});
const schema = z.array(entry);

export type Held = Readonly<z.output<typeof entry>>;

/** Throws when there is a file that cannot be understood. */
export function readRecord(file: string): Held[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return schema.parse(JSON.parse(text));
}

/** Throws the system's error. */
export function writeRecord(file: string, held: readonly Held[]): void {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.partial`;
  writeFileSync(partial, JSON.stringify(held));
  renameSync(partial, file);
}
