// Reads a list of which only the rows in view are drawn, from its beginning to its end, as somebody does who scrolls through it.
import type { Page } from 'playwright-core';

/** The table of jobs. */
export const grid = '[role=grid][aria-label=Jobs]';

interface Seen {
  /** From 1, as the page tells it to those who cannot see it. */
  readonly index: number;
  readonly name: string;
}

interface Through {
  /** By place. */
  readonly names: readonly string[];
  /** What no list may do: another name at a place that was read before, a name at two places, a gap in what is drawn. */
  readonly faults: readonly string[];
  /** Rows that the list says it has. */
  readonly count: number;
}

const twoFrames = 'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))';

/** One look at what is drawn, and one step on. Runs in the page; a gap is a part of the window that no row covers. */
const look = `(async () => {
  const list = document.querySelector('${grid}');
  const head = list.querySelector('[role=rowgroup]').getBoundingClientRect();
  const window = list.getBoundingClientRect();
  const rows = [...list.querySelectorAll('[role=row][id]')].map((row) => ({
    index: Number(row.ariaRowIndex ?? row.getAttribute('aria-rowindex')) - 1,
    name: row.querySelector('a').textContent,
    top: row.getBoundingClientRect().top,
    bottom: row.getBoundingClientRect().bottom,
  })).sort((a, b) => a.top - b.top);
  const gaps = [];
  let covered = Math.max(window.top, head.bottom);
  for (const { top, bottom, name } of rows) {
    if (bottom <= covered) continue;
    if (top > covered + 1) gaps.push('nothing is drawn above ' + name);
    covered = Math.max(covered, bottom);
    if (covered >= window.bottom) break;
  }
  const total = Number(list.getAttribute('aria-rowcount')) - 1;
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 1;
  if (!atEnd && covered < window.bottom - 2) gaps.push('nothing is drawn at the end of the window');
  list.scrollTop += list.clientHeight * 0.7;
  await ${twoFrames};
  return { rows: rows.map(({ index, name }) => ({ index, name })), gaps, total, atEnd };
})()`;

/** Takes the list from where it is; nothing may be added or removed meanwhile. */
export async function readThrough(page: Page): Promise<Through> {
  // From wherever it stood: what is drawn follows a jump with the next frame.
  await page.evaluate(`(async () => {
    document.querySelector('${grid}').scrollTop = 0;
    await ${twoFrames};
  })()`);
  const places = new Map<number, string>();
  const faults: string[] = [];
  let count = 0;
  for (;;) {
    const { rows, gaps, total, atEnd } = await page.evaluate<{
      rows: readonly Seen[];
      gaps: readonly string[];
      total: number;
      atEnd: boolean;
    }>(look);
    count = total;
    faults.push(...gaps);
    for (const { index, name } of rows) {
      const before = places.get(index);
      if (before !== undefined && before !== name) faults.push(`at ${index} was ${before} and then ${name}`);
      places.set(index, name);
    }
    if (atEnd) break;
  }
  const names = [...places].sort(([a], [b]) => a - b).map(([, name]) => name);
  if (new Set(names).size < names.length) faults.push('a job is at two places');
  return { names, faults, count };
}
