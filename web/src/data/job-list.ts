// Which jobs a list shows and in which order, and what becomes of a selection in it.
// Promises: pure; newest first, and always in the same order; nothing that is not shown is ever acted upon.

import type { JobRow } from '@idlewild/operator/portal/schemas.ts';
import { isOver, sentenceOf, stateOf, type JobState } from './job-state.ts';

export interface JobFilter {
  readonly text: string;
  readonly state: string | null;
  readonly namespace: string | null;
}

interface JobList {
  readonly shown: readonly JobRow[];
  /** Of those that fit the other filters. */
  readonly counts: ReadonlyMap<JobState, number>;
  readonly namespaces: readonly string[];
  readonly total: number;
}

export function listOf(rows: Iterable<JobRow>, { text, state, namespace }: JobFilter): JobList {
  const wanted = text.trim().toLowerCase();
  const counts = new Map<JobState, number>();
  const namespaces = new Set<string>();
  const shown: JobRow[] = [];
  let total = 0;
  for (const row of rows) {
    total += 1;
    namespaces.add(row.namespace);
    if (namespace !== null && row.namespace !== namespace) continue;
    const own = stateOf(row);
    if (wanted !== '' && !`${row.name} ${row.node ?? ''} ${sentenceOf(row)}`.toLowerCase().includes(wanted)) continue;
    counts.set(own, (counts.get(own) ?? 0) + 1);
    if (state === null || own === state) shown.push(row);
  }
  shown.sort(newestFirst);
  return { shown, counts, namespaces: [...namespaces].sort(), total };
}

/** By code units and not by a locale's rules: those would take most of a frame for thousands of rows, and times sort the same. */
function newestFirst(a: JobRow, b: JobRow): number {
  if (a.created !== b.created) return a.created > b.created ? -1 : 1;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.uid < b.uid ? -1 : 1;
}

/** By uid, so that a job of the same name that comes later is not meant. */
export type Selection = ReadonlySet<string>;

/** Adds the rows or takes them away; the others stay as they are. */
export function withRows(selection: Selection, rows: readonly JobRow[], o: { readonly on: boolean }): Selection {
  const next = new Set(selection);
  for (const { uid } of rows) {
    if (o.on) next.add(uid);
    else next.delete(uid);
  }
  return next;
}

/** The rows between two places, both included, in whichever order they are given. */
export function between(shown: readonly JobRow[], from: number, to: number): readonly JobRow[] {
  return shown.slice(Math.min(from, to), Math.max(from, to) + 1);
}

/** What one may do with jobs, by their namespace. */
export interface Rights {
  readonly stop: (namespace: string) => boolean;
  readonly remove: (namespace: string) => boolean;
}

/** Whether there is anything that one may do with it. */
export function isSelectable({ namespace, deleting }: JobRow, may: Rights): boolean {
  return deleting !== true && (may.stop(namespace) || may.remove(namespace));
}

export interface Chosen {
  readonly all: readonly JobRow[];
  /** Neither over nor told to end. */
  readonly stop: readonly JobRow[];
  /** In whatever state; the guests of those that are not over end with them. */
  readonly remove: readonly JobRow[];
}

export function chosenOf(shown: readonly JobRow[], selection: Selection, may: Rights): Chosen {
  const all = selection.size === 0 ? [] : shown.filter((row) => selection.has(row.uid) && isSelectable(row, may));
  const ends = (row: JobRow): boolean => isOver(stateOf(row)) || row.stopping === true;
  return {
    all,
    stop: all.filter((row) => !ends(row) && may.stop(row.namespace)),
    remove: all.filter((row) => may.remove(row.namespace)),
  };
}
