// Every measurement, in the order in which they are taken.

import type { Measurement } from '../core/figures.ts';
import { claims } from './claims.ts';
import { growth } from './growth.ts';
import { jobList } from './job-list.ts';
import { large } from './large.ts';
import { latency } from './latency.ts';
import { life } from './life.ts';
import { startUp } from './start-up.ts';

/** On a lab's API server with simulated guests. */
export const simulated: readonly Measurement[] = [claims, latency, life, growth, large, jobList];

export const measurements: readonly Measurement[] = [...simulated, startUp];
