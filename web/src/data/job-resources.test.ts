import { describe, expect, it } from '@jest/globals';
import type { JobResources } from '@idlewild/operator/portal/schemas.ts';
import { aJob, at, noon } from '../../../test/builders/job.ts';
import { accountOf, resourceRows } from './job-resources.ts';

const asked = aJob('a', { resources: { cores: 2, memory: '4Gi', disk: '10Gi', gpus: 1 } });
const running = asked.published().claimedBy('pc-1', { at: 0 }).started(10);

describe('what a job asked for and uses', () => {
  it('is told with the figures that were measured, and with none other', () => {
    const told: JobResources = {
      given: { cores: 2, memoryMiB: 4096, overheadMiB: 300 },
      used: { cores: 1.5, memoryMiB: 2198, at: at(0), windowSeconds: 15.2 },
      unknown: {},
    };
    const [cores, memory, disk, gpus] = resourceRows(running.job, told);
    expect(cores).toMatchObject({ asked: '2', given: { text: '2' }, share: 0.75 });
    expect(cores?.used).toMatchObject({ text: expect.stringMatching(/^1\.50 \(at .*, over 15 s\)$/) });
    expect(memory).toMatchObject({ asked: '4 GiB', given: { text: '4 GiB and 300 MiB for running it' }, share: 0.5 });
    expect(disk).toMatchObject({
      asked: '10 GiB',
      given: { unknown: true },
      used: { why: 'only the guest itself could tell' },
    });
    expect(gpus).toMatchObject({ asked: '1', used: { unknown: true } });
  });

  it('is unknown where nobody tells, and says why', () => {
    const told: JobResources = { given: { cores: 2 }, unknown: { used: 'no metrics server' } };
    const [cores, memory] = resourceRows(running.job, told);
    expect(cores).toEqual({
      what: 'Cores',
      asked: '2',
      given: { text: '2' },
      used: { unknown: true, why: 'no metrics server' },
    });
    expect(memory).toMatchObject({ given: { unknown: true, why: 'KubeVirt does not say' } });
    for (const { given, used } of resourceRows(running.job, undefined).slice(0, 2)) {
      expect([given, used]).toEqual(Array(2).fill({ unknown: true, why: 'not asked yet' }));
    }
  });
});

describe('what a job has used', () => {
  it('is nothing before it had a machine', () => {
    expect(accountOf(asked.published().job, noon)).toEqual([{ what: 'Core time charged', text: 'none so far' }]);
  });

  it('counts the attempt that has a machine now, but for the time in which it stood still', () => {
    const still = running.with({ ...running.job.status, ladder: { since: at(540), frozen: at(540) } });
    expect(accountOf(still.job, noon + 600_000)).toEqual([
      {
        what: 'This attempt so far',
        text: '18 min of core time in 10 min; stood still for 1 min of it, which is not charged',
      },
    ]);
  });

  it('is what the ledger has charged for what is over, and what the lab took away beside it', () => {
    const { job } = running
      .ended('MachineLost', { at: 120 })
      .claimedBy('pc-2', { at: 130 })
      .finished('Completed', { at: 190 });
    expect(accountOf(job, noon + 900_000)).toEqual([
      { what: 'Core time charged', text: '2 min, of 2 attempts that are over' },
      { what: 'Memory charged', text: '0.07 GiB hours' },
      { what: 'Core time lost, not charged', text: '4 min' },
    ]);
  });
});
