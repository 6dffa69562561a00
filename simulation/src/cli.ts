// The command line of the simulation: `npm run sim -- --seed 7 --machines 1000 --jobs 10000 --days 7`.
// Promises: refuses what it does not know with the flag's name and what is allowed; ends with status 1 and the command that
// repeats the run when an invariant does not hold.

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { inDays, Violation } from './invariants/violation.ts';
import { parseOwnerTrace } from './owners/trace-file.ts';
import { csvOf } from './report/csv.ts';
import { plotOf } from './report/plot.ts';
import { table } from './report/summary.ts';
import type { Tally } from './report/tally.ts';
import { parseJobTrace } from './workload/trace-file.ts';
import { runWatched, type RunOptions, type RunResult, type TroubleLevel } from './world/run.ts';

const usage = `Runs the real operator on a virtual clock against a simulated pool.

  --seed N            what chance is drawn from (1)
  --seeds A-B         one run after the other; stops at the first violation
  --keep-going        does not stop at a violation, but says it and goes on with the next seed
  --machines N        machines of the pool (100)
  --jobs N            jobs that its users submit (1000)
  --days N            length, from a Monday on (1)
  --load SHARE        work of all jobs over what the owners lend (0.5)
  --trouble LEVEL     none, usual or much: power cuts, rooms, drains, failed migrations (usual)
  --fence on|off      whether machines have an agent that destroys guests when cut off (drawn from the seed)
  --owners FILE       recorded owners: CSV "machine,from,to" or JSON lines, instead of patterns
  --jobs-file FILE    recorded jobs: CSV with a line of column names or JSON lines
  --operator=FLAGS    flags of the operator, in one word, such as --operator="--preemption lower"
  --csv FILE          writes a row per hour
  --svg FILE          draws a picture
  --log-level LEVEL   of the operator's log (silent)
  --quiet             no progress
`;

const flags = {
  seed: { type: 'string', default: '1' },
  seeds: { type: 'string' },
  machines: { type: 'string', default: '100' },
  jobs: { type: 'string', default: '1000' },
  days: { type: 'string', default: '1' },
  load: { type: 'string', default: '0.5' },
  trouble: { type: 'string', default: 'usual' },
  fence: { type: 'string' },
  owners: { type: 'string' },
  'jobs-file': { type: 'string' },
  operator: { type: 'string', default: '' },
  csv: { type: 'string' },
  svg: { type: 'string' },
  'log-level': { type: 'string', default: 'silent' },
  quiet: { type: 'boolean', default: false },
  'keep-going': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface Command {
  readonly seeds: readonly number[];
  readonly run: Omit<RunOptions, 'seed' | 'replay'>;
  /** The arguments without the seeds and without where the results go. */
  readonly replay: string;
  readonly csv: string | undefined;
  readonly svg: string | undefined;
  readonly quiet: boolean;
  readonly keepGoing: boolean;
}

function parseCommand(args: readonly string[]): Command | undefined {
  const { values } = parseArgs({ args: [...args], options: flags });
  if (values.help) return undefined;
  const number = (name: 'machines' | 'jobs' | 'days' | 'load', o: { whole: boolean; most: number }): number => {
    const value = Number(values[name]);
    const fits = value > 0 && value <= o.most && (!o.whole || Number.isInteger(value));
    if (!fits) throw new TypeError(`--${name}: must be a ${o.whole ? 'whole ' : ''}number from above 0 to ${o.most}`);
    return value;
  };
  const oneOf = <T extends string>(name: string, value: string, allowed: readonly T[]): T => {
    const found = allowed.find((each) => each === value);
    if (found === undefined) throw new TypeError(`--${name}: must be ${allowed.join(', ')}`);
    return found;
  };
  const kept = ['machines', 'jobs', 'days', 'load', 'trouble', 'fence', 'owners', 'jobs-file', 'operator'] as const;
  const replay = kept.flatMap((name) => {
    const value = values[name];
    return value === undefined || value === '' ? [] : [`--${name}=${/^[\w./-]+$/.test(value) ? value : `'${value}'`}`];
  });
  const level = values['log-level'];
  return {
    seeds: seedsOf(values.seeds ?? values.seed),
    run: {
      machines: number('machines', { whole: true, most: 20_000 }),
      jobs: number('jobs', { whole: true, most: 200_000 }),
      days: number('days', { whole: true, most: 366 }),
      load: number('load', { whole: false, most: 10 }),
      trouble: oneOf<TroubleLevel>('trouble', values.trouble, ['none', 'usual', 'much']),
      fenced: values.fence === undefined ? undefined : oneOf('fence', values.fence, ['on', 'off']) === 'on',
      owners: values.owners === undefined ? undefined : parseOwnerTrace(readFileSync(values.owners, 'utf8')),
      workload:
        values['jobs-file'] === undefined ? undefined : parseJobTrace(readFileSync(values['jobs-file'], 'utf8')),
      flags: values.operator.split(/\s+/).filter((word) => word !== ''),
      ...(level === 'silent' ? {} : { log: pino({ level }) }),
    },
    replay: `npm run sim -- ${replay.join(' ')}`,
    csv: values.csv,
    svg: values.svg,
    quiet: values.quiet,
    keepGoing: values['keep-going'],
  };
}

function seedsOf(text: string): number[] {
  const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === undefined || to < from)
    throw new TypeError('--seeds: must be a number such as 7, or a range such as 1-200');
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

async function main(): Promise<number> {
  const command = parseCommand(process.argv.slice(2));
  if (!command) {
    process.stdout.write(usage);
    return 0;
  }
  let broken = 0;
  for (const seed of command.seeds) {
    try {
      await runSeed(command, seed);
    } catch (error) {
      if (!(error instanceof Violation) || !command.keepGoing) throw error;
      broken++;
      process.stdout.write(`seed ${seed}: ${error.message}\n`);
    }
  }
  if (command.keepGoing) process.stdout.write(`${broken} of ${command.seeds.length} seeds broke an invariant\n`);
  return broken === 0 ? 0 : 1;
}

async function runSeed(command: Command, seed: number): Promise<void> {
  const begin = performance.now();
  const result = await runWatched({
    ...command.run,
    seed,
    replay: `${command.replay} --seed ${seed}`,
    ...(command.quiet ? {} : { onHour: progress(seed, begin, command.run.days) }),
  });
  if (!command.quiet && process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  report(command, seed, result, (performance.now() - begin) / 1000);
}

function report(command: Command, seed: number, result: RunResult, seconds: number): void {
  const { machines, days } = command.run;
  const { summary, tally } = result;
  const size = `${machines} machines, ${summary.jobs.submitted} jobs, ${days} ${days === 1 ? 'day' : 'days'}`;
  const title = `Idlewild: ${size}, seed ${seed}`;
  if (command.seeds.length > 1) {
    const { jobs, goodput, interruptionsPerJob } = summary;
    const words = `${jobs.succeeded}/${jobs.submitted} jobs, goodput ${(100 * goodput).toFixed(1)} %, ${interruptionsPerJob.toFixed(2)} interruptions per job`;
    process.stdout.write(`seed ${seed}: ${words}, ${seconds.toFixed(1)} s\n`);
  } else {
    const most = Math.max(0, ...result.writesSpent);
    const speed = `${seconds.toFixed(1)} s for ${days} days: ${Math.round((days * 86_400) / seconds).toLocaleString('en-US')} times real time`;
    const lines = [
      title,
      '',
      table(summary),
      '',
      `  ${'write budget'.padEnd(16)}at most ${most} writes for a job that nothing came between`,
      ...(result.splitBrains === 0
        ? []
        : [`  ${'double guests'.padEnd(16)}${result.splitBrains} on machines that were cut off and have no agent`]),
      `  ${'speed'.padEnd(16)}${speed}`,
      '  every invariant held',
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
  if (command.csv !== undefined) writeFileSync(command.csv, csvOf(tally.rows));
  if (command.svg !== undefined) writeFileSync(command.svg, plotOf(tally.rows, summary, title));
}

/** One line that is written over on a terminal; a line per simulated day elsewhere. */
function progress(seed: number, begin: number, days: number): (o: { atMs: number; tally: Tally }) => void {
  return ({ atMs, tally }) => {
    const seconds = (performance.now() - begin) / 1000;
    const row = tally.rows.at(-1);
    const words = `seed ${seed}  ${inDays(atMs).slice(0, -7)} of ${days}  ${Math.round(atMs / 1000 / Math.max(0.001, seconds)).toLocaleString('en-US')}x  ${row?.runningJobs ?? 0} running, ${Math.max(0, row?.waitingJobs ?? 0)} waiting`;
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${words}`);
    else if (atMs % 86_400_000 === 0 && atMs > 0) process.stderr.write(`${words}\n`);
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Violation || error instanceof TypeError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = 1;
}
