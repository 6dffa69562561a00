// The words in which the portal is asked what was decided about jobs, and answers. Must not hold behaviour.

import { z } from 'zod';
import { jobName, machinePath, namespaceName } from './schemas.ts';

const time = z.string().meta({ format: 'date-time' });

/** A line of the ledger, as the operator tells it. */
export const ledgerLine = z.object({
  at: time,
  job: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  attempt: z.number().optional(),
  reason: z.string(),
  cause: z.string().optional(),
  node: z.string().optional(),
  /** Where the guest went. */
  toNode: z.string().optional(),
  exitCode: z.number().optional(),
  outcome: z.enum(['Succeeded', 'Failed']).optional(),
  /** How long it took. */
  seconds: z.number().optional(),
  /** Seconds of work that are gone. */
  secondsLost: z.number().optional(),
  message: z.string(),
});
export type LedgerLine = z.output<typeof ledgerLine>;

/** The same for people: whether it is something that somebody should look at. */
export const historyLine = ledgerLine.extend({ warning: z.boolean() });
export type HistoryLine = z.output<typeof historyLine>;

export const historyAnswer = z.object({
  /** Newest first. */
  items: z.array(historyLine),
  /** `cursor` of the next page; absent where there is nothing further. */
  next: z.string().optional(),
  /** Out of the operator's history, or only as far as jobs that are still there tell. */
  from: z.enum(['history', 'jobs']),
  /** Why it is not out of the history. */
  why: z.string().optional(),
});
export type HistoryAnswer = z.output<typeof historyAnswer>;

const mostLines = 200;

export const historyQuery = z
  .strictObject({
    namespace: namespaceName.optional(),
    job: jobName.optional(),
    machine: machinePath.shape.name.optional(),
    since: z.iso.datetime({ offset: true, error: 'must be a time such as 2026-01-01T12:00:00Z' }).optional(),
    limit: z
      .string()
      .regex(/^\d{1,3}$/, `must be a whole number from 1 to ${mostLines}`)
      .transform(Number)
      .refine((limit) => limit >= 1 && limit <= mostLines, `must be a whole number from 1 to ${mostLines}`)
      .default(50),
    cursor: z
      .string()
      .regex(/^[\w-]{1,64}$/, 'must be the `next` of an earlier answer')
      .optional(),
  })
  .refine(({ job, namespace }) => job === undefined || namespace !== undefined, {
    path: ['namespace'],
    message: 'is needed with job: names of jobs are unique only within one',
  });
