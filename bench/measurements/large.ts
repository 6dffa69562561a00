// A large lab: what the operator's process holds in memory, and how soon a new process is at work.
// Jobs are run until some have finished, some run and the rest wait; then the operator's memory is read, when it
// has had nothing to do for a while, and at its highest. After that new operators are started in that world, with one machine more each time
// for a job to be claimed; the bare client lists the same kinds with the same selectors.

import { compared, type Bench, type Figure, type Measurement } from '../core/figures.ts';
import { until, type Cluster } from '../core/cluster.ts';
import { aJob, addJobs, addMachines, someMachines } from '../core/population.ts';
import { pass, profiled, startGuests, untilQuiet, untilReady, untilWritten } from '../core/run.ts';
import type { Program } from '../core/program.ts';

export const large: Measurement = { name: 'large', about: 'memory and start with many jobs', run };

const longRunMs = 24 * 3600 * 1000;

async function run(bench: Bench): Promise<Figure[]> {
  const { site, scale, say, kubeletPort } = bench;
  const { machines } = scale;
  const { finished, running, waiting } = scale.large;
  const slots = Math.ceil(running / machines);
  const state = await site.state((client) => addMachines(client, someMachines(machines, kubeletPort, { slots })));
  const cluster = await site.open(state);
  await startGuests(bench, cluster);
  // A list of all that was ever written is nothing that an operator holds.
  const operator = cluster.startOperator({ keep: 'counts' });
  await untilReady(operator);
  await profiled(bench, 'large', cluster, operator, async () => {
    say(`running ${finished} jobs to their end`);
    await add(cluster, 0, finished, 0);
    await untilWritten(operator, 'end', finished);
    say(`starting ${running} jobs that stay`);
    await add(cluster, finished, running, longRunMs);
    await untilWritten(operator, 'start', finished + running);
    say(`queueing ${waiting} jobs`);
    await add(cluster, finished + running, waiting, longRunMs);
    await untilWritten(operator, 'waiting', waiting);
  });
  await untilQuiet(bench, operator);
  // It gives back what it does not need once it has had nothing to do for a while; nothing is forced.
  await pass(20 * bench.scale.quietMs);
  const settled = await operator.usage();
  await operator.stop();

  const synced: { value: number; bare: number }[] = [];
  const claimed: { value: number; bare: number }[] = [];
  for (let round = 1; round <= scale.rounds; round += 1) {
    say(`start ${round} of ${scale.rounds}`);
    await addMachines(cluster.client, someMachines(1, kubeletPort, { slots: 1 }, machines + round));
    const next = cluster.startOperator();
    const ready = (await untilReady(next)) - next.startedAt;
    await untilWritten(next, 'claim', 1);
    const first = await firstClaim(next);
    await next.stop();
    const bare = await bareStart(cluster);
    synced.push({ value: ready / 1000, bare: bare.listed / 1000 });
    claimed.push({ value: (first - next.startedAt) / 1000, bare: bare.listed / 1000 });
  }
  await cluster.stop();
  const jobs = finished + running + waiting;
  const note = `${machines} machines, ${jobs} jobs: ${finished} finished, ${running} running, ${waiting} waiting`;
  return [
    {
      ...{ name: 'resident memory, settled', unit: 'MB', value: megabytes(settled.residentMiB), note },
      aim: { of: 'value', is: 'at most', limit: 300 },
    },
    { name: 'resident memory, peak', unit: 'MB', value: megabytes(settled.peakMiB), note },
    {
      ...{ name: 'heap in use, settled', unit: 'MB', value: megabytes(settled.heapMiB) },
      note: `${Math.round(megabytes(settled.committedMiB))} MB taken for it, ${Math.round(megabytes(settled.externalMiB))} MB outside of it`,
    },
    compared({ name: 'process start to all caches filled', unit: 's', note: `${jobs} jobs` }, synced),
    compared({ name: 'process start to first claim', unit: 's', note: `${jobs} jobs; bare: its lists` }, claimed),
  ];
}

function megabytes(mebibytes: number): number {
  return mebibytes * 1.048576;
}

async function add(cluster: Cluster, first: number, count: number, runsForMs: number): Promise<void> {
  await addJobs(
    cluster.client,
    Array.from({ length: count }, (_, index) => aJob(first + index, { runsForMs })),
  );
}

async function firstClaim(operator: Program): Promise<number> {
  const claims = (await operator.writes()).filter(({ kind, status }) => kind === 'claim' && status < 300);
  return Math.min(...claims.map(({ answeredAt = Infinity }) => answeredAt));
}

/** Milliseconds from the start of the bare client's process to the end of its last list. */
async function bareStart(cluster: Cluster): Promise<{ listed: number }> {
  const client = cluster.start('bare-lists', 'bench/programs/bare-lists.ts', []);
  const at = await client.hear((message) => ('listedAt' in message ? Number(message.listedAt) : undefined));
  await until('the bare client ends', () => client.stop().then(() => true));
  return { listed: at - client.startedAt };
}
