// `preflight` as a command: looks at the machine, tells what it found, and says by its exit code whether the machine can join.

import { statfsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { preflight, type Finding } from './checks.ts';
import { hostFiles, type Space } from './facts.ts';

/** @returns the exit code: 0 when nothing is in the way. Throws TypeError on a flag that is wrong. */
export function runPreflight(args: readonly string[], print: (line: string) => void, statfs = spaceOf): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      root: { type: 'string', default: '/' },
      'disk-mib': { type: 'string', default: '20480' },
      dedicated: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  if (!/^\d{1,9}$/.test(values['disk-mib'])) throw new TypeError('--disk-mib: must be a whole number');
  const wanted = { diskMiB: Number(values['disk-mib']), dedicated: values.dedicated };
  const findings = preflight(hostFiles(values.root, statfs), wanted);
  if (values.json) print(JSON.stringify(findings, null, 2));
  else for (const line of inLines(findings)) print(line);
  return findings.some(({ level }) => level === 'fail') ? 1 : 0;
}

function inLines(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const count = (level: Finding['level']): number => findings.filter((each) => each.level === level).length;
  const [failed, warned] = [count('fail'), count('warn')];
  const verdict =
    failed > 0
      ? `This machine cannot join yet: ${failed} of ${findings.length} checks failed.`
      : warned > 0
        ? `This machine can join; ${warned} of ${findings.length} checks could be better.`
        : 'This machine can join.';
  return [
    ...findings.flatMap(({ check, level, words, remedy }) => [
      `${level.padEnd(4)}  ${check.padEnd(width)}  ${words}`,
      ...(remedy === undefined ? [] : [`${' '.repeat(width + 8)}-> ${remedy}`]),
    ]),
    verdict,
  ];
}

function spaceOf(path: string): Space {
  const { bavail, blocks, bsize } = statfsSync(path);
  return { freeMiB: (bavail * bsize) / 2 ** 20, totalMiB: (blocks * bsize) / 2 ** 20 };
}
