// How findings look.

import { describe, expect, it } from '@jest/globals';
import type { Finding } from './finding.ts';
import { inLines } from './words.ts';

const findings: readonly Finding[] = [
  { check: 'Kubernetes', level: 'ok', words: 'v1.34.1' },
  {
    check: 'live update',
    level: 'fail',
    words: 'guests stay where they are and where they began',
    remedy: 'switch it on',
  },
  {
    check: 'emulation',
    level: 'warn',
    words: 'slow',
    remedy: 'kubectl-patch-that-is-one-very-long-word-which-stays-whole',
  },
  { check: 'machines', level: 'unknown', words: 'nodes is forbidden', remedy: 'ask again as somebody who may' },
];

describe('findings', () => {
  it('are a table, in which long words go on below, and a verdict', () => {
    expect(inLines(findings.slice(0, 3), { colours: false, width: 60 })).toEqual([
      'ok    Kubernetes   v1.34.1',
      'fail  live update  guests stay where they are and where they',
      '                   began',
      '                   -> switch it on',
      'warn  emulation    slow',
      '                   -> kubectl-patch-that-is-one-very-long-word-which-stays-whole',
      '',
      'This cluster cannot run jobs as it should: 1 of 3 checks failed, 1 could be better.',
    ]);
  });

  it('are coloured where that is shown, by level only', () => {
    const [first = ''] = inLines(findings.slice(0, 1), { colours: true, width: 80 });
    expect(first).toBe('\u001b[32mok  \u001b[0m  Kubernetes  v1.34.1');
  });

  it.each([
    [[0], 'This cluster can run jobs.'],
    [[0, 2], 'This cluster can run jobs; 1 could be better.'],
    [
      [0, 2, 3],
      'Nobody can tell whether this cluster can run jobs: of 3 checks 1 could not be looked at, 1 could be better.',
    ],
  ])('of which %j are told end with "%s"', (which, verdict) => {
    const some = which.flatMap((index) => findings[index] ?? []);
    expect(inLines(some, { colours: false, width: 80 }).at(-1)).toBe(verdict);
  });
});
