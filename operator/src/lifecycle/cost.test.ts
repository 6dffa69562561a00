// A look at one job costs what that job has, not what the lab has.
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, at } from '../../../test/builders/job.ts';
import { aLifecycle } from '../../../test/builders/lifecycle.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { KubeClient } from '../kube/client.ts';
import { FakeClock } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import * as status from '../model/status.ts';
import { LeaseObservations } from '../recovery/observations.ts';
import { Recovery } from '../recovery/reconcile.ts';
import { World } from '../world/world.ts';

const log = pino({ level: 'silent' });
const context = { log, reconcileId: 'x', signal: new AbortController().signal };
const perMachine = 2;

/** Controllers over a world of running jobs, to which nothing is due, and an API that may not be asked anything. */
function aLab(jobs: number) {
  const clock = new FakeClock(Date.parse(at(60)));
  const asked: string[] = [];
  const transport = {
    server: 'http://nowhere',
    request: ({ method, path }) => {
      asked.push(`${method} ${path}`);
      return Promise.reject(new KubeError('nobody is to ask', { kind: 'badRequest' }));
    },
    stream: () => Promise.reject(new KubeError('no logs here', { kind: 'network' })),
    close: () => Promise.resolve(),
  } satisfies Transport;
  const client = new KubeClient(transport, { clock });
  const world = new World({ client, log, clock });
  const { informers } = world;
  for (let n = 0; n < jobs; n++) {
    const node = `pc-${Math.floor(n / perMachine)}`;
    if (n % perMachine === 0) informers.nodes.store.set(aMachine(node));
    const builder = aJob(`job-${n}`).published().claimedBy(node).created().started(10);
    const mobile = { yes: true, reason: 'Migratable', message: '', at: at(10) };
    const { job } = builder.with(status.migratable(builder.job, mobile));
    const vm = aVm(job, { released: true });
    informers.jobs.store.set(job);
    informers.vms.store.set(vm);
    informers.vmis.store.set(aVmi(vm, 'Running', node));
    informers.pods.store.set(aPod(vm, node));
  }
  const { lifecycle, consoles, deps } = aLifecycle({ client, clock, world });
  const patience = { lostAfterMs: 15_000, leaseDurationMs: 10_000, leaseMarginMs: 1_000 };
  const recovery = new Recovery(deps, new LeaseObservations(clock), patience);
  return { lifecycle, recovery, consoles, asked };
}

/** The cheapest of some rounds, so that a busy machine does not count; ms per look. */
async function costOf(look: (n: number) => Promise<unknown>): Promise<number> {
  const looks = 100;
  let best = Infinity;
  for (let round = 0; round < 15; round++) {
    const began = performance.now();
    for (let n = 0; n < looks; n++) await look(n);
    best = Math.min(best, (performance.now() - began) / looks);
  }
  return best;
}

describe('with ten times as many jobs', () => {
  it('a look at one job or one machine costs about the same, and asks nothing of the API server', async () => {
    const [small, large] = [aLab(800), aLab(8_000)];
    const job = (lab: typeof small) => costOf((n) => lab.lifecycle.reconcile(`default/job-${n}`, context));
    const machine = (lab: typeof small) => costOf((n) => lab.recovery.reconcile(`pc-${n}`, context));
    const costs = [await job(small), await job(large), await machine(small), await machine(large)];
    const [jobSmall = 0, jobLarge = 0, machineSmall = 0, machineLarge = 0] = costs;
    expect(jobLarge).toBeLessThan(5 * jobSmall);
    expect(machineLarge).toBeLessThan(5 * machineSmall);
    expect([...small.asked, ...large.asked]).toEqual([]);
    for (const { consoles } of [small, large]) consoles.close();
  }, 60_000);
});
