// A change of the spec that changes nothing else: the status says that it is about the spec as it is now.
// Promises: pure; one write per change at most, and none where the status is written anyway. Whoever waits for a condition counts
// only one that is about the spec as it is (kubectl wait, kstatus), and would wait for ever on a job that was changed meanwhile.

import type { ComputeJob } from '../api/compute-job.ts';
import { isBeingDeleted } from '../api/meta.ts';
import { isOutdated } from '../model/status.ts';
import type { LifecycleDecision } from './decide.ts';

const writesNoStatus: ReadonlySet<string> = new Set<LifecycleDecision['kind']>([
  'deleteVm',
  'deleteVmi',
  'deleteSecret',
  'releasePin',
  'restore',
  'readConsole',
  'wake',
]);

export function withObservation(job: ComputeJob, due: LifecycleDecision[]): LifecycleDecision[] {
  const observes = isOutdated(job) && !isBeingDeleted(job) && due.every(({ kind }) => writesNoStatus.has(kind));
  return observes ? [...due, { kind: 'observed' }] : due;
}
