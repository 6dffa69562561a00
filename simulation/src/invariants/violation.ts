// What is thrown when something happened that must never happen: enough to see it, and the command that shows it again.

import type { Write } from '../api/memory-api.ts';

export interface ViolationContext {
  readonly invariant: string;
  readonly message: string;
  /** Virtual time since the beginning, ms. */
  readonly atMs: number;
  readonly replay: string;
  readonly writes: readonly string[];
}

export class Violation extends Error {
  override readonly name = 'Violation';
  readonly context: ViolationContext;

  constructor(context: ViolationContext) {
    const { invariant, message, atMs, replay, writes } = context;
    super(
      [
        `${invariant}: ${message}`,
        `  at ${inDays(atMs)} of virtual time; seen again by: ${replay}`,
        '  the last writes about it:',
        ...writes.map((line) => `    ${line}`),
      ].join('\n'),
    );
    this.context = context;
  }
}

/** "day 2, 13:05:07.250" */
export function inDays(ms: number): string {
  const day = Math.floor(ms / 86_400_000);
  return `day ${day}, ${new Date(ms - day * 86_400_000).toISOString().slice(11, 23)}`;
}

const remembered = 4_000;

/** The newest writes, from which a violation takes those that concern it. */
export class RecentWrites {
  readonly #ring: { readonly atMs: number; readonly write: Write }[] = [];
  #next = 0;

  saw(write: Write, atMs: number): void {
    this.#ring[this.#next % remembered] = { atMs, write };
    this.#next++;
  }

  /** @param words names of jobs, machines and the like; a write that holds one of them concerns it. */
  about(words: readonly string[], most = 50): string[] {
    const start = Math.max(0, this.#next - remembered);
    const found: string[] = [];
    for (let index = this.#next - 1; index >= start && found.length < most; index--) {
      const entry = this.#ring[index % remembered];
      const line = entry && lineOf(entry.write, entry.atMs);
      if (line !== undefined && words.some((word) => line.includes(word))) found.push(line);
    }
    return found.reverse();
  }
}

function lineOf({ type, kind, object, previous, user }: Write, atMs: number): string {
  const { name, namespace } = object.metadata;
  const change =
    type === 'MODIFIED'
      ? difference(previous, object)
      : JSON.stringify([object['spec'], object['status']]).slice(0, 300);
  const key = namespace === undefined ? name : `${namespace}/${name}`;
  return `${inDays(atMs)} ${user || 'api'} ${type} ${kind.type.plural} ${key} ${change}`;
}

function difference(before: unknown, after: unknown): string {
  const parts: string[] = [];
  collect('', before, after, parts);
  return parts.join(' ').slice(0, 600);
}

/** Members that say the same as others, at length. */
const silent = new Set(['.metadata.resourceVersion', '.metadata.generation', '.status.subscribers', '.status.phase']);

function collect(path: string, before: unknown, after: unknown, parts: string[]): void {
  if (before === after || silent.has(path) || path.endsWith('lastTransitionTime') || parts.length > 12) return;
  if (isRecord(before) && isRecord(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      collect(`${path}.${key}`, before[key], after[key], parts);
    }
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++) {
      collect(`${path}[${index}]`, before[index], after[index], parts);
    }
    return;
  }
  const text = after === undefined ? 'gone' : JSON.stringify(after);
  if (text !== JSON.stringify(before)) parts.push(`${path}=${text.slice(0, 160)}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
