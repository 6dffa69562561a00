// Why a job has no machine, as rows of a table: how many machines, in words, and which.
// Promises: pure; every machine that the job's status counts is counted.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { machinesAre } from './fit-words.ts';
import { ordinal } from './job-state.ts';
import { fullTime, span } from './time.ts';

export interface WaitRow {
  readonly reason: string;
  /** 0 for what is not about single machines. */
  readonly machines: number;
  readonly words: string;
  /** What is wanted and what there is. */
  readonly detail: string;
  /** Some of the machines. */
  readonly names: readonly string[];
}

interface Wait {
  /** 3rd in line; undefined where there is no line. */
  readonly place: string | undefined;
  readonly estimate: string;
  readonly rows: readonly WaitRow[];
}

/** @param nowMs the server's time. @returns undefined when it does not wait for a machine. */
export function waitOf({ status }: ComputeJob, nowMs: number): Wait | undefined {
  const { waiting, finishTime, node } = status ?? {};
  if (waiting === undefined || finishTime !== undefined || node !== undefined) return undefined;
  const { position, reasons = [] } = waiting;
  return {
    place: position === undefined ? undefined : `${ordinal(position)} in line`,
    estimate: estimateOf(waiting.estimate, nowMs, status?.reason),
    rows: reasons.map(({ reason, machines, names = [], message = '' }) => ({
      reason,
      machines,
      words: machines === 0 ? '' : machinesAre(reason),
      detail: message,
      names,
    })),
  };
}

function estimateOf(estimate: string | undefined, nowMs: number, reason: string | undefined): string {
  if (reason === 'Unsatisfiable') return 'never, as the lab is now';
  if (estimate === undefined) return 'unknown: nothing tells when a machine will be free';
  const inMs = Date.parse(estimate) - nowMs;
  if (inMs <= 0) return `${fullTime(estimate)}, which is over: somebody takes longer than they said`;
  return `about ${fullTime(estimate)}, in ${span(inMs)}, if the jobs before it take as long as they may`;
}
