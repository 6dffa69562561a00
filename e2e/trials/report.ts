// What the trials measured, in one table. Promises: pure; a kind without trials has a row that says so.

/** One guest that one event befell. */
export interface Trial {
  /** Of the same event have the same number; 0 for what no event explains. */
  readonly event: number;
  readonly kind: string;
  readonly job: string;
  readonly machine: string;
  /** What must never be; empty for a good trial. */
  readonly violations: readonly string[];
  /** The guest was lost, and had to be, since the API server was away for too long. */
  readonly excused?: string | undefined;
  /** From the event to the replacement's VirtualMachine, seconds; undefined when the guest was to stay, or none came. */
  readonly createdS?: number | undefined;
  /** From the event to the first word of the guest in it. */
  readonly runningS?: number | undefined;
  /** From the last word of the old guest to the first one of the new. */
  readonly apartS?: number | undefined;
  /** The longest silence of a guest that was to stay. */
  readonly silentS?: number | undefined;
}

/** The smallest value that at least so large a part of the values does not exceed; undefined without values. */
export function percentile(values: readonly number[], part: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)];
}

const columns = [
  'events',
  'trials',
  'wrong',
  'excused',
  'created p50',
  'p95',
  'running p50',
  'p95',
  'least apart',
  'longest silence',
] as const;

/** @param kinds the rows, in order. @returns a Markdown table; times in seconds. */
export function table(kinds: readonly string[], trials: readonly Trial[]): string[] {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const seconds = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(1));
  const some = (of: readonly Trial[], value: (trial: Trial) => number | undefined): number[] =>
    of.map(value).filter((each) => each !== undefined);
  return [
    row(['kind', ...columns]),
    row(['---', ...columns.map(() => '---:')]),
    ...kinds.map((kind) => {
      const of = trials.filter((trial) => trial.kind === kind);
      const created = some(of, ({ createdS }) => createdS);
      const running = some(of, ({ runningS }) => runningS);
      const wrong = of.filter(({ violations }) => violations.length > 0).length;
      return row([
        kind,
        String(new Set(of.map(({ event }) => event).filter((event) => event > 0)).size),
        String(of.length),
        String(wrong),
        String(of.filter(({ excused }) => excused !== undefined).length),
        ...[created, running].flatMap((values) => [
          seconds(percentile(values, 0.5)),
          seconds(percentile(values, 0.95)),
        ]),
        seconds(
          percentile(
            some(of, ({ apartS }) => apartS),
            0,
          ),
        ),
        seconds(
          percentile(
            some(of, ({ silentS }) => silentS),
            1,
          ),
        ),
      ]);
    }),
  ];
}

/** One line of one trial. */
export function lineOf({ event, kind, job, machine, violations, excused, ...measured }: Trial): string {
  const words = Object.entries({
    'VM created after': measured.createdS,
    'guest running after': measured.runningS,
    'guests apart by': measured.apartS,
    'longest silence': measured.silentS,
  }).flatMap(([what, value]) => (value === undefined ? [] : [`${what} ${value.toFixed(2)} s`]));
  const verdict = violations.length > 0 ? 'VIOLATION' : excused === undefined ? 'ok' : `lost, as ${excused}`;
  return [`${event}. ${kind} ${machine} ${job}: ${verdict}`, ...words, ...violations].join(', ');
}
