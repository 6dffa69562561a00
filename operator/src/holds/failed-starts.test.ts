// What counts against a machine, and what was the job's own doing.
import { describe, expect, it } from '@jest/globals';
import type { ComputeJob } from '../api/compute-job.ts';
import { aJob, at, noon } from '../../../test/builders/job.ts';
import { FailedStarts } from './failed-starts.ts';

/** A job whose attempts did not start on these machines, one a second. */
function failing(name: string, nodes: readonly string[], o: { image?: string; ran?: boolean } = {}): ComputeJob {
  let job = aJob(name, { image: { containerDisk: o.image ?? `lab/${name}` } }).published();
  nodes.forEach((node, index) => {
    job = job.claimedBy(node, { at: index }).created(index);
    if (o.ran) job = job.with(poweredOn(job.job.status));
    job = job.ended('StartFailed', { at: index, failure: true });
  });
  return job.job;
}

function poweredOn(status: ComputeJob['status']): ComputeJob['status'] {
  const attempts = (status?.attempts ?? []).map((attempt) => ({ ...attempt, running: at(0) }));
  return { ...status, attempts };
}

const evidence = (starts: FailedStarts, node: string, nowMs = noon + 10_000) =>
  starts.on(node, nowMs).map((each) => [each.of, each.evidence]);

describe('failed starts', () => {
  it('are told of once, by the machine', () => {
    const starts = new FailedStarts();
    const job = failing('a', ['pc-1', 'pc-1']);
    expect(starts.saw(job, noon + 10_000)).toEqual(['pc-1', 'pc-1']);
    expect(starts.saw(job, noon + 10_000)).toEqual([]);
    expect(evidence(starts, 'pc-1')).toEqual([
      ['uid-a/1', true],
      ['uid-a/2', true],
    ]);
    expect(evidence(starts, 'pc-2')).toEqual([]);
  });

  it.each<[string, ComputeJob[]]>([
    ['the job failed on another machine as well', [failing('a', ['pc-1', 'pc-2'])]],
    [
      'the image failed on another machine as well',
      [failing('a', ['pc-1'], { image: 'x' }), failing('b', ['pc-2'], { image: 'x' })],
    ],
    ['the guest had been powered on', [failing('a', ['pc-1'], { ran: true })]],
  ])('are no evidence when %s', (_name, jobs) => {
    const starts = new FailedStarts();
    for (const job of jobs) starts.saw(job, noon + 10_000);
    expect(evidence(starts, 'pc-1')).toEqual([['uid-a/1', false]]);
  });

  it('are forgotten after an hour, also by those that they spoke for', () => {
    const starts = new FailedStarts();
    starts.saw(failing('a', ['pc-2'], { image: 'x' }), noon + 1_000);
    const later = aJob('b', { image: { containerDisk: 'x' } })
      .published()
      .claimedBy('pc-1', { at: 4000 });
    const job = later.ended('StartFailed', { at: 4000, failure: true }).job;
    expect(starts.saw(job, noon + 4_000_000)).toEqual(['pc-1']);
    expect(evidence(starts, 'pc-1', noon + 4_000_000)).toEqual([['uid-b/1', true]]);
    expect(evidence(starts, 'pc-2', noon + 4_000_000)).toEqual([]);
    expect(starts.saw(failing('old', ['pc-3']), noon + 4_000_000)).toEqual([]);
  });

  it('are only those: attempts that ended otherwise do not count', () => {
    const starts = new FailedStarts();
    const job = aJob('a').published().claimedBy('pc-1').ended('MachineLost').claimedBy('pc-1').job;
    expect(starts.saw(job, noon)).toEqual([]);
  });
});
