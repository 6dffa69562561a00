// A guest that is taken down while it stands still: it is made to go on, so that it hears its power button.
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { aVm, aVmi, type InstanceOverrides } from '../../../test/builders/guest.ts';
import { aJob, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import type { VmiPhase } from '../api/kubevirt.ts';
import type { Deps } from '../deps.ts';
import { KubeClient } from '../kube/client.ts';
import { FakeClock } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { World } from '../world/world.ts';
import { Ladder } from './reconcile.ts';

const log = pino({ level: 'silent' });
const settings = { freezeForMs: 20_000, migrateWithinMs: 120_000, parkWithinMs: 30_000 };
const paused = (reason: string): InstanceOverrides => ({ conditions: [{ type: 'Paused', status: 'True', reason }] });
const deaf = { ...paused('PausedByUser'), deleted: true };

interface Case {
  readonly vmi?: InstanceOverrides;
  readonly phase?: VmiPhase;
  /** The job is over, or has gone, as Kubernetes deletes it before its virtual machine. */
  readonly job?: 'stopped' | 'gone';
  readonly machine?: 'lost' | 'gone';
  readonly answer?: KubeError;
}

function setUp({ vmi = deaf, phase = 'Running', job = 'stopped', machine, answer }: Case = {}) {
  const clock = new FakeClock(noon);
  const asked: string[] = [];
  const transport = {
    server: 'http://nowhere',
    request: ({ method, path }) => {
      asked.push(`${method} ${path.split('/').slice(-2).join('/')}`);
      return answer ? Promise.reject(answer) : Promise.resolve({ status: 200, headers: {}, body: {} });
    },
    stream: () => Promise.reject(new KubeError('no streams here', { kind: 'network' })),
    close: () => Promise.resolve(),
  } satisfies Transport;
  const client = new KubeClient(transport, { clock });
  const world = new World({ client, log, clock });
  const { nodes, jobs, vmis } = world.informers;
  const home = aMachine('pc-1', { labels: { 'idlewild.dev/presence': 'present' } });
  const taints = [{ key: 'idlewild.dev/lost', effect: 'NoExecute' as const }];
  if (machine !== 'gone') nodes.store.set(machine === 'lost' ? { ...home, spec: { ...home.spec, taints } } : home);
  const running = aJob('j').published().claimedBy('pc-1').created().started();
  if (job !== 'gone') jobs.store.set(running.finished('Stopped', { outcome: 'Failed' }).job);
  vmis.store.set(aVmi(aVm(running.job), phase, 'pc-1', vmi));
  const deps = { client, clock, log, registry: new Registry(), world, writer: {}, ledger: {} };
  const ladder = new Ladder(deps as unknown as Deps, settings);
  return { clock, asked, ladder, look: () => ladder.reconcile('default/j'), vmis, running };
}

const wake = 'PUT j-1/unpause';

describe('a guest that is taken down while it stands still', () => {
  it.each(['stopped', 'gone'] as const)('goes on to hear it, also when its job is %s', async (job) => {
    const { asked, ladder, look } = setUp({ job });
    expect(ladder.concerns('default/j')).toBe(true);
    expect(await look()).toEqual({ requeueAfterMs: 1_000 });
    expect(asked).toEqual([wake]);
  });

  it('is woken again while it is not awake, less and less often, and is then forgotten', async () => {
    const { clock, asked, ladder, look, vmis, running } = setUp({ answer: new KubeError('busy', { kind: 'server' }) });
    for (let second = 0; second < 30; second++) {
      await look();
      await look();
      await clock.advance(1_000);
    }
    expect([asked.length > 3, asked.length < 8]).toEqual([true, true]);
    vmis.store.set(aVmi(aVm(running.job), 'Running', 'pc-1', { deleted: true }));
    expect(await look()).toEqual({ requeueAfterMs: undefined });
    expect(ladder.concerns('default/j')).toBe(false);
  });

  it.each<[number, KubeError['kind'], string]>([
    [400, 'badRequest', 'No virt-handler on node pc-1 found'],
    [404, 'notFound', 'virtualmachineinstance "j-1" not found'],
    [409, 'conflict', 'VMI is not paused'],
    [503, 'server', 'the server is currently unable to handle the request'],
    [504, 'timeout', 'the server was unable to return a response in time'],
  ])('is looked at again soon when KubeVirt answers %d', async (status, kind, message) => {
    const { look } = setUp({ answer: new KubeError(message, { kind, status }) });
    expect(await look()).toEqual({ requeueAfterMs: 1_000 });
  });

  it('is not passed over when the operator has no right to wake it', async () => {
    const { look } = setUp({ answer: new KubeError('cannot update', { kind: 'forbidden', status: 403 }) });
    await expect(look()).rejects.toThrow('cannot update');
  });

  it.each<[string, Case]>([
    ['nobody takes it down', { vmi: paused('PausedByUser') }],
    ['it is awake', { vmi: { deleted: true } }],
    ['its disk cannot be written', { vmi: { ...paused('PausedIOError'), deleted: true } }],
    ['KubeVirt holds it for the last of a copy', { vmi: { ...paused('PausedByMigrationMonitor'), deleted: true } }],
    ['it has ended', { phase: 'Failed' }],
    ['its machine is lost', { machine: 'lost' }],
    ['its machine is gone', { machine: 'gone' }],
  ])('is left alone when %s', async (_what, given) => {
    const { asked, ladder, look } = setUp(given);
    expect(ladder.concerns('default/j')).toBe(false);
    await look();
    expect(asked).toEqual([]);
  });
});
