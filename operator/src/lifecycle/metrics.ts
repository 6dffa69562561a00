// What the life of jobs counts.

import { Counter, Histogram, type Registry } from 'prom-client';
import type { Attempt } from '../model/job.ts';

export interface LifecycleMetrics {
  /** The script began: how long each step from the claim on took. */
  started(attempt: Attempt): void;
  ended(reason: string): void;
  finished(outcome: 'Succeeded' | 'Failed'): void;
}

export function createLifecycleMetrics(registry: Registry): LifecycleMetrics {
  const registers = [registry];
  const step = new Histogram({
    name: 'idlewild_start_step_seconds',
    help: 'Time of each step of a start: created, running, script',
    labelNames: ['step'],
    // Writes take milliseconds, a boot under emulation up to a minute, an image pull minutes; five of them are what an alert asks about.
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 180, 300, 600],
    registers,
  });
  const ends = new Counter({
    name: 'idlewild_attempts_ended_total',
    help: 'Attempts that ended',
    labelNames: ['reason'],
    registers,
  });
  const finishes = new Counter({
    name: 'idlewild_jobs_finished_total',
    help: 'Jobs that ended',
    labelNames: ['outcome'],
    registers,
  });
  const observe = (name: string, from: string | undefined, to: string | undefined): void => {
    if (from !== undefined && to !== undefined)
      step.observe({ step: name }, (Date.parse(to) - Date.parse(from)) / 1000);
  };
  return {
    started: ({ claimed, created, running, started }) => {
      observe('created', claimed, created);
      observe('running', created, running);
      observe('script', running, started);
    },
    ended: (reason) => ends.inc({ reason }),
    finished: (outcome) => finishes.inc({ outcome }),
  };
}
