// What a machine itself says on its Lease of the last time for which it could not renew it: for an operator that was not there.
// Promises: pure; both times are by the clock of the machine and are compared with each other only. Somebody else's text is no
// silence, and no error either.

import type { Lease } from '../api/kubernetes.ts';
import { microTime, parseTime } from '../kube/micro-time.ts';
import { annotations } from '../model/names.ts';
import { shortestGapMs } from './leases.ts';

export interface Silence {
  readonly ms: number;
  /** By the clock of the machine, ms since the epoch. */
  readonly untilMs: number;
  /** From its end to the last renewal, ms. */
  readonly agoMs: number;
}

/**
 * The annotation on a lease that is renewed at `nowMs` (since the epoch) after `previous`; none when it was not silent for long.
 * @param ms since the last renewal; by what the lease says of it unless known better.
 */
export function silenceNote(
  previous: Lease,
  nowMs: number,
  ms = nowMs - (parseTime(previous.spec?.renewTime) ?? nowMs),
): Readonly<Record<string, string>> {
  if (ms < shortestGapMs) return {};
  return { [annotations.silence]: JSON.stringify({ seconds: Math.round(ms / 1000), until: microTime(nowMs) }) };
}

export function silenceOf({ metadata, spec }: Lease): Silence | undefined {
  const said = metadata.annotations?.[annotations.silence];
  // Of most leases, and an error that is thrown and caught is what a renewal would cost most.
  if (said === undefined) return undefined;
  const renewedMs = parseTime(spec?.renewTime);
  try {
    const { seconds, until } = JSON.parse(said) as Record<string, unknown>;
    const untilMs = typeof until === 'string' ? parseTime(until) : undefined;
    const ms = typeof seconds === 'number' && Number.isFinite(seconds) ? seconds * 1000 : 0;
    // What is shorter no agent writes: it must not take the place of what was heard.
    if (ms < shortestGapMs || untilMs === undefined || renewedMs === undefined) return undefined;
    return { ms, untilMs, agoMs: renewedMs - untilMs };
  } catch {
    return undefined;
  }
}
