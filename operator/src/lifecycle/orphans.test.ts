// Virtual machines without a job are left to the garbage collector first.
import { describe, expect, it } from '@jest/globals';
import { aVm } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import { collectorMs, OrphanWatch, orphansOf } from './orphans.ts';

const { job } = aJob('j').published().claimedBy('pc-1');
const vm = aVm(job);

describe('a virtual machine', () => {
  it.each([
    ['of a job that is there', [vm], job, 0],
    ['of a job that is gone', [vm], undefined, 1],
    ['of an earlier job of the same name', [vm], { ...job, metadata: { ...job.metadata, uid: 'another' } }, 1],
    ['that is being deleted', [aVm(job, { deleted: true })], undefined, 0],
    ['that names no job as its owner', [{ ...vm, metadata: { ...vm.metadata, ownerReferences: [] } }], undefined, 0],
  ])('%s: %#', (_name, vms, owner, count) => {
    expect(orphansOf(vms, owner)).toHaveLength(count);
  });

  it('without a job is left alone for a while, from when it was first seen', () => {
    const watch = new OrphanWatch();
    expect([watch.left('a/j', 1_000), watch.left('a/j', 1_000 + collectorMs - 1)]).toEqual([collectorMs, 1]);
    expect(watch.left('a/j', 1_000 + collectorMs)).toBe(0);
    watch.forget('a/j');
    expect(watch.left('a/j', 99_000)).toBe(collectorMs);
  });
});
