// What one job costs over its whole life, from its creation to its end, with guests that run for a moment: writes to the API
// server, counted where they are sent, and processor time of the operator's process. Some jobs find a machine at once, the
// others wait for one of the first to end. The bare client writes all of it again.

import { writeAgain } from '../core/bare.ts';
import { compared, median, type Bench, type Figure, type Measurement } from '../core/figures.ts';
import { aJob, addJobs, addMachines, someMachines } from '../core/population.ts';
import { jobOf, type RecordedWrite } from '../core/requests.ts';
import { checkClaims, profiled, startGuests, untilQuiet, untilReady, untilWritten } from '../core/run.ts';

export const life: Measurement = { name: 'life', about: 'writes and processor time per job over its life', run };

const runsForMs = 2_000;
const mostWrites = { of: 'value', is: 'at most', limit: 7 } as const;

async function run(bench: Bench): Promise<Figure[]> {
  const { site, scale, say, kubeletPort } = bench;
  const { atOnce, later } = scale.life;
  const all = atOnce + later;
  const state = await site.state((client) => addMachines(client, someMachines(atOnce, kubeletPort, { slots: 1 })));
  const cpu: { value: number; bare: number }[] = [];
  let writes: RecordedWrite[] = [];
  const rounds = Math.min(scale.rounds, 2);
  for (let round = 1; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}: the operator, ${all} jobs on ${atOnce} machines`);
    const cluster = await site.open(state);
    await startGuests(bench, cluster);
    const operator = cluster.startOperator({ keep: 'bodies' });
    await untilReady(operator);
    const before = await operator.usage();
    await profiled(bench, `life-${round}`, cluster, operator, async () => {
      await addJobs(
        cluster.client,
        Array.from({ length: all }, (_, number) => aJob(number, { runsForMs })),
      );
      await untilWritten(operator, 'end', all);
    });
    await untilQuiet(bench, operator);
    const after = await operator.usage();
    writes = await operator.writes();
    await checkClaims(cluster, writes, all);
    await cluster.stop();
    say(`round ${round} of ${rounds}: the bare client`);
    const bare = await writeAgain(site, state, writes, (other) =>
      addJobs(
        other.client,
        Array.from({ length: all }, (_, number) => aJob(number, { runsForMs })),
      ),
    );
    cpu.push({ value: (after.cpuMs - before.cpuMs) / all, bare: bare.cpuMs / all });
  }
  const { claimedAtOnce, waited, events } = perJob(writes);
  const spread = (counts: readonly number[]): string =>
    `${counts.length} jobs, at least ${Math.min(...counts)}, at most ${Math.max(...counts)}`;
  return [
    {
      ...{ name: 'writes per job claimed at once', unit: 'writes', value: mean(claimedAtOnce) },
      ...{ aim: mostWrites, note: spread(claimedAtOnce) },
    },
    {
      ...{ name: 'writes per job that waited', unit: 'writes', value: mean(waited) },
      ...{ aim: mostWrites, note: spread(waited) },
    },
    { name: 'events per job', unit: 'events', value: median(events) },
    compared({ name: 'processor time per job', unit: 'ms', note: `${all} jobs, ${atOnce} machines` }, cpu),
  ];
}

/** Numbers of writes, a number per job. */
function perJob(writes: readonly RecordedWrite[]) {
  const jobs = new Map<string, { writes: number; events: number; waited: boolean }>();
  for (const write of writes) {
    const job = jobOf(write);
    if (job === undefined) continue;
    const sums = jobs.get(job) ?? { writes: 0, events: 0, waited: false };
    jobs.set(job, sums);
    if (write.kind === 'event') sums.events += 1;
    else sums.writes += 1;
    if (write.kind === 'waiting') sums.waited = true;
  }
  const counts = [...jobs.values()];
  return {
    claimedAtOnce: counts.filter(({ waited }) => !waited).map((sums) => sums.writes),
    waited: counts.filter(({ waited }) => waited).map((sums) => sums.writes),
    events: counts.map((sums) => sums.events),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
