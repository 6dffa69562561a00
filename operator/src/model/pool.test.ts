// What of each machine counts as taken.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, noon, type JobBuilder } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { needsOfJob, needsOfVm, overheadMiB } from './capacity.ts';
import { machineOf } from './machine.ts';
import { poolOf, type Objects } from './pool.ts';

const job = aJob('j', { resources: { cores: 2, memory: '1Gi', disk: '10Gi' } })
  .published()
  .claimedBy('pc-1');
const vm = aVm(job.job);
const needs = needsOfJob(job.job.spec);

function taken(o: Partial<Objects>): Record<string, unknown> {
  const nodes = ['pc-1', 'pc-2'].map((name) => aMachine(name));
  return Object.fromEntries(poolOf({ nodes, jobs: [], vms: [], vmis: [], migrations: [], ...o }).taken);
}

describe('of a machine is taken', () => {
  it.each<[string, Partial<Objects>, Record<string, unknown>]>([
    ['nothing without guests', {}, {}],
    ['what a claim needs before anything is made for it', { jobs: [job.job] }, { 'pc-1': needs }],
    ['no more once the virtual machine is there', { jobs: [job.job], vms: [vm] }, { 'pc-1': needs }],
    [
      'where the guest is, not where it was claimed',
      { jobs: [job.job], vms: [vm], vmis: [aVmi(vm, 'Running', 'pc-2')] },
      { 'pc-2': needs },
    ],
    ['what a guest without a job takes', { vms: [vm], vmis: [aVmi(vm, 'Running', 'pc-2')] }, { 'pc-2': needs }],
    [
      'what is left of the guest of a job that somebody’s finalizer keeps',
      { jobs: [job.beingDeleted().job], vms: [aVm(job.job, { deleted: true })], vmis: [aVmi(vm, 'Running', 'pc-2')] },
      { 'pc-2': needs },
    ],
    ['nothing by such a job once its guest is gone', { jobs: [job.beingDeleted().job] }, {}],
    ['nothing by a guest that has ended', { jobs: [job.job], vms: [vm], vmis: [aVmi(vm, 'Succeeded', 'pc-1')] }, {}],
    [
      'both ends of a migration',
      {
        jobs: [job.job],
        vms: [vm],
        vmis: [aVmi(vm, 'Running', 'pc-1')],
        migrations: [aMigration(vm, 'pc-2', 'Scheduling')],
      },
      { 'pc-1': needs, 'pc-2': needs },
    ],
    [
      'only one end of a migration that is over',
      {
        jobs: [job.job],
        vms: [vm],
        vmis: [aVmi(vm, 'Running', 'pc-1')],
        migrations: [aMigration(vm, 'pc-2', 'Failed')],
      },
      { 'pc-1': needs },
    ],
  ])('%s', (_name, objects, expected) => {
    expect(taken(objects)).toEqual(expected);
  });
});

describe('the needs of a guest', () => {
  it('are the same read from the job and from its virtual machine', () => {
    expect(needsOfVm(vm)).toEqual(needs);
  });

  it('hold the overhead that KubeVirt asks for', () => {
    // Of the guest's container 296 MiB were seen for 2 GiB, two vCPUs and a screen, and 35 MB of the one for its log.
    const seen = overheadMiB({ cores: 2, memoryMiB: 2048, graphics: true, gpus: 0, architecture: 'amd64' });
    expect(seen).toBeGreaterThanOrEqual(296 + 35e6 / 2 ** 20);
    expect(seen).toBeLessThan(345);
    expect(overheadMiB({ cores: 2, memoryMiB: 2048, graphics: false, gpus: 0, architecture: 'amd64' })).toBe(seen - 32);
    expect(overheadMiB({ cores: 2, memoryMiB: 2048, graphics: true, gpus: 0, architecture: 'arm64' })).toBe(seen + 128);
    expect(overheadMiB({ cores: 2, memoryMiB: 2048, graphics: true, gpus: 2, architecture: 'amd64' })).toBe(
      seen + 1024,
    );
  });
});

describe('the guests of a machine', () => {
  const guestsOn = (node: string, o: Partial<Objects>) => {
    const nodes = ['pc-1', 'pc-2'].map((name) => aMachine(name));
    return poolOf({ nodes, jobs: [], vms: [], vmis: [], migrations: [], ...o }).guests.get(node) ?? [];
  };
  const spec = { walltime: '1h', priority: 'High' } as const;
  const urgent = aJob('u', spec).published().claimedBy('pc-1', { at: 60 });

  it('have a job, a rank, and an end where the walltime tells it: from the last moment in which it may start, then from the start', () => {
    const from = (job: JobBuilder) => guestsOn('pc-1', { jobs: [job.job] })[0];
    expect(from(urgent)).toMatchObject({
      key: 'default/u-1',
      job: 'default/u',
      priority: 2,
      endsAtMs: noon + 60_000 + 300_000 + 3_600_000,
    });
    expect(from(urgent.started(100))?.endsAtMs).toBe(noon + 3_700_000);
    expect(from(job)).not.toHaveProperty('endsAtMs');
  });

  it('are on both machines while they move, in the order of their keys', () => {
    const objects = {
      jobs: [job.job, urgent.job],
      vms: [vm],
      vmis: [aVmi(vm, 'Running', 'pc-2')],
      migrations: [aMigration(vm, 'pc-1', 'Running')],
    };
    expect(guestsOn('pc-1', objects).map(({ key }) => key)).toEqual(['default/j-1', 'default/u-1']);
    expect(guestsOn('pc-2', objects).map(({ key }) => key)).toEqual(['default/j-1']);
  });

  it('count without a virtual machine, and where they are pinned when nobody claims them any more', () => {
    const vmi = aVmi(vm, 'Running', 'pc-2');
    expect(guestsOn('pc-2', { vmis: [vmi] })).toMatchObject([{ key: 'default/j-1', job: 'default/j', needs }]);
    const ended = job.ended('StartFailed').job;
    expect(guestsOn('pc-1', { jobs: [ended], vms: [vm] })).toMatchObject([{ key: 'default/j-1', needs }]);
    expect(guestsOn('pc-1', { jobs: [ended], vms: [aVm(job.job, { deleted: true })] })).toEqual([]);
    const off = { ...vm, spec: { ...vm.spec, runStrategy: 'Halted' as const } };
    expect(guestsOn('pc-1', { jobs: [ended], vms: [off] })).toEqual([]);
    expect(guestsOn('pc-1', { jobs: [job.job], vms: [off] })).toHaveLength(1);
  });

  it('count where a launcher still holds their memory after they have ended', () => {
    const over = { jobs: [job.job], vms: [vm], vmis: [aVmi(vm, 'Succeeded', 'pc-1')] };
    expect(guestsOn('pc-1', over)).toEqual([]);
    expect(guestsOn('pc-1', { ...over, launchers: [aPod(vm, 'pc-1')] })).toMatchObject([
      { key: 'default/j-1', needs, endsAtMs: 0 },
    ]);
    expect(guestsOn('pc-1', { ...over, launchers: [aPod(vm, 'pc-1', { phase: 'Succeeded' })] })).toEqual([]);
    expect(guestsOn('pc-1', { ...over, launchers: [aPod(vm, 'pc-1', { phase: 'Failed' })] })).toEqual([]);
    expect(guestsOn('pc-1', { ...over, launchers: [aPod(vm, undefined, { phase: 'Pending' })] })).toEqual([]);
  });

  it('count at the source of a move until its launcher has ended', () => {
    const moved = { jobs: [job.job], vms: [vm], vmis: [aVmi(vm, 'Running', 'pc-2')] };
    const launchers = [aPod(vm, 'pc-1'), aPod(vm, 'pc-2')];
    expect(guestsOn('pc-1', { ...moved, launchers }).map(({ key }) => key)).toEqual(['default/j-1']);
    expect(guestsOn('pc-1', { ...moved, launchers: launchers.slice(1) })).toEqual([]);
  });

  it('take their share of graphics memory and processors', () => {
    const resources = { cores: 2, memory: '1Gi', graphicsMemory: '64Mi', gpus: 2 };
    const seeing = aJob('s', { resources }).published().claimedBy('pc-1').job;
    expect(needsOfJob(seeing.spec)).toMatchObject({ graphicsMiB: 64, gpus: 2 });
    expect(needsOfVm(aVm(seeing))).toEqual(needsOfJob(seeing.spec));
  });
});

describe('a machine', () => {
  it('that lends nonsense lends nothing', () => {
    const labels = { 'idlewild.dev/lend-cores': 'many', 'idlewild.dev/lend-memory-mib': '-1' };
    expect(machineOf(aMachine('pc', { labels })).offer).toEqual({
      cores: 0,
      memoryMiB: 0,
      diskMiB: 20480,
      graphicsMiB: 0,
      gpus: 0,
    });
  });

  it.each(['{', '[]', '{"since":5}', '{"since":"long ago"}', '{"since":"+012345-01-01T00:00:00Z"}'])(
    'whose offer says %s has no known beginning',
    (offer) => {
      const node = aMachine('pc');
      node.metadata.annotations = { 'idlewild.dev/offer': offer };
      expect(machineOf(node).since).toBeUndefined();
    },
  );

  it.each(['2026-01-02', '2026-01-02T00:00Z', '2 January 2026 00:00 UTC', '2026-01-01T24:00:00Z'])(
    'that lends since "%s", as somebody wrote by hand, says so in a form that the API server takes',
    (since) => {
      expect(machineOf(aMachine('pc', { since })).since).toBe('2026-01-02T00:00:00.000Z');
    },
  );
});
