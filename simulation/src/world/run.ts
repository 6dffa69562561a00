// A watched run from options to its end: the simulation, the checks on it, and the numbers of it.
// Promises: throws a Violation as soon as an invariant does not hold; the replay command in it repeats this run exactly.

import type { Logger } from 'pino';
import { pino } from 'pino';
import { Watchman } from '../invariants/watchman.ts';
import { muchTrouble, noTrouble, usualTrouble } from '../machines/trouble.ts';
import { dayMs } from '../owners/visit.ts';
import type { OwnerTrace } from '../owners/trace-file.ts';
import { summarize, type Summary } from '../report/summary.ts';
import { Tally } from '../report/tally.ts';
import type { Workload } from '../workload/job-plan.ts';
import { Random } from './random.ts';
import { Simulation } from './simulation.ts';

export type TroubleLevel = 'none' | 'usual' | 'much';

export interface RunOptions {
  readonly seed: number;
  readonly machines: number;
  readonly jobs: number;
  readonly days: number;
  /** Work asked for over what owners lend. */
  readonly load: number;
  readonly trouble: TroubleLevel;
  /** Whether machines have an agent that destroys guests when they are cut off; drawn from the seed when undefined. */
  readonly fenced?: boolean | undefined;
  readonly owners?: OwnerTrace | undefined;
  readonly workload?: Workload | undefined;
  readonly flags?: readonly string[] | undefined;
  /** What a reader types to see it again. */
  readonly replay: string;
  readonly log?: Logger | undefined;
  /** Told every simulated hour. */
  readonly onHour?: ((o: { atMs: number; tally: Tally }) => void) | undefined;
}

export interface RunResult {
  readonly summary: Summary;
  readonly tally: Tally;
  readonly splitBrains: number;
  /** Of jobs without interruptions. */
  readonly writesSpent: readonly number[];
  readonly timersFired: number;
  readonly requests: number;
}

const rates = { none: noTrouble, usual: usualTrouble, much: muchTrouble } as const;
const failing = {
  none: { migrations: 0, stuck: 0, pulls: 0 },
  usual: { migrations: 0.02, stuck: 0.01, pulls: 0.01 },
  much: { migrations: 0.15, stuck: 0.1, pulls: 0.08 },
} as const;

export async function runWatched(o: RunOptions): Promise<RunResult> {
  const fenced = o.fenced ?? new Random(o.seed).fork('fence').chance(0.5);
  const simulation = new Simulation({
    ...{ seed: o.seed, machines: o.machines, jobs: o.jobs, days: o.days, load: o.load },
    ...{ owners: o.owners, workload: o.workload, flags: o.flags ?? [] },
    trouble: rates[o.trouble],
    failing: failing[o.trouble],
    fenced,
    log: o.log ?? pino({ level: 'silent' }),
  });
  const tally = new Tally(simulation);
  const watchman = new Watchman(simulation, o.replay);
  const { clock } = simulation;
  const hourly = (): void => {
    o.onHour?.({ atMs: clock.monotonic(), tally });
    clock.setTimeout(hourly, dayMs / 24);
  };
  if (o.onHour) hourly();
  await simulation.run(o.days * dayMs, () => watchman.violation !== undefined);
  watchman.look();
  if (watchman.violation) throw watchman.violation;
  const weights = new Map(
    [...simulation.workload.namespaces].map(([name, labels]) => [name, Number(labels['idlewild.dev/weight'] ?? 1)]),
  );
  return {
    summary: summarize(tally, weights),
    tally,
    splitBrains: watchman.guests.splitBrains,
    writesSpent: watchman.budgets.spent,
    timersFired: clock.fired,
    requests: simulation.api.requests,
  };
}
