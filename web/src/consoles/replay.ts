// What a terminal has missed: the log of the guest's serial line, fitted between what was seen before and what comes live now.
// Promises: pure; no line twice; where it cannot tell that nothing is missing it says so. The log has whole lines without carriage
// returns, a little later than the line itself, and a guest that moves has a log at each of its places.

import type { ConsoleLog } from '@idlewild/operator/portal/console-schemas.ts';

/** What was shown of a guest so far, as far as it is remembered. */
export interface Seen {
  readonly text: string;
  /** Logs that were read before. */
  readonly pods: readonly string[];
}

export interface Replay {
  /** To be shown before what comes live. */
  readonly text: string;
  /** Something may be missing before `text`. */
  readonly gap: boolean;
  /** False: the log was not as far yet as the live line, and may be soon. */
  readonly joined: boolean;
}

export const nothingSeen: Seen = { text: '', pods: [] };

/** Characters of what was shown that are remembered. */
const remembered = 16 * 1024;
/** Lines that are looked for together at most: fewer are tried where so many are not found. */
const mostAnchors = 64;
/** One line alone is no place to go on from if it is shorter. */
const leastAnchor = 4;

export function remember({ text, pods }: Seen, more: string, of: readonly string[] = pods): Seen {
  return { text: (text + more).slice(-remembered), pods: of };
}

/**
 * @param logs of the guest, in the order of its places.
 * @param live what has come since the line was opened again.
 */
export function replayOf(seen: Seen, logs: ConsoleLog['logs'], live: string): Replay {
  const { whole: before, rest: unfinished } = linesOf(plain(seen.text));
  const lines = logs.flatMap(({ pod, text }) => linesOf(text).whole.map((line) => ({ pod, line, plain: plain(line) })));
  const at = after(
    before,
    lines.map((each) => each.plain),
  );
  const known = before.length === 0 && seen.pods.length === 0;
  // Without a place to go on from, what is of a log that was not there before is new.
  const missed =
    at === undefined && !known ? lines.filter(({ pod }) => !seen.pods.includes(pod)) : lines.slice(at ?? 0);
  const join = joinOf(
    missed.map((each) => each.plain),
    linesOf(plain(live)),
  );
  const shown = missed.slice(0, join?.line ?? missed.length).map(({ line }) => `${line.replace(/\r+$/, '')}\r\n`);
  const begun = join === undefined ? '' : (missed[join.line]?.plain.slice(0, join.column) ?? '');
  const text = shown.join('') + begun;
  return {
    // The line that the guest had begun, such as its prompt, is begun again below the mark.
    text: text === '' && !live.startsWith('\n') ? unfinished : text,
    gap: at === undefined && !known,
    joined: join !== undefined || !plain(live).includes('\n'),
  };
}

/** The index behind the last of the lines that were seen; undefined if they are not there. */
function after(seen: readonly string[], lines: readonly string[]): number | undefined {
  for (let count = Math.min(mostAnchors, seen.length); count > 0; count = count > 8 ? count >> 1 : count - 1) {
    const anchor = seen.slice(-count);
    if (anchor.join('').length < leastAnchor) continue;
    for (let end = lines.length; end >= count; end--) {
      if (anchor.every((line, index) => lines[end - count + index] === line)) return end;
    }
  }
  return undefined;
}

/**
 * Where among the lines of the log the live ones begin, which may be within a line; undefined if they are not there yet. The log usually
 * ends where the live line is or before; only then the longest overlap is meant, and otherwise the last place that fits.
 */
function joinOf(lines: readonly string[], live: Lines): { readonly line: number; readonly column: number } | undefined {
  const [first, ...others] = live.whole;
  if (first === undefined) return undefined;
  let further: number | undefined;
  for (const [line, begun] of lines.entries()) {
    if (!begun.endsWith(first)) continue;
    const behind = lines.slice(line + 1);
    if (!others.every((each, index) => behind[index] === undefined || behind[index] === each)) continue;
    const next = behind[others.length];
    if (next === undefined) return { line, column: begun.length - first.length };
    if (next.startsWith(live.rest)) further = line;
  }
  return further === undefined ? undefined : { line: further, column: lines[further]!.length - first.length };
}

interface Lines {
  readonly whole: readonly string[];
  /** Begun, and not yet at its end. */
  readonly rest: string;
}

function linesOf(text: string): Lines {
  const whole = text.split('\n');
  const rest = whole.pop() ?? '';
  return { whole, rest };
}

const plain = (text: string): string => text.replaceAll('\r', '');
