// ComputeJobs for tests, built with the very transitions that the operator uses: aJob('render').published().claimedBy('pc-1').

import type { ComputeJob, ComputeJobSpec } from '@idlewild/operator/api/compute-job.ts';
import type { Interruption } from '@idlewild/operator/model/job.ts';
import type { AttemptEnd, EvacuationReason } from '@idlewild/operator/model/reasons.ts';
import * as status from '@idlewild/operator/model/status.ts';

export type SpecOverrides = Partial<Omit<ComputeJobSpec, 'resources' | 'retries' | 'interruption'>> & {
  readonly resources?: Partial<ComputeJobSpec['resources']>;
  readonly retries?: Partial<ComputeJobSpec['retries']>;
  readonly interruption?: Partial<ComputeJobSpec['interruption']>;
};

/** Everything in tests happens around this moment. */
export const noon = Date.parse('2026-01-01T12:00:00Z');

/** RFC 3339 of `seconds` after noon. */
export function at(seconds: number): string {
  return new Date(noon + seconds * 1000).toISOString();
}

export class JobBuilder {
  readonly job: ComputeJob;

  constructor(job: ComputeJob) {
    this.job = job;
  }

  with(next: ComputeJob['status']): JobBuilder {
    return new JobBuilder({ ...this.job, ...(next ? { status: next } : {}) });
  }

  published(seconds = 0): JobBuilder {
    return this.with(status.published(this.job, { id: 'abcd1234', at: at(seconds) }));
  }

  claimedBy(node: string, o: { at?: number; runnersUp?: readonly string[] } = {}): JobBuilder {
    const subscribers = [node, ...(o.runnersUp ?? [])].map((name) => ({ node: name }));
    const claim = { node, subscribers, reason: 'FirstReady', message: `${node} was first`, at: at(o.at ?? 0) } as const;
    return this.with(status.claimed(this.job, claim));
  }

  created(seconds = 0): JobBuilder {
    return this.with(status.starting(this.job, { created: at(seconds), at: at(seconds) }));
  }

  started(seconds = 0): JobBuilder {
    return this.with(status.started(this.job, { at: at(seconds), reachable: 'the serial console answers' }));
  }

  ended(reason: AttemptEnd, o: { at?: number; failure?: boolean } = {}): JobBuilder {
    const end = { at: at(o.at ?? 0), reason, message: `ended: ${reason}`, failure: o.failure ?? false };
    return this.with(status.attemptEnded(this.job, end));
  }

  finished(reason: AttemptEnd, o: { at?: number; outcome?: 'Succeeded' | 'Failed' } = {}): JobBuilder {
    const seconds = o.at ?? 0;
    const outcome = o.outcome ?? 'Succeeded';
    return this.ended(reason, { at: seconds }).with(
      status.finished(this.ended(reason, { at: seconds }).job, { outcome, reason, message: 'over', at: at(seconds) }),
    );
  }

  /** The condition Interrupted, and nothing else. */
  told(reason: EvacuationReason, o: { at?: number; active?: boolean } = {}): JobBuilder {
    const told = { active: o.active ?? true, reason, message: `told: ${reason}`, at: at(o.at ?? 0) };
    return this.with(status.interrupted(this.job, told));
  }

  /** One more line in the ledger. */
  ledger(entry: Interruption): JobBuilder {
    return this.with(status.recorded(this.job, entry));
  }

  beingDeleted(): JobBuilder {
    return new JobBuilder({ ...this.job, metadata: { ...this.job.metadata, deletionTimestamp: at(0) } });
  }
}

export function aJob(name: string, spec: SpecOverrides = {}): JobBuilder {
  const { resources, retries, interruption, ...rest } = spec;
  return new JobBuilder({
    apiVersion: 'idlewild.dev/v1alpha1',
    kind: 'ComputeJob',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: at(0),
    },
    spec: {
      mode: 'Batch',
      architecture: 'amd64',
      image: { containerDisk: 'lab/tiny' },
      script: 'echo hello',
      console: 'Serial',
      network: 'Isolated',
      startDeadline: '5m',
      priority: 'Normal',
      ...rest,
      resources: { cores: 1, memory: '128Mi', gpus: 0, ...resources },
      retries: { limit: 2, when: ['StartFailed'], ...retries },
      interruption: { exclusive: true, ownerReturns: 'Migrate', ...interruption },
    },
  });
}
