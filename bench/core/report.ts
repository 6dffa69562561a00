// The table of a run: for a terminal, and in Markdown with the size of the machine.

import { cpus, totalmem } from 'node:os';
import process from 'node:process';
import { isMet, type Figure } from './figures.ts';

const headings = ['figure', 'operator', 'bare client', 'ratio', 'aim', 'met', 'notes'] as const;

function rowsOf(figures: readonly Figure[]): string[][] {
  return figures.map((figure) => {
    const { name, unit, value, bare, ratio, aim, note } = figure;
    const met = isMet(figure);
    return [
      name,
      `${number(value)} ${unit}`,
      bare === undefined ? '' : `${number(bare)} ${unit}`,
      ratio === undefined ? '' : number(ratio),
      aim === undefined ? '' : `${aim.of === 'ratio' ? 'ratio ' : ''}${aim.is} ${number(aim.limit)}`,
      met === undefined ? '' : met ? 'yes' : 'no',
      note ?? '',
    ];
  });
}

export function table(figures: readonly Figure[]): string {
  const rows = [[...headings], ...rowsOf(figures)];
  const widths = headings.map((_heading, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 || column > 3 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

export function markdown(figures: readonly Figure[], machine = machineOf()): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = headings.map((_heading, column) => (column > 0 && column < 4 ? '--:' : '---'));
  return [`Measured on ${machine}.`, '', row(headings), row(rule), ...rowsOf(figures).map(row), ''].join('\n');
}

/** The size of this machine in words. */
export function machineOf(): string {
  const all = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  return `${all.length} cores (${all[0]?.model.trim() ?? 'unknown'}), ${memory} GiB of memory, Node ${process.version}, ${process.platform} ${process.arch}`;
}

function number(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits, useGrouping: false });
}
