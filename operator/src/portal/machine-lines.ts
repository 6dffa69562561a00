// What happened on a machine, as the jobs tell that were there: each attempt's coming and going, and what came in between.
// Promises: pure; newest first.

import type { ComputeJob } from '../api/compute-job.ts';
import type { MachineLine } from './schemas.ts';

export function linesOf(machine: string, jobs: readonly ComputeJob[]): MachineLine[] {
  return jobs.flatMap((job) => linesOfJob(machine, job)).sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}

function linesOfJob(machine: string, { metadata, status = {} }: ComputeJob): MachineLine[] {
  const own = { namespace: metadata.namespace ?? '', job: metadata.name };
  const lines: MachineLine[] = [];
  for (const { number, node, claimed, started, ended, reason, message, secondsLost } of status.attempts ?? []) {
    if (node !== machine) continue;
    const line = (at: string | undefined, why: string, words: string): void => {
      if (at !== undefined) lines.push({ at, ...own, attempt: number, reason: why, message: words });
    };
    line(claimed, 'Claimed', 'was given to this machine');
    line(started, 'Started', 'its guest was up');
    if (ended === undefined) continue;
    const lost = secondsLost === undefined || secondsLost === 0 ? {} : { secondsLost };
    lines.push({ at: ended, ...own, attempt: number, reason: reason ?? 'Ended', message: message ?? '', ...lost });
  }
  for (const { at, reason, attempt, node, toNode, message } of status.interruptions ?? []) {
    if (node !== machine && toNode !== machine) continue;
    const words = message ?? [node, toNode].filter(Boolean).join(' to ');
    lines.push({ at, ...own, ...(attempt === undefined ? {} : { attempt }), reason, message: words });
  }
  return lines;
}
