// What a machine's annotation idlewild.dev/hold remembers of its troubles.
// Promises: pure; what somebody else wrote into the annotation is read as far as it makes sense, and harms nothing.
//
// An admin lifts a hold by taking the annotation away (`kubectl annotate node pc-1 idlewild.dev/hold-`): what was counted
// against the machine until then is not counted again.

import * as z from 'zod';

const time = z.string().refine((text) => !Number.isNaN(Date.parse(text)));

const trouble = z.object({
  at: time,
  reason: z.enum(['MachineLost', 'StartFailed']),
  /** Which attempt, for StartFailed: "<uid of the job>/<number>". */
  of: z.string().max(100).optional(),
});

const schema = z.object({
  /** No job is given to the machine before; without it the machine is not held, and the rest is memory. */
  until: time.optional(),
  /** How often it was held since it was last forgiven; the delay doubles with each. */
  count: z.int().min(0).max(1_000).catch(0),
  reason: z.string().max(100).catch(''),
  message: z.string().max(1_000).catch(''),
  /** When it last made trouble. */
  last: time.optional(),
  /** Of the last hour. */
  troubles: z.array(trouble).max(100).catch([]),
  /** It is lost, which becomes one more trouble when it is back. */
  lost: z.boolean().optional(),
  /** When an admin lifted the hold; what happened before does not count. */
  lifted: time.optional(),
});

export type HoldState = Readonly<z.output<typeof schema>>;
export type Trouble = HoldState['troubles'][number];

export const calm: HoldState = { count: 0, reason: '', message: '', troubles: [] };

/** @param text of the annotation. */
export function parseHold(text: string | undefined): HoldState {
  if (text === undefined) return calm;
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : calm;
  } catch {
    // Not JSON: somebody else's idea of a hold, which remembers nothing.
    return calm;
  }
}

/** The annotation, or null when there is nothing to remember. */
export function formatHold(state: HoldState): string | null {
  const { until, count, troubles, lost, lifted } = state;
  const empty = until === undefined && count === 0 && troubles.length === 0 && !lost && lifted === undefined;
  return empty ? null : JSON.stringify(state);
}
