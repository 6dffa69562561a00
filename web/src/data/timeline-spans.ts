// What came between an attempt and its end, as spans of time: taken from the ledger's tail, the yield ladder and the conditions.
// Promises: pure; no span whose times nobody recorded: what a dropped line of the ledger would have told is counted apart.

import type { ComputeJobStatus } from '@idlewild/operator/api/compute-job.ts';
import { getCondition } from '@idlewild/operator/api/conditions.ts';

type Attempt = NonNullable<ComputeJobStatus['attempts']>[number];
type Line = NonNullable<ComputeJobStatus['interruptions']>[number];

export type SpanKind = 'frozen' | 'moving' | 'parking' | 'lost';

export interface Span {
  readonly kind: SpanKind;
  /** ms since the epoch. */
  readonly from: number;
  readonly to: number;
  /** It goes on: `to` is now. */
  readonly open: boolean;
  readonly title: string;
  readonly detail: string;
}

/** A line of the ledger that tells of a moment. */
export interface Moment {
  readonly at: number;
  readonly title: string;
  readonly detail: string;
}

interface Interruptions {
  readonly spans: readonly Span[];
  readonly moments: readonly Moment[];
  /** Time in which the guest stood still, of which it is not known any more when: ms. */
  readonly unplacedMs: number;
  /** Where the guest was, from when on; the first is where it began. */
  readonly places: readonly Place[];
}

interface Place {
  readonly at: number;
  readonly node: string;
}

interface Held {
  readonly attempt: Attempt;
  /** When the attempt had its machine, ms since the epoch; `to` is now while it has it. */
  readonly from: number;
  readonly to: number;
  readonly open: boolean;
}

/** Clocks differ by so much, and times are rounded: ms. */
const slackMs = 1_500;

export function interruptionsOf(status: ComputeJobStatus, held: Held): Interruptions {
  const { attempt, from, to, open } = held;
  const lines = (status.interruptions ?? []).filter((line) => line.attempt === attempt.number);
  const inside = (at: string | undefined, otherwise: number): number => clamp(timeOf(at) ?? otherwise, from, to);
  const still = frozenOf(lines, held, open ? timeOf(status.ladder?.frozen) : undefined);
  const spans: Span[] = [...still.spans];
  const moments: Moment[] = [];
  const places: Place[] = [];
  for (const line of lines) {
    if (line.reason === 'Frozen' || line.reason === 'Resumed') continue;
    const at = inside(line.at, from);
    const detail = line.message ?? '';
    if (line.reason === 'Parking') {
      spans.push({ kind: 'parking', from: at, to, open, title: 'Saved its work and shut down', detail });
    } else if (line.rung === 'Migrate' && line.seconds !== undefined) {
      const began = clamp(at - line.seconds * 1000, from, at);
      spans.push({ kind: 'moving', from: began, to: at, open: false, title: movedTitle(line), detail });
      if (line.reason === 'MigrationFailed' || line.toNode === undefined) continue;
      if (places.length === 0) places.push({ at: from, node: line.node ?? attempt.node });
      places.push({ at, node: line.toNode });
    } else moments.push({ at, title: words(line.reason), detail: detail || (line.node ?? '') });
  }
  const told = getCondition(status.conditions, 'Interrupted');
  if (open && told?.status === 'True' && told.reason === 'Migrating') {
    // The condition keeps the time at which it began to hold, whatever for; the move began after whatever the ledger has.
    const since = Math.max(from, ...[told.lastTransitionTime, lines.at(-1)?.at].map((at) => inside(at, from)));
    spans.push({ kind: 'moving', from: since, to, open, title: 'Being moved', detail: told.message ?? '' });
  }
  const lost = Math.min((attempt.secondsLost ?? 0) * 1000, to - from);
  if (lost > 0) {
    const detail = 'what the guest did in this time is gone';
    spans.push({ kind: 'lost', from: to - lost, to, open: false, title: 'Work that was lost', detail });
  }
  spans.sort((a, b) => a.from - b.from);
  if (places.length === 0) places.push({ at: from, node: attempt.node });
  return { spans: spans.filter((span) => span.to > span.from), moments, places, unplacedMs: still.unplacedMs };
}

/** @param since since when the guest stands still now; undefined when it does not. */
function frozenOf(
  lines: readonly Line[],
  { attempt, from, to, open }: Held,
  since: number | undefined,
): { spans: Span[]; unplacedMs: number } {
  const spans: Span[] = [];
  const add = (began: number, end: number, detail: string, goesOn = false): void => {
    const whole = { from: clamp(began, from, to), to: clamp(end, from, to) };
    spans.push({ kind: 'frozen', ...whole, open: goesOn, title: 'Stood still', detail });
  };
  let begun: Line | undefined;
  let knownMs = 0;
  for (const line of lines) {
    const at = timeOf(line.at) ?? from;
    if (line.reason === 'Frozen') begun = line;
    else if (line.reason === 'Resumed') {
      const began = timeOf(begun?.at) ?? at - (line.seconds ?? 0) * 1000;
      add(began, at, [begun?.message, line.message].filter(Boolean).join('; '));
      knownMs += line.seconds === undefined ? at - began : line.seconds * 1000;
      begun = undefined;
    } else knownMs += (line.downtimeSeconds ?? 0) * 1000;
  }
  const left = Math.max(0, (attempt.secondsStill ?? 0) * 1000 - knownMs);
  const notPlaced = (ms: number): number => (ms > slackMs ? ms : 0);
  if (open) {
    if (since !== undefined) add(since, to, begun?.message ?? '', true);
    return { spans, unplacedMs: notPlaced(left) };
  }
  if (begun === undefined) return { spans, unplacedMs: notPlaced(left) };
  // It stood still until its end, or an owner was gone before it stood: only the seconds that were counted tell.
  const began = timeOf(begun.at) ?? to;
  const ms = Math.min(to - began, left);
  if (ms > 0) add(began, began + ms, begun.message ?? '');
  return { spans, unplacedMs: notPlaced(left - ms) };
}

function movedTitle({ reason, toNode = 'another machine' }: Line): string {
  if (reason === 'MigrationFailed') return `Could not be moved to ${toNode}`;
  return `Moved to ${toNode}${reason === 'Migrated' ? '' : ` (${words(reason).toLowerCase()})`}`;
}

/** OwnerReturned: Owner returned. */
export function words(reason: string): string {
  return reason.replaceAll(/(?<=[a-z])([A-Z])/g, (_, letter: string) => ` ${letter.toLowerCase()}`);
}

/** @param at RFC 3339. @returns ms since the epoch. */
export function timeOf(at: string | undefined): number | undefined {
  const ms = Date.parse(at ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

export function clamp(at: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, at));
}
