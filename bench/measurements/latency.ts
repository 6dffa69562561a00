// From the creation of a job to its claim, while others wait that no free machine would do for.
// Jobs come one by one at a steady rate; there is always a machine free for them. Half of those that wait want a room whose
// owners are at work, the other half more cores than any machine lends. The bare client claims each job when its watch tells
// of it, with the operator's own words.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { quantile, type Bench, type Figure, type Measurement } from '../core/figures.ts';
import { aJob, addJobs, addMachines, someMachines } from '../core/population.ts';
import { claimTimes, steadyLabel } from '../core/reaction.ts';
import { jobOf } from '../core/requests.ts';
import { checkClaims, profiled, startGuests, untilQuiet, untilReady, untilWritten } from '../core/run.ts';

export const latency: Measurement = { name: 'latency', about: 'from creation to claim beside a full queue', run };

const occupiedRoom = 'room-occupied';
/** Short, so that machines become free again faster than jobs come. */
const runsForMs = 1_000;
const bareRound = 'bare';

async function run(bench: Bench): Promise<Figure[]> {
  const { site, scale, say, kubeletPort } = bench;
  const { waiting, jobs, perSecond } = scale.steady;
  say(`making ${scale.machines} machines and ${waiting} jobs that wait`);
  const occupied = Math.ceil(scale.machines / 10);
  const state = await site.state(async (client) => {
    await addMachines(client, [
      ...someMachines(scale.machines - occupied, kubeletPort, { slots: 4 }),
      ...someMachines(
        occupied,
        kubeletPort,
        { slots: 4, room: occupiedRoom, labels: { 'idlewild.dev/presence': 'present' } },
        scale.machines - occupied + 1,
      ),
    ]);
    const wants = (number: number): Partial<ComputeJob['spec']> =>
      number % 2 === 0
        ? { placement: { rooms: [occupiedRoom], dedicatedOnly: false } }
        : { resources: { cores: 32, gpus: 0, memory: '512Mi' } };
    await addJobs(
      client,
      Array.from({ length: waiting }, (_, number) => aJob(number, { runsForMs, spec: wants(number) })),
    );
  });
  const steady = Array.from({ length: jobs }, (_, index) => labelled(aJob(waiting + index, { runsForMs })));

  say(`the operator: ${jobs} jobs, ${perSecond} a second`);
  const cluster = await site.open(state);
  await startGuests(bench, cluster);
  const operator = cluster.startOperator({ keep: 'bodies' });
  await untilReady(operator);
  await untilWritten(operator, 'waiting', waiting);
  await untilQuiet(bench, operator);
  let mine: readonly number[] = [];
  await profiled(bench, 'latency', cluster, operator, async () => {
    mine = await claimTimes(cluster.client, steady, perSecond);
  });
  const writes = await operator.writes();
  await checkClaims(cluster, writes, jobs);
  await cluster.stop();

  say('the bare client');
  const file = join(site.dir, 'reactions.writes');
  const first = writes.filter((write) => write.status < 300 && write.kind === 'claim' && jobOf(write) !== undefined);
  await writeFile(file, first.map((write) => `${JSON.stringify(write)}\n`).join(''));
  const other = await site.open(state);
  const reacting = other.start(bareRound, 'bench/programs/bare-reaction.ts', ['--file', file]);
  await reacting.hear((message) => 'ready' in message || undefined);
  const bare = await claimTimes(other.client, steady, perSecond);
  await other.stop();

  const note = `${scale.machines} machines, ${waiting} jobs waiting, ${perSecond} jobs/s`;
  const at = (name: string, q: number): Figure => {
    const [value, beside] = [quantile(mine, q), quantile(bare, q)];
    return { name: `creation to claim, ${name}`, unit: 'ms', value, bare: beside, ratio: value / beside, note };
  };
  return [at('P50', 0.5), { ...at('P95', 0.95), aim: { of: 'value', is: 'at most', limit: 1_000 } }];
}

function labelled(job: object): object {
  const { metadata, ...rest } = job as { metadata: object };
  return { metadata: { ...metadata, labels: { [steadyLabel.key]: steadyLabel.value } }, ...rest };
}
