// The machines that a running job goes to next, looked at again as the world changes.
// Promises: pure; nothing is replaced that still fits, and nothing is written while any of a list is of use.

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
  const wanted = requirementOf(job);
  const of = verdicts.classOf(wanted);
  const former = before.filter(({ node }) => node !== attempt.node);
  // Whoever uses the list passes over what does not fit any more, and one that fits is enough to go first.
  if (former.length === 0 || former.some(({ node }) => verdicts.fits(of, node))) return undefined;
  const ranked = rank(verdicts.fitting(of), wanted.image, {
    nowMs,
    losses: lostByRoom(pool.machines),
    freeOf: ({ name }) => verdicts.freeOn(name),
    limit: count + 1,
  });
  const others = ranked.filter(({ machine }) => machine.name !== attempt.node).slice(0, count);
  // A full pool offers nobody else, and those of before may have room again soon.
  if (others.length === 0) return undefined;
  const own = before.find(({ node }) => node === attempt.node) ?? { node: attempt.node };
  return [own, ...others.map(subscriberOf)];
}
