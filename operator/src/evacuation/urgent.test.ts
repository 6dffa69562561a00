// Guests that let others go first are looked at as soon as there is nobody left to go first.
import { describe, expect, it } from '@jest/globals';
import { anEvacuation } from '../../../test/builders/evacuation.ts';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { KubeError } from '../kube/errors.ts';
import { Traffic, type Moving } from './traffic.ts';

const nobody = { server: 'http://nowhere', request: refuse, stream: refuse, close: () => Promise.resolve() };

function refuse(): Promise<never> {
  return Promise.reject(new KubeError('nobody is to ask', { kind: 'badRequest' }));
}

class OneOnItsWay extends Traffic {
  override moving = (): Moving[] => [{ instance: 'default/third-1', from: 'short', sinceMs: noon }];
}

/** One guest has to leave `short`, from where another is on its way, at once; the other one `drained` when it can. */
function setUp() {
  const woken: string[] = [];
  const returned = { 'idlewild.dev/presence': 'present' };
  const short = aMachine('short', { labels: returned });
  const offer = JSON.stringify({ pressure: 'memory' });
  const pressed = { ...short, metadata: { ...short.metadata, annotations: { 'idlewild.dev/offer': offer } } };
  const { clock, caches, wakes, look } = anEvacuation({
    transport: nobody,
    perMachine: 1,
    TrafficOf: OneOnItsWay,
    onChance: (job) => woken.push(job),
    fill: ({ nodes, jobs, vms, vmis }) => {
      for (const node of [pressed, aMachine('drained', { cordoned: true }), aMachine('free')]) nodes.store.set(node);
      for (const [name, node] of [
        ['urgent', 'short'],
        ['other', 'drained'],
      ] as const) {
        const { job } = aJob(name, { resources: { cores: 1 } })
          .published()
          .claimedBy(node)
          .created()
          .started();
        const vm = aVm(job, { released: true });
        jobs.store.set(job);
        vms.store.set(vm);
        vmis.store.set(aVmi(vm, 'Running', node, node === 'drained' ? { evacuate: node } : {}));
      }
    },
  });
  return { clock, jobs: caches.jobs.store, look: (name: string) => look(`default/${name}`), wakes, woken };
}

describe('a guest that lets one go first which has to leave sooner', () => {
  it('is looked at again when that one has no need to any more', async () => {
    const { clock, jobs, look, wakes, woken } = setUp();
    await look('urgent');
    await look('other');
    expect(wakes.waiting).toBe(2);
    await clock.advance(5_000);
    expect(woken).toEqual([]);
    jobs.remove('default/urgent');
    await look('urgent');
    await clock.advance(1_000);
    expect(woken).toEqual(['default/other']);
    wakes.close();
  });
});
