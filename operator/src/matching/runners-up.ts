// The machines that a running job goes to next, looked at again as the world changes.
// Promises: pure; nothing is replaced that still fits, and nothing is written while most of a list is of use.

import type { ComputeJob } from '../api/compute-job.ts';
import { openAttempt, type Subscriber } from '../model/job.ts';
import type { Pool } from '../model/pool.ts';
import { subscriberOf } from './claim.ts';
import { lostByRoom, rank } from './score.ts';
import { requirementOf } from './subscribe.ts';
import type { Verdicts } from './verdicts.ts';

/** @returns the job's machine and its runners-up, or undefined when they are as they are to be. */
export function runnersUpOf(
  job: ComputeJob,
  o: { readonly pool: Pool; readonly verdicts: Verdicts; readonly nowMs: number; readonly count: number },
): Subscriber[] | undefined {
  const attempt = openAttempt(job);
  if (!attempt) return undefined;
  const { pool, verdicts, nowMs, count } = o;
  const before = job.status?.subscribers ?? [];
  const of = verdicts.classOf(requirementOf(job));
  const former = before.filter(({ node }) => node !== attempt.node);
  const still = former.filter(({ node }) => verdicts.fits(of, node));
  // Whoever uses the list passes over what does not fit any more: it is worth a write once half of it is of no use.
  if (2 * still.length > former.length || former.length === 0) return undefined;
  const ranked = rank(verdicts.fitting(of), of.requirement.image, {
    nowMs,
    losses: lostByRoom(pool.machines),
    freeOf: ({ name }) => verdicts.freeOn(name),
    preferred: still.map(({ node }) => node),
    limit: count + 1,
  });
  const own = before.find(({ node }) => node === attempt.node) ?? { node: attempt.node };
  const others = ranked
    .filter(({ machine }) => machine.name !== attempt.node)
    .slice(0, count)
    .map((each) => still.find(({ node }) => node === each.machine.name) ?? subscriberOf(each));
  return [own, ...others];
}
