// What somebody with a thousand jobs can do to somebody with one, over many passes.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aJob, JobBuilder, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { matchingSettings } from '../../../test/builders/queue.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Node } from '../api/kubernetes.ts';
import { openAttempt } from '../model/job.ts';
import { poolOf } from '../model/pool.ts';
import { sizeOf } from '../queue/floor.ts';
import { Register } from '../queue/register.ts';
import { matchJobs } from './decide.ts';
import { Verdicts } from './verdicts.ts';

const inNamespace = (job: ComputeJob, namespace: string): ComputeJob => ({
  ...job,
  metadata: { ...job.metadata, namespace, uid: `${namespace}-${job.metadata.name}` },
});
const flood = Array.from({ length: 1_000 }, (_, n) => inNamespace(aJob(`m${n}`).published(-1).job, 'many'));

/** A queue that is told what changes, as the operator's is. Minutes are counted from noon. */
class Queue {
  readonly #nodes: readonly Node[];
  readonly #verdicts = new Verdicts();
  readonly #running = new Map<string, ComputeJob>();
  readonly #register = new Register({
    ...matchingSettings,
    ...{ highest: 'Urgent', halfLifeMs: 24 * 3_600_000, aheadMs: 60_000 },
    ...{ restartsPerRoom: 4, batchMs: 5_000, windowMs: 120_000 },
  });

  constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  set(job: ComputeJob, minute: number): void {
    const key = `${job.metadata.namespace}/${job.metadata.name}`;
    this.#register.set(key, job, noon + minute * 60_000);
    if (openAttempt(job)) this.#running.set(key, job);
    else this.#running.delete(key);
  }

  /** Jobs that are over stay: what they used counts. @returns whether a machine is free by that. */
  end(minute: number, lastsMinutes: (job: ComputeJob) => number): boolean {
    const nowMs = noon + minute * 60_000;
    const over = [...this.#running.values()].filter(
      (job) => Date.parse(openAttempt(job)?.claimed ?? '') + lastsMinutes(job) * 60_000 <= nowMs,
    );
    for (const job of over) this.set(new JobBuilder(job).finished('Completed', { at: minute * 60 }).job, minute);
    return over.length > 0;
  }

  /** Names of the jobs that have a machine now and had none before. */
  pass(minute: number): string[] {
    const nowMs = noon + minute * 60_000;
    const pool = poolOf({ nodes: this.#nodes, jobs: [...this.#running.values()], vms: [], vmis: [], migrations: [] });
    const { line, usage, losses } = this.#register;
    const { claims } = matchJobs({
      ...{ pool, line, losses, nowMs, verdicts: this.#verdicts, settings: matchingSettings },
      ...{ blocked: new Map(), promised: [], isSilent: () => false, endOf: ({ endsAtMs }) => endsAtMs },
      shares: {
        usageOf: (namespace) => usage.of(namespace, nowMs),
        weightOf: () => 1,
        ...{ pool: sizeOf(pool), aheadMs: 60_000 },
      },
    });
    return claims.map(({ waiter: { job }, node }) => {
      this.set(new JobBuilder(job).claimedBy(node, { at: minute * 60 }).job, minute);
      return job.metadata.name;
    });
  }
}

describe('a namespace with a thousand jobs', () => {
  it('delays the first job of another by no more than the rest of the job on the machine that frees first', () => {
    const world = fc.record({
      machines: fc.integer({ min: 1, max: 6 }),
      minutes: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 6, maxLength: 12 }),
      // The flood has the pool by then; of two who come to an empty one at the same time, the older job goes first.
      arrives: fc.integer({ min: 1, max: 10 }),
    });
    fc.assert(
      fc.property(world, ({ machines, minutes, arrives }) => {
        const lasts = ({ metadata: { name } }: ComputeJob): number =>
          minutes[Number(name.slice(1)) % minutes.length] ?? 1;
        const queue = new Queue(Array.from({ length: machines }, (_, n) => aMachine(`pc-${n}`, { cores: 1 })));
        for (const job of flood) queue.set(job, 0);
        for (let minute = 0; minute <= 60; minute++) {
          const freed = queue.end(minute, lasts);
          if (minute === arrives) queue.set(inNamespace(aJob('first').published(minute * 60).job, 'one'), minute);
          if (!freed && minute !== arrives && minute !== 0) continue;
          const claimed = queue.pass(minute);
          // Whoever comes when a machine is given away has it.
          if (minute >= arrives && claimed.length > 0) {
            expect(claimed).toContain('first');
            return;
          }
        }
        throw new Error('the first job of the other namespace never started');
      }),
      { numRuns: 60 },
    );
  });
});
