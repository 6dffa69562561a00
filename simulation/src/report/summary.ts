// The numbers of a run, and how they are said on a terminal.
// Pure.

import type { Tally } from './tally.ts';

export interface Percentiles {
  readonly count: number;
  readonly median: number;
  readonly p95: number;
  readonly p99: number;
}

export interface Summary {
  readonly jobs: {
    readonly submitted: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly open: number;
  };
  readonly offeredCoreHours: number;
  readonly usefulCoreHours: number;
  readonly lostCoreHours: number;
  /** Useful over offered. */
  readonly goodput: number;
  /** Seconds from submission to the first start, by priority and over all. */
  readonly waiting: ReadonlyMap<string, Percentiles>;
  /**
   * Jain's index over what part of the work that it asked for each namespace got done: 1 is perfectly even, 1/n is all for one.
   * Namespaces that asked for nothing do not count.
   */
  readonly fairness: number;
  /** The same over the work itself, by weight. Says as much about what the namespaces asked for as about what they got. */
  readonly evenness: number;
  readonly interruptionsPerJob: number;
  readonly migrations: number;
  readonly writesPerJob: number;
  /** Of these, by what they were for; most first. */
  readonly writesByPurpose: ReadonlyMap<string, number>;
  readonly guestEnds: ReadonlyMap<string, number>;
}

export function summarize(tally: Tally, weights: ReadonlyMap<string, number>): Summary {
  const jobs = [...tally.jobs.values()];
  const started = jobs.filter(({ startedMs }) => startedMs !== undefined);
  const waits = (priority?: string): Percentiles =>
    percentiles(
      started
        .filter((job) => priority === undefined || job.priority === priority)
        .map(({ startedMs = 0, submittedMs }) => (startedMs - submittedMs) / 1000),
    );
  const service = [...weights].map(([namespace, weight]) => (tally.service.get(namespace) ?? 0) / weight);
  const outcome = (wanted: string | undefined): number => jobs.filter((job) => job.outcome === wanted).length;
  return {
    jobs: {
      submitted: jobs.length,
      succeeded: outcome('Succeeded'),
      failed: outcome('Failed'),
      open: outcome(undefined),
    },
    offeredCoreHours: tally.offeredCoreHours,
    usefulCoreHours: tally.usefulCoreHours,
    lostCoreHours: tally.lostCoreHours,
    goodput: tally.offeredCoreHours === 0 ? 0 : tally.usefulCoreHours / tally.offeredCoreHours,
    waiting: new Map([
      ['all', waits()],
      ...['Urgent', 'High', 'Normal', 'Low'].map((priority) => [priority, waits(priority)] as const),
    ]),
    fairness: jain(
      [...tally.asked].flatMap(([namespace, asked]) => (asked > 0 ? (tally.service.get(namespace) ?? 0) / asked : [])),
    ),
    evenness: jain(service),
    interruptionsPerJob: jobs.length === 0 ? 0 : jobs.reduce((sum, job) => sum + job.interruptions, 0) / jobs.length,
    migrations: tally.migrations,
    writesPerJob: jobs.length === 0 ? 0 : tally.operatorWrites / jobs.length,
    writesByPurpose: new Map(
      [...tally.purposes].sort(([, a], [, b]) => b - a).map(([purpose, count]) => [purpose, count / jobs.length]),
    ),
    guestEnds: tally.ends,
  };
}

export function jain(values: readonly number[]): number {
  const total = values.reduce((sum, value) => sum + value, 0);
  const squares = values.reduce((sum, value) => sum + value * value, 0);
  return squares === 0 ? 1 : (total * total) / (values.length * squares);
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { count: sorted.length, median: at(0.5), p95: at(0.95), p99: at(0.99) };
}

export function table(summary: Summary): string {
  const { jobs, waiting } = summary;
  const lines: [string, string][] = [
    ['jobs', `${jobs.submitted} submitted, ${jobs.succeeded} succeeded, ${jobs.failed} failed, ${jobs.open} not over`],
    ['offered', `${whole(summary.offeredCoreHours)} core-hours lent by their owners`],
    ['goodput', `${percent(summary.goodput)} of it, ${whole(summary.usefulCoreHours)} core-hours of finished work`],
    ['lost work', `${whole(summary.lostCoreHours)} core-hours`],
    [
      'fairness',
      `${summary.fairness.toFixed(3)} (Jain's index over the part of its asked work that each namespace got done; ` +
        `${summary.evenness.toFixed(3)} over the work itself, by weight)`,
    ],
    ['interruptions', `${summary.interruptionsPerJob.toFixed(3)} per job; ${summary.migrations} live migrations`],
    ['guests ended', [...summary.guestEnds].map(([end, count]) => `${count} ${end}`).join(', ')],
    ['API writes', `${summary.writesPerJob.toFixed(1)} of the operator per job, refreshes included`],
    ['', [...summary.writesByPurpose].map(([purpose, count]) => `${count.toFixed(2)} ${purpose}`).join(', ')],
  ];
  const head = ['', 'waiting for the first start', ...['median', 'P95', 'P99', 'jobs'].map((word) => word.padStart(9))];
  const rows = [...waiting]
    .filter(([, { count }]) => count > 0)
    .map(([who, { median, p95, p99, count }]) => {
      const cells = [duration(median), duration(p95), duration(p99), String(count)].map((cell) => cell.padStart(9));
      return `  ${who.padEnd(28)}${cells.join('')}`;
    });
  return [
    ...lines.map(([name, text]) => `  ${name.padEnd(16)}${text}`),
    '',
    `  ${(head[1] ?? '').padEnd(28)}${head.slice(2).join('')}`,
    ...rows,
  ].join('\n');
}

export function duration(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 6_000 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
