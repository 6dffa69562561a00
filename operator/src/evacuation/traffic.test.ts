// Who is on the way, and what was decided a moment ago.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aVm, aVmi, type MigrationOverrides } from '../../../test/builders/guest.ts';
import { aJob, noon } from '../../../test/builders/job.ts';
import type { MigrationPhase, VirtualMachineInstance, VirtualMachineInstanceMigration } from '../api/kubevirt.ts';
import { Promises } from '../world/promises.ts';
import { Traffic } from './traffic.ts';

const { job } = aJob('j').published().claimedBy('pc-1');
const vm = aVm(job);
const key = 'default/j';

function setUp(vmi: VirtualMachineInstance | undefined = aVmi(vm, 'Running', 'pc-1')) {
  const promises = new Promises();
  const traffic = new Traffic((name) => (name === 'default/j-1' ? vmi : undefined), promises);
  const saw = (type: 'added' | 'updated' | 'deleted', object: VirtualMachineInstanceMigration): void =>
    traffic.saw({ type, object }, key);
  return { traffic, promises, saw };
}
const move = (phase: MigrationPhase, o: MigrationOverrides = {}) => aMigration(vm, 'pc-2', phase, o);
const needs = { cores: 1, memoryMiB: 400, diskMiB: 0, graphicsMiB: 0, gpus: 0 };
const departure = { attempt: 1, instance: 'default/j-1', from: 'pc-1', sinceMs: noon };
const promise = { job: key, guest: 'default/j-1', to: 'pc-2', needs, departure };

describe('guests on their way', () => {
  it('are those whose migration has not ended', () => {
    const { traffic, saw } = setUp();
    saw('added', move('Scheduling'));
    const expected = { instance: 'default/j-1', migration: 'default/j-1-m1', from: 'pc-1', to: 'pc-2', sinceMs: noon };
    expect(traffic.moving(noon)).toEqual([expected]);
    saw('updated', move('Succeeded'));
    expect(traffic.moving(noon)).toEqual([]);
  });

  it('come from where they were, also once they have arrived', () => {
    const migrationState = { migrationUid: 'uid-j-1-m1', sourceNode: 'pc-1', targetNode: 'pc-2' };
    const { traffic, saw } = setUp(aVmi(vm, 'Running', 'pc-2', { migrationState }));
    saw('added', move('Running'));
    expect(traffic.moving(noon)).toMatchObject([{ from: 'pc-1', to: 'pc-2' }]);
  });

  it('are counted from the decision on, and once', () => {
    const { traffic, promises, saw } = setUp();
    const promised = promises.make({ kind: 'migration', ...promise });
    expect(traffic.moving(noon)).toMatchObject([{ from: 'pc-1', to: 'pc-2' }]);
    traffic.made(move('Pending'), noon);
    promises.fulfilled(promised);
    expect(traffic.moving(noon)).toHaveLength(1);
    saw('added', move('Pending'));
    expect(traffic.moving(noon + 60_000)).toHaveLength(1);
  });

  it('are not those that are made anew elsewhere', () => {
    const { traffic, promises } = setUp();
    promises.make({ kind: 'remaking', ...promise });
    expect(traffic.moving(noon)).toEqual([]);
  });

  it('are forgotten when nothing is ever heard of the migration that was made', () => {
    const { traffic } = setUp();
    traffic.made(move('Pending'), noon);
    expect(traffic.moving(noon + 29_000)).toHaveLength(1);
    expect(traffic.moving(noon + 30_000)).toEqual([]);
  });
});

describe('migrations that are gone', () => {
  it('are kept until they are recorded, with the end that they came to', () => {
    const { traffic, saw } = setUp();
    saw('deleted', move('Succeeded'));
    saw('deleted', move('Scheduling', { number: 2 }));
    expect(traffic.goneOf(key).map(({ status }) => status?.phase)).toEqual(['Succeeded', 'Failed']);
    expect(traffic.goneOf('default/other')).toEqual([]);
    traffic.forget('uid-j-1-m1');
    expect(traffic.goneOf(key)).toHaveLength(1);
  });

  it('are not kept when they moved no guest of ours, nor without end', () => {
    const { traffic, saw } = setUp();
    traffic.saw({ type: 'deleted', object: move('Failed') }, undefined);
    expect(traffic.goneOf(key)).toEqual([]);
    for (let number = 1; number <= 1_100; number++) saw('deleted', move('Failed', { number }));
    expect(traffic.goneOf(key)).toHaveLength(1_000);
    expect(traffic.goneOf(key)[0]?.metadata.name).toBe('j-1-m101');
  });
});
