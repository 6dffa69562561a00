// What a claim costs the operator as the lab grows: the same jobs come to few machines and to ten times as many.
// Only processor time is compared, so that the API server's share and the machine's mood do not count.

import { median, type Bench, type Figure, type Measurement } from '../core/figures.ts';
import { aJob, addJobs, addMachines, someMachines } from '../core/population.ts';
import { checkClaims, pass, profiled, untilQuiet, untilReady, untilWritten } from '../core/run.ts';

export const growth: Measurement = { name: 'growth', about: 'cost of a claim with ten times the machines', run };

const times = 10;

async function run(bench: Bench): Promise<Figure[]> {
  const { fewer, jobs } = bench.scale.growth;
  const rounds: { few: number; many: number }[] = [];
  for (let round = 1; round <= bench.scale.rounds; round += 1) {
    bench.say(`round ${round} of ${bench.scale.rounds}: ${jobs} jobs to ${fewer} machines, then to ${fewer * times}`);
    rounds.push({
      few: await cpuPerClaim(bench, fewer, `growth-few-${round}`),
      many: await cpuPerClaim(bench, fewer * times, `growth-many-${round}`),
    });
  }
  const few = median(rounds.map((each) => each.few));
  const many = median(rounds.map((each) => each.many));
  return [
    { name: `processor time per claim, ${fewer} machines`, unit: 'ms', value: few, note: `${jobs} jobs` },
    { name: `processor time per claim, ${fewer * times} machines`, unit: 'ms', value: many, note: `${jobs} jobs` },
    {
      ...{ name: `growth of that cost, ${times} times the machines`, unit: 'times' },
      value: median(rounds.map((each) => each.many / each.few)),
      aim: { of: 'value', is: 'at most', limit: times / 2 },
    },
  ];
}

async function cpuPerClaim(bench: Bench, machines: number, name: string): Promise<number> {
  const { site, kubeletPort, scale } = bench;
  const { fewer, jobs } = scale.growth;
  const slots = Math.ceil(jobs / fewer);
  const state = await site.state((client) => addMachines(client, someMachines(machines, kubeletPort, { slots })));
  const cluster = await site.open(state);
  const operator = cluster.startOperator();
  await untilReady(operator);
  await pass(2 * scale.quietMs);
  const before = await operator.usage();
  await profiled(bench, name, cluster, operator, async () => {
    await addJobs(
      cluster.client,
      Array.from({ length: jobs }, (_, number) => aJob(number, { runsForMs: 0 })),
    );
    await untilWritten(operator, 'vm', jobs);
  });
  await untilQuiet(bench, operator);
  const after = await operator.usage();
  await checkClaims(cluster, await operator.writes(), jobs);
  await cluster.stop();
  return (after.cpuMs - before.cpuMs) / jobs;
}
