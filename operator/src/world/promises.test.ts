// Room that is given away while the decision is still being written.
import { describe, expect, it } from '@jest/globals';
import { aVm } from '../../../test/builders/guest.ts';
import { aJob, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { freeOn, poolOf } from '../model/pool.ts';
import { Promises, type Promised } from './promises.ts';

const { job } = aJob('j').published().claimedBy('pc-1');
const objects = { nodes: [aMachine('pc-1', { cores: 4 }), aMachine('pc-2', { cores: 4 })], jobs: [job] };
const pool = poolOf({ ...objects, vms: [aVm(job)], vmis: [], migrations: [] });
const promised = (o: Partial<Promised> = {}): Promised => ({
  ...{ kind: 'claim', job: 'default/other', guest: 'default/other-1', to: 'pc-2' },
  ...{ needs: { cores: 1, memoryMiB: 0, diskMiB: 0, graphicsMiB: 0, gpus: 0 }, ...o },
});

function freeCores(promises: Promises, nowMs: number = noon): number[] {
  const applied = promises.applyTo(pool, nowMs);
  return applied.machines.map((machine) => freeOn(applied, machine).cores);
}

describe('a promise', () => {
  it('takes its room until it is fulfilled, withdrawn or void', () => {
    const promises = new Promises();
    const made = promises.make(promised());
    expect(freeCores(promises)).toEqual([3, 3]);
    promises.fulfilled(made);
    expect(freeCores(promises)).toEqual([3, 4]);
    promises.withdraw(promises.make(promised()));
    expect(freeCores(promises)).toEqual([3, 4]);
    promises.make(promised({ untilMs: noon + 1_000 }));
    expect(freeCores(promises, noon + 999)).toEqual([3, 3]);
    expect(freeCores(promises, noon + 1_000)).toEqual([3, 4]);
  });

  it('adds to what others were promised on the same machine', () => {
    const promises = new Promises();
    for (const name of ['x', 'y']) promises.make(promised({ job: `default/${name}`, guest: `default/${name}-1` }));
    expect(freeCores(promises)).toEqual([3, 2]);
  });

  it('counts no more once the pool shows the guest there', () => {
    const promises = new Promises();
    promises.make(promised({ job: 'default/j', guest: 'default/j-1', to: 'pc-1' }));
    expect(freeCores(promises)).toEqual([3, 4]);
  });

  it('takes the place of an earlier one of the same job, which then ends without a trace', () => {
    const promises = new Promises();
    let told = 0;
    promises.onWithdrawn(() => told++);
    const first = promises.make(promised({ kind: 'remaking' }));
    const second = promises.make(promised());
    promises.withdraw(first);
    expect([promises.of('default/other'), told]).toEqual([second, 0]);
    promises.withdraw(second);
    expect([promises.of('default/other'), told]).toEqual([undefined, 1]);
  });
});
