// What a write of the operator was for, told from the object before and after it.
// Pure; a job's status counts as the first of the purposes that it serves.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { computeJobs } from '@idlewild/operator/api/resources.ts';
import type { Write } from '../api/memory-api.ts';

export const writePurposes = [
  'publications',
  'claims',
  'starts and ends',
  'words of waiting jobs',
  'runners-up',
  'other status',
  'deleted jobs',
  'machines',
  'guests and secrets',
  'migrations',
  'pods',
] as const;
export type WritePurpose = (typeof writePurposes)[number];

const others: Readonly<Record<string, WritePurpose>> = {
  nodes: 'machines',
  virtualmachineinstancemigrations: 'migrations',
  pods: 'pods',
};

export function purposeOf({ type, kind, object, previous }: Write): WritePurpose {
  const { plural } = kind.type;
  if (plural !== computeJobs.plural) return others[plural] ?? 'guests and secrets';
  if (type === 'DELETED' || previous === undefined) return 'deleted jobs';
  const [now, before] = [object as unknown as ComputeJob, previous as unknown as ComputeJob];
  const [attempts, attemptsBefore] = [now.status?.attempts ?? [], before.status?.attempts ?? []];
  if (attempts.length > attemptsBefore.length) return 'claims';
  const [last, lastBefore] = [attempts.at(-1), attemptsBefore.at(-1)];
  if (last?.started !== lastBefore?.started || last?.ended !== lastBefore?.ended) return 'starts and ends';
  if (before.status?.publication === undefined) return 'publications';
  if (now.status?.waiting !== undefined) return 'words of waiting jobs';
  const sameSubscribers = JSON.stringify(now.status?.subscribers) === JSON.stringify(before.status.subscribers);
  return sameSubscribers ? 'other status' : 'runners-up';
}
