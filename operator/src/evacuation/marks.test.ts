// What a guest does whose request to leave stands although nobody wants it any more, and cannot be taken back.
import { describe, expect, it } from '@jest/globals';
import { anEvacuation } from '../../../test/builders/evacuation.ts';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';

/** A guest on `home`, which was drained and is open again. `answer`: of KubeVirt, to taking the mark back. */
function setUp({ present, answer }: { present: boolean; answer: KubeError | undefined }) {
  const asked: string[] = [];
  const home = aMachine('home', present ? { labels: { 'idlewild.dev/presence': 'present' } } : {});
  const transport = {
    server: 'http://nowhere',
    request: ({ method, path, body }) => {
      asked.push(`${method} ${path.split('/').slice(-2).join('/')}`);
      if (method === 'PUT' && answer) return Promise.reject(answer);
      if (method === 'GET') return Promise.resolve({ status: 200, headers: {}, body: home });
      return Promise.resolve({ status: 200, headers: {}, body: body ?? {} });
    },
    stream: () => Promise.reject(new KubeError('no streams here', { kind: 'network' })),
    close: () => Promise.resolve(),
  } satisfies Transport;
  const { clock, look } = anEvacuation({
    transport,
    perMachine: 2,
    fill: ({ nodes, jobs, vms, vmis }) => {
      for (const node of [home, aMachine('free')]) nodes.store.set(node);
      const { job } = aJob('j').published().claimedBy('home').created().started();
      const vm = aVm(job, { released: true });
      jobs.store.set(job);
      vms.store.set(vm);
      vmis.store.set(aVmi(vm, 'Running', 'home', { evacuate: 'home' }));
    },
  });
  return { clock, asked, look: () => look('default/j') };
}

const cancel = 'PUT evacuate/cancel';
const tooOld = new KubeError('404 page not found', { kind: 'notFound', status: 404 });

describe('a request to leave that nobody wants any more', () => {
  it('is taken back, which the instance will show', async () => {
    const { asked, look } = setUp({ present: false, answer: undefined });
    expect(await look()).toEqual({ requeueAfterMs: 2_000 });
    expect(asked).toEqual(['GET nodes/home', cancel]);
  });

  it('is asked to be taken back less and less often of a KubeVirt that cannot', async () => {
    const { clock, asked, look } = setUp({ present: false, answer: tooOld });
    for (let second = 0; second < 600; second++) {
      await look();
      await clock.advance(1_000);
    }
    const times = asked.filter((each) => each === cancel).length;
    expect([times > 5, times < 12]).toEqual([true, true]);
  });

  it('and cannot be taken back does not keep the guest on a machine whose owner is back', async () => {
    const { asked, look } = setUp({ present: true, answer: tooOld });
    expect(await look()).toEqual({ requeueAfterMs: 0 });
    await look();
    expect(asked).toEqual([
      'GET nodes/home',
      cancel,
      expect.stringMatching(/^POST .*virtualmachineinstancemigrations$/),
    ]);
  });
});
