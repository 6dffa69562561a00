// What the queue keeps of all jobs is the same however it came about.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aJob, JobBuilder, noon } from '../../../test/builders/job.ts';
import { matchingSettings } from '../../../test/builders/queue.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Namespace } from '../api/kubernetes.ts';
import { Register } from './register.ts';

const settings = {
  ...matchingSettings,
  ...{ highest: 'Urgent' as const, halfLifeMs: 24 * 3_600_000, aheadMs: 60_000 },
  ...{ restartsPerRoom: 4, batchMs: 5_000, windowMs: 120_000 },
};
const laterMs = noon + 3_600_000;

function inNamespace(job: ComputeJob, namespace: string, uid: string): ComputeJob {
  return { ...job, metadata: { ...job.metadata, namespace, uid, generation: 1 } };
}
const keyOf = ({ metadata }: ComputeJob): string => `${metadata.namespace}/${metadata.name}`;
const aNamespace = (name: string, labels: Record<string, string>): Namespace => ({ metadata: { name, labels } });

const stopped = ({ job }: JobBuilder) => new JobBuilder({ ...job, spec: { ...job.spec, stop: true } });
const states: readonly ((job: JobBuilder) => JobBuilder)[] = [
  (job) => job,
  (job) => job.published(1),
  (job) => job.published(1).claimedBy('pc-1', { at: 2 }),
  (job) => job.published(1).claimedBy('pc-1', { at: 2 }).ended('MachineLost', { at: 60 }),
  (job) => job.published(1).claimedBy('pc-1', { at: 2 }).ended('StartFailed', { at: 60, failure: true }),
  (job) =>
    job.published(1).claimedBy('pc-1', { at: 2 }).ended('ScriptFailed', { at: 60 }).claimedBy('pc-2', { at: 90 }),
  (job) => job.published(1).claimedBy('pc-1', { at: 2 }).finished('Completed', { at: 60 }),
  (job) => stopped(job.published(1)),
  (job) => stopped(job.published(1).claimedBy('pc-1', { at: 2 })),
];

interface Step {
  readonly name: number;
  readonly namespace: 'a' | 'b';
  readonly state: number;
  readonly incarnation: number;
  readonly urgent: boolean;
}

function jobOf({ name, namespace, state, incarnation, urgent }: Step): ComputeJob {
  const spec = urgent ? ({ priority: 'Urgent' } as const) : {};
  const { job } = (states[state] ?? states[0])?.(new JobBuilder(aJob(`j${name}`, spec).job)) ?? aJob('never');
  return inNamespace(job, namespace, `${namespace}-${name}-${incarnation}`);
}

function seen(register: Register): unknown {
  return {
    line: [0, 1, 2, 3].map((rank) =>
      [...register.line.queues(rank)].map(([name, queue]) => [name, queue.map(({ key }) => key)]).sort(),
    ),
    running: [...register.running.keys()].sort(),
    noticed: [...register.noticed.keys()].sort(),
    waits: [...register.line.values()]
      .map(({ key, retryAtMs, job }) => [key, retryAtMs, register.losses.notBefore(job)])
      .sort(),
    usage: ['a', 'b'].map((name) => {
      const { cores, memoryMiB } = register.usage.of(name, laterMs);
      return [Math.round(cores), Math.round(memoryMiB / 1000)];
    }),
  };
}

describe('the register', () => {
  it('is the same after any changes as one that is told of the outcome alone', () => {
    const step = fc.record<Step>({
      name: fc.integer({ min: 0, max: 5 }),
      namespace: fc.constantFrom('a', 'b'),
      state: fc.integer({ min: 0, max: states.length - 1 }),
      incarnation: fc.constant(1),
      urgent: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, held) => {
        const policy = aNamespace('a', held ? { 'idlewild.dev/max-priority': 'Low', 'idlewild.dev/weight': '7' } : {});
        const grown = new Register(settings);
        const now = new Map<string, ComputeJob>();
        steps.forEach((each, index) => {
          const job = jobOf(each);
          now.set(keyOf(job), job);
          grown.set(keyOf(job), job, laterMs);
          if (index === steps.length >> 1) grown.setNamespace('a', policy);
        });
        grown.setNamespace('a', policy);
        const made = new Register(settings);
        made.setNamespace('a', policy);
        for (const [key, job] of now) made.set(key, job, laterMs);
        expect(seen(grown)).toEqual(seen(made));
      }),
      { numRuns: 200 },
    );
  });

  it('keeps nothing of a job that is gone but what it used', () => {
    const register = new Register(settings);
    const used = (): number => Math.round(register.usage.of('a', laterMs).cores);
    const ended = jobOf({ name: 1, namespace: 'a', state: 6, incarnation: 1, urgent: false });
    const waiting = jobOf({ name: 2, namespace: 'a', state: 3, incarnation: 1, urgent: false });
    for (const job of [ended, waiting]) register.set(keyOf(job), job, laterMs);
    const before = used();
    expect(before).toBeGreaterThan(0);
    for (const job of [ended, waiting]) register.set(keyOf(job), undefined, laterMs);
    expect([register.line.size, register.running.size, used()]).toEqual([0, 0, before]);
  });

  it('takes a job back into the line, and off the usage, when nothing came of what was assumed of it', () => {
    const register = new Register(settings);
    const waiting = jobOf({ name: 1, namespace: 'a', state: 1, incarnation: 1, urgent: false });
    const claimed = jobOf({ name: 1, namespace: 'a', state: 2, incarnation: 1, urgent: false });
    register.set('a/j1', waiting, laterMs);
    const before = seen(register);
    register.assume(claimed);
    expect([register.line.size, register.usage.inUse('a').cores]).toEqual([0, waiting.spec.resources.cores]);
    register.set('a/j1', waiting, laterMs);
    expect(seen(register)).toEqual(before);
  });

  it('takes another job of the same name for another job', () => {
    const register = new Register(settings);
    const job = (incarnation: number, state: number): ComputeJob =>
      jobOf({ name: 1, namespace: 'a', state, incarnation, urgent: false });
    register.set('a/j1', job(1, 2), laterMs);
    expect([...register.running.keys()]).toEqual(['a/j1']);
    register.set('a/j1', job(2, 1), laterMs);
    expect([register.running.size, register.line.get('a/j1')?.uid]).toEqual([0, 'a-1-2']);
  });

  it('grows its version when the line changes, and not when a job only says in other words why it waits', () => {
    const register = new Register(settings);
    const job = jobOf({ name: 1, namespace: 'a', state: 1, incarnation: 1, urgent: false });
    register.set('a/j1', job, laterMs);
    const { version } = register;
    register.set('a/j1', { ...job, status: { ...job.status, message: 'other words' } }, laterMs);
    expect(register.version).toBe(version);
    register.setNamespace('a', aNamespace('a', { 'idlewild.dev/max-priority': 'Low' }));
    expect(register.version).toBeGreaterThan(version);
    expect(register.line.get('a/j1')?.rank).toBe(0);
  });
});
