// Jobs that somebody changes: by their spec, or by the hand of an admin in their status.
import { describe, expect, it } from '@jest/globals';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, at, JobBuilder, noon } from '../../../test/builders/job.ts';
import * as status from '../model/status.ts';
import { decideLifecycle, nothingRead, type LifecycleDecision, type LifecycleInput } from './decide.ts';

const settings = { lingerMs: 60_000, slowStartMs: 10_000, standstillMs: 600_000 };

function decide({ job }: JobBuilder, o: Partial<LifecycleInput> = {}): LifecycleDecision[] {
  const guest = o.guest ?? { pods: [], migrations: [] };
  const vms = guest.vm ? [guest.vm] : [];
  const rest = { console: nothingRead, machineLost: false, nowMs: noon + 1_000, settings };
  return decideLifecycle({ job, vms, vmis: [], ...rest, ...o, guest });
}

/** Its user has changed something in the spec. */
function changed({ job }: JobBuilder, spec: object = {}): JobBuilder {
  const own = { ...job, metadata: { ...job.metadata, generation: 2 }, spec: { ...job.spec, ...spec } };
  return new JobBuilder(own);
}

const waiting = aJob('j').published();
const claimed = waiting.claimedBy('pc-1');
const running = claimed.created().started();
const observed = { kind: 'observed' };

describe('a change of the spec', () => {
  it.each([
    ['that waits', waiting],
    ['that is over', running.finished('Completed')],
  ])('of a job %s is seen, once', (_what, job) => {
    expect(decide(job)).toEqual([]);
    const next = changed(job);
    expect(decide(next)).toEqual([observed]);
    const written = next.with(status.observed(next.job));
    expect(written.job.status).toMatchObject({ observedGeneration: 2 });
    for (const condition of written.job.status?.conditions ?? []) expect(condition.observedGeneration).toBe(2);
    expect(decide(written)).toEqual([]);
  });

  it('of a job that runs is seen beside what else is due, unless that is written to its status', () => {
    const next = changed(running, { walltime: '1h' });
    const vm = aVm(next.job, { released: true });
    const vmi = aVmi(vm, 'Running', 'pc-1');
    const told = next.with(status.migratable(running.job, { yes: true, reason: 'Migratable', message: '', at: at(0) }));
    const kinds = (job: JobBuilder) =>
      decide(job, { guest: { vm, vmi, pods: [], migrations: [] } }).map(({ kind }) => kind);
    expect(kinds(told)).toEqual(['wake', 'observed']);
    expect(kinds(next)).toEqual(['migratable', 'wake']);
  });

  it('is no matter of a job that has no status yet, that is being deleted, or whose virtual machine is being made', () => {
    expect(decide(changed(aJob('j')))).toEqual([]);
    expect(decide(changed(running.beingDeleted()))).toEqual([]);
    expect(decide(changed(claimed)).map(({ kind }) => kind)).toEqual(['createVm', 'wake']);
  });

  it('is told by whatever is written next, of all conditions', () => {
    const next = changed(running);
    const { conditions } = next.with(status.noted(next.job, { reason: 'Refused', message: 'no' })).job.status ?? {};
    expect(conditions?.map(({ observedGeneration }) => observedGeneration)).toEqual(conditions?.map(() => 2));
    // Nothing else of them has changed.
    expect(conditions?.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual(
      running.job.status?.conditions?.map(({ lastTransitionTime }) => lastTransitionTime),
    );
  });
});

it('a job of which an admin said by hand that it is over lives on from then for its time', () => {
  const { job } = running.finished('Completed', { at: 10 });
  const { finishTime: _none, ...byHand } = job.status ?? {};
  const own = running.with(byHand);
  const spec = { ...own.job.spec, ttlSecondsAfterFinished: 60 };
  const after = (seconds: number) => decide(own, { job: { ...own.job, spec }, nowMs: noon + seconds * 1000 });
  expect(after(20)).toEqual([{ kind: 'wake', afterMs: 50_000 }]);
  expect(after(70)).toEqual([{ kind: 'deleteJob' }]);
});
