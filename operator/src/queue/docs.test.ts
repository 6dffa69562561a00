// The page about the queue says what the code does.
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hopelessWaits } from '../ledger/reasons.ts';
import { jobWaitReasons, machineReasons } from '../model/reasons.ts';
import { labels } from '../model/names.ts';
import { noticeSettings } from '../matching/notices.ts';
import { durationMs } from '../model/duration.ts';
import { parseOptions } from '../options.ts';
import { priorities } from './priority.ts';

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');
const page = read('docs/queue.md');

/** Cells of the rows of the table that follows the text, without its head. */
function tableAfter(text: string): string[][] {
  const lines = page.slice(page.indexOf(text)).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rows = lines.slice(
    first,
    lines.findIndex((line, index) => index > first && !line.startsWith('|')),
  );
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('docs/queue.md', () => {
  it.each([
    ['of single machines', 'Of single machines, in the order', machineReasons],
    ['of jobs', 'Of the job:', jobWaitReasons],
  ])('has every reason %s, in its order and no other, and says which of them is a warning', (_which, text, reasons) => {
    expect(tableAfter(text).map(([reason, , event]) => [reason, event])).toEqual(
      reasons.map((reason) => [reason, hopelessWaits.has(reason) ? 'Warning' : 'Normal']),
    );
  });

  it('gives the defaults of the flags', () => {
    const defaults: Readonly<Record<string, unknown>> = parseOptions([]);
    const rows = tableAfter('| Flag of the operator');
    expect(rows.length).toBeGreaterThan(8);
    for (const [flag = '', said = ''] of rows) {
      const known = defaults[flag.replace(/^`--|`$/g, '')];
      const value = typeof known === 'number' && /^\d+[hms]$/.test(said) ? durationMs(said) : said;
      expect([flag, String(value)]).toEqual([flag, String(known)]);
    }
  });

  it('names the labels, the priorities and how many are told often', () => {
    for (const name of [labels.weight, labels.maxPriority]) expect(page).toContain(`label \`${name}\``);
    expect(page).toContain(priorities.join(', '));
    expect([noticeSettings.front, noticeSettings.frontMs, noticeSettings.restMs]).toEqual([20, 15_000, 60_000]);
    expect(page).toContain('the first twenty in line are told of changes within fifteen seconds');
  });

  it('is linked from the front page', () => {
    expect(read('README.md')).toContain('(docs/queue.md)');
  });
});
