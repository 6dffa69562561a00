// Findings as a person reads them on a terminal, or in the log of a pod. Pure.

import type { Finding } from './finding.ts';

export interface Look {
  readonly colours: boolean;
  /** Columns; words that are longer go on in the next line, below where they began. */
  readonly width: number;
}

const colour = { ok: 32, warn: 33, fail: 31, unknown: 35 } as const;
const mark = { ok: 'ok', warn: 'warn', fail: 'fail', unknown: '?' } as const;
const least = 40;

export function inLines(findings: readonly Finding[], { colours, width }: Look): string[] {
  const paint = (code: number, text: string): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const column = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(column + 8);
  const room = Math.max(least, width - indent.length);
  const lines = findings.flatMap(({ check, level, words, remedy }) => {
    const [first = '', ...rest] = wrapped(words, room);
    return [
      `${paint(colour[level], mark[level].padEnd(4))}  ${check.padEnd(column)}  ${first}`,
      ...rest.map((line) => indent + line),
      ...(remedy === undefined
        ? []
        : wrapped(remedy, room - 3).map((line, at) => `${indent}${at === 0 ? '-> ' : '   '}${line}`)),
    ];
  });
  return [...lines, '', verdict(findings)];
}

function verdict(findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number => findings.filter((each) => each.level === level).length;
  const [failed, warned, unknown] = [count('fail'), count('warn'), count('unknown')];
  const rest = [
    ...(unknown === 0 ? [] : [`${unknown} could not be looked at`]),
    ...(warned === 0 ? [] : [`${warned} could be better`]),
  ].join(', ');
  const all = findings.length;
  if (failed > 0) {
    const also = rest === '' ? '' : `, ${rest}`;
    return `This cluster cannot run jobs as it should: ${failed} of ${all} checks failed${also}.`;
  }
  if (unknown > 0) return `Nobody can tell whether this cluster can run jobs: of ${all} checks ${rest}.`;
  return rest === '' ? 'This cluster can run jobs.' : `This cluster can run jobs; ${rest}.`;
}

/** Lines of at most `room` characters; a word that is longer stays whole, so that it can be copied. */
function wrapped(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
