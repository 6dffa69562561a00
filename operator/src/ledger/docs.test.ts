// The page about the ledger says what the code does.
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseOptions } from '../options.ts';
import { attemptEnds } from '../model/reasons.ts';
import { historyPath } from '../server/history.ts';
import { ledgerReasons } from './reasons.ts';
import { isTakenByLab } from './usage.ts';

const page = readFileSync(fileURLToPath(new URL('../../../docs/ledger.md', import.meta.url)), 'utf8');
const between = (start: string): string => page.slice(page.indexOf(start)).split(/\n## /)[0] ?? '';
/** Prettier fills cells up with blanks. */
const cellsOf = (row: string): string =>
  row
    .split('|')
    .map((cell) => cell.trim())
    .join('|');

const reasonRows = (): string[] =>
  Object.entries(ledgerReasons).map(([reason, { type, event, once, words }]) => {
    const told = event ? (reason === 'Waiting' ? 'Normal or Warning, by the cause' : type) : '-';
    const written = once === 'moment' ? 'each time' : `once per ${once}`;
    return `| ${reason} | ${words} | ${told} | ${written} |`;
  });

describe('docs/ledger.md', () => {
  it('has a row for every reason and no other', () => {
    const rows = between('## Reasons')
      .split('\n')
      .filter((line) => line.startsWith('|') && !/^\|[-\s|]*\|$/.test(line))
      .slice(1);
    expect(rows.map(cellsOf)).toEqual(reasonRows().map(cellsOf));
  });

  it('names the ends that are not charged', () => {
    const said = between('## What a job is charged');
    for (const end of attemptEnds) expect([end, said.includes(end)]).toEqual([end, isTakenByLab(end)]);
  });

  it('gives the defaults of the flags and the path of the history', () => {
    const defaults = parseOptions([]);
    expect(page).toContain(`${defaults['history-days']} days`);
    expect(page).toContain(`${defaults['history-mib']} MiB`);
    expect(page).toContain(historyPath);
  });
});
