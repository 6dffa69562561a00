// A run as a picture: what the owners lend and what of it is used, who waits, and what is lost, hour by hour.
// Pure: rows in, an SVG document out. Readable without colours; the text is said in the reader's own fonts.

import type { Summary } from './summary.ts';
import { duration } from './summary.ts';
import type { HourRow } from './tally.ts';

const width = 1120;
const margin = { left: 64, right: 24, top: 92 };
const inner = width - margin.left - margin.right;
const panels = [
  { title: 'Cores', height: 240 },
  { title: 'Jobs waiting', height: 110 },
  { title: 'Work lost, core-hours per hour', height: 90 },
] as const;
const gap = 46;
const colours = {
  lent: '#9fb8ad',
  lentLine: '#5d7f70',
  used: '#e8a33d',
  waiting: '#4a6fa5',
  lost: '#b3424a',
  ink: '#23302b',
  grid: '#dfe5e1',
};

export function plotOf(rows: readonly HourRow[], summary: Summary, title: string): string {
  const hours = Math.max(1, rows.length - 1);
  const x = (hour: number): number => margin.left + (inner * hour) / hours;
  let top = margin.top;
  const parts: string[] = [];
  for (const [index, { title: name, height }] of panels.entries()) {
    const values = valuesOf(rows, index);
    const most = niceAbove(Math.max(1, ...values.flat()));
    const y = (value: number): number => top + height - (height * value) / most;
    parts.push(...frame(name, top, most, y), ...nights(hours, x, top, height));
    if (index === 0) {
      const [lent = [], used = []] = values;
      parts.push(
        area(lent, x, y, colours.lent, 0.75),
        line(lent, x, y, colours.lentLine),
        area(used, x, y, colours.used, 0.9),
      );
    } else if (index === 1) parts.push(area(values[0] ?? [], x, y, colours.waiting, 0.85));
    else parts.push(bars(values[0] ?? [], x, y, colours.lost, inner / hours));
    top += height + gap;
  }
  const bottom = top - gap;
  parts.push(...dayNames(hours, x, bottom), ...legend());
  const total = bottom + 40;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" width="${width}" height="${total}" font-family="Inter, 'Segoe UI', Helvetica, Arial, sans-serif" fill="${colours.ink}">
<rect width="${width}" height="${total}" fill="#fbfcfb"/>
<text x="${margin.left}" y="34" font-size="19" font-weight="600">${escaped(title)}</text>
<text x="${margin.left}" y="56" font-size="13" fill="#5b6b64">${escaped(captionOf(summary))}</text>
${parts.join('\n')}
</svg>
`;
}

function captionOf({ goodput, lostCoreHours, fairness, waiting, migrations }: Summary): string {
  const all = waiting.get('all');
  return [
    `goodput ${(100 * goodput).toFixed(1)} % of what was lent`,
    `${Math.round(lostCoreHours).toLocaleString('en-US')} core-hours lost`,
    `waiting: median ${duration(all?.median ?? 0)}, P95 ${duration(all?.p95 ?? 0)}`,
    `fairness ${fairness.toFixed(2)}`,
    `${migrations} migrations`,
  ].join('  ·  ');
}

function valuesOf(rows: readonly HourRow[], panel: number): number[][] {
  if (panel === 0) return [rows.map(({ lentCores }) => lentCores), rows.map(({ usedCores }) => usedCores)];
  if (panel === 1) return [rows.map(({ waitingJobs }) => Math.max(0, waitingJobs))];
  return [rows.map(({ lostCoreHours }) => lostCoreHours)];
}

function frame(title: string, top: number, most: number, y: (value: number) => number): string[] {
  const ticks = [0, most / 2, most];
  return [
    `<text x="${margin.left}" y="${top - 9}" font-size="12.5" font-weight="600">${title}</text>`,
    ...ticks.flatMap((tick) => [
      `<line x1="${margin.left}" x2="${width - margin.right}" y1="${fixed(y(tick))}" y2="${fixed(y(tick))}" stroke="${colours.grid}"/>`,
      `<text x="${margin.left - 8}" y="${fixed(y(tick) + 4)}" font-size="11" text-anchor="end" fill="#5b6b64">${tick.toLocaleString('en-US')}</text>`,
    ]),
  ];
}

/** From eight in the evening to seven in the morning. */
function nights(hours: number, x: (hour: number) => number, top: number, height: number): string[] {
  const bands: string[] = [];
  for (let day = -1; day * 24 < hours; day++) {
    const from = Math.max(0, day * 24 + 20);
    const to = Math.min(hours, day * 24 + 31);
    if (to > from) {
      bands.push(
        `<rect x="${fixed(x(from))}" y="${top}" width="${fixed(x(to) - x(from))}" height="${height}" fill="#2b3a55" opacity="0.05"/>`,
      );
    }
  }
  return bands;
}

function dayNames(hours: number, x: (hour: number) => number, bottom: number): string[] {
  const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
  const days = Math.ceil(hours / 24);
  const every = Math.ceil(days / 14);
  return Array.from({ length: days }, (_, day) => day)
    .filter((day) => day % every === 0)
    .map((day) => {
      const at = Math.min(day * 24 + 12, hours - 1);
      return `<text x="${fixed(x(at))}" y="${bottom + 22}" font-size="12" text-anchor="middle" fill="#5b6b64">${names[day % 7]}${days > 7 ? ` ${day + 1}` : ''}</text>`;
    });
}

function legend(): string[] {
  const entries = [
    [colours.lent, 'lent by owners'],
    [colours.used, 'used by guests'],
    [colours.waiting, 'jobs without a machine'],
    [colours.lost, 'lost to crashes and power'],
  ] as const;
  let at = width - margin.right - 615;
  return entries.map(([colour, text]) => {
    const entry = `<rect x="${at}" y="${margin.top - 21}" width="12" height="12" rx="2" fill="${colour}"/><text x="${at + 17}" y="${margin.top - 11}" font-size="12" fill="#5b6b64">${text}</text>`;
    at += 30 + text.length * 6.6;
    return entry;
  });
}

function points(values: readonly number[], x: (hour: number) => number, y: (value: number) => number): string {
  return values.map((value, hour) => `${fixed(x(hour))},${fixed(y(value))}`).join(' ');
}

function area(
  values: readonly number[],
  x: (hour: number) => number,
  y: (value: number) => number,
  fill: string,
  opacity: number,
): string {
  const last = x(Math.max(0, values.length - 1));
  return `<polygon points="${fixed(x(0))},${fixed(y(0))} ${points(values, x, y)} ${fixed(last)},${fixed(y(0))}" fill="${fill}" opacity="${opacity}"/>`;
}

function line(
  values: readonly number[],
  x: (hour: number) => number,
  y: (value: number) => number,
  stroke: string,
): string {
  return `<polyline points="${points(values, x, y)}" fill="none" stroke="${stroke}" stroke-width="1.2"/>`;
}

function bars(
  values: readonly number[],
  x: (hour: number) => number,
  y: (value: number) => number,
  fill: string,
  step: number,
): string {
  const drawn = values.flatMap((value, hour) =>
    value <= 0
      ? []
      : [
          `<rect x="${fixed(x(hour) - step * 0.4)}" y="${fixed(y(value))}" width="${fixed(step * 0.8)}" height="${fixed(y(0) - y(value))}"/>`,
        ],
  );
  return `<g fill="${fill}">${drawn.join('')}</g>`;
}

function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 8, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
