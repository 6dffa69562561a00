// What somebody with a thousand jobs can do to somebody with one, over many passes.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aJob, JobBuilder, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { passOver } from '../../../test/builders/queue.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { openAttempt } from '../model/job.ts';

const inNamespace = (job: ComputeJob, namespace: string): ComputeJob => ({
  ...job,
  metadata: { ...job.metadata, namespace, uid: `${namespace}-${job.metadata.name}` },
});

describe('a namespace with a thousand jobs', () => {
  it('delays the first job of another by no more than the rest of the job on the machine that frees first', () => {
    const world = fc.record({
      machines: fc.integer({ min: 1, max: 6 }),
      minutes: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 6, maxLength: 12 }),
      arrives: fc.integer({ min: 0, max: 10 }),
    });
    fc.assert(
      fc.property(world, ({ machines, minutes, arrives }) => {
        const nodes = Array.from({ length: machines }, (_, n) => aMachine(`pc-${n}`, { cores: 1 }));
        const lasts = (name: string): number => minutes[Number(name.slice(1)) % minutes.length] ?? 1;
        let jobs = Array.from({ length: 1000 }, (_, n) => inNamespace(aJob(`m${n}`).published(-1).job, 'many'));
        let firstFree: number | undefined;
        for (let minute = 0; minute <= 60; minute++) {
          const nowS = minute * 60;
          // Jobs that are over stay in the API: what they used counts.
          jobs = jobs.map((job) => {
            const attempt = openAttempt(job);
            const endsMs = Date.parse(attempt?.claimed ?? '') + lasts(job.metadata.name) * 60_000;
            return attempt && endsMs <= noon + nowS * 1000
              ? new JobBuilder(job).finished('Completed', { at: nowS }).job
              : job;
          });
          if (minute === arrives) jobs.push(inNamespace(aJob('first').published(nowS).job, 'one'));
          const { claimed } = passOver(nodes, jobs, { nowS });
          if (minute >= arrives && Object.keys(claimed).length > 0) firstFree ??= minute;
          if (claimed.first !== undefined) {
            expect(minute).toBe(firstFree);
            return;
          }
          jobs = jobs.map((job) => {
            const node = claimed[job.metadata.name];
            if (node === undefined) return job;
            const { namespace = '', name } = job.metadata;
            return inNamespace(aJob(name).published(-1).claimedBy(node, { at: nowS }).job, namespace);
          });
        }
        throw new Error('the first job of the other namespace never started');
      }),
      { numRuns: 3 },
    );
  });
});
