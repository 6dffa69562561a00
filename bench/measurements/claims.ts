// Jobs claimed per second, and the whole way to a virtual machine, with a full queue and room for all of it.
// The operator starts with machines and jobs in place; what it wrote is then written again by the bare client, in that order
// and with as many requests under way. No guests run in either round, so that both have the API server to themselves.

import { compared, type Bench, type Figure, type Measurement } from '../core/figures.ts';
import { writeAgain } from '../core/bare.ts';
import { aJob, addJobs, addMachines, someMachines } from '../core/population.ts';
import { checkClaims, profiled, spanOf, untilReady, untilWritten } from '../core/run.ts';
import type { WriteKind } from '../core/requests.ts';

interface Times {
  readonly kind: WriteKind;
  readonly sentAt: number;
  readonly answeredAt?: number | undefined;
}

export const claims: Measurement = { name: 'claims', about: 'jobs claimed per second with a full queue', run };

async function run(bench: Bench): Promise<Figure[]> {
  const { site, scale, say, kubeletPort } = bench;
  const { machines, queued } = scale;
  say(`making ${machines} machines and ${queued} jobs`);
  const state = await site.state(async (client) => {
    await addMachines(client, someMachines(machines, kubeletPort, { slots: Math.ceil(queued / machines) }));
    await addJobs(
      client,
      Array.from({ length: queued }, (_, index) => aJob(index, { runsForMs: 0 })),
    );
  });
  const claimed: { value: number; bare: number }[] = [];
  const whole: { value: number; bare: number }[] = [];
  for (let round = 1; round <= scale.rounds; round += 1) {
    say(`round ${round} of ${scale.rounds}: the operator`);
    const cluster = await site.open(state);
    const operator = cluster.startOperator({ keep: 'bodies' });
    await untilReady(operator);
    await profiled(bench, `claims-${round}`, cluster, operator, () => untilWritten(operator, 'vm', queued));
    const writes = await operator.writes();
    await checkClaims(cluster, writes, queued);
    await cluster.stop();
    say(`round ${round} of ${scale.rounds}: the bare client`);
    const bare = await writeAgain(site, state, writes);
    claimed.push({ value: rate(writes, claimOnly, queued), bare: rate(bare.times, claimOnly, queued) });
    whole.push({ value: rate(writes, toVm, queued), bare: rate(bare.times, toVm, queued) });
  }
  const world = `${machines} machines, ${queued} queued jobs`;
  const aim = { of: 'ratio', is: 'at least', limit: 0.8 } as const;
  return [
    compared({ name: 'jobs claimed', unit: '/s', aim, note: world }, claimed),
    compared({ name: 'jobs claimed with Secret and virtual machine', unit: '/s', note: world }, whole),
  ];
}

const claimOnly: readonly WriteKind[] = ['claim'];
const toVm: readonly WriteKind[] = ['claim', 'secret', 'vm'];

function rate(times: readonly Times[], kinds: readonly WriteKind[], jobs: number): number {
  return (1000 * jobs) / spanOf(times.filter(({ kind }) => kinds.includes(kind)));
}
