// Every measurement, in the order in which they are taken.

import type { Measurement } from '../core/figures.ts';
import { claims } from './claims.ts';
import { growth } from './growth.ts';
import { jobList } from './job-list.ts';
import { large } from './large.ts';
import { latency } from './latency.ts';
import { life } from './life.ts';
import { pages } from './pages.ts';
import { startUp } from './start-up.ts';

/** On a lab's API server, with simulated guests or none. */
export const withoutLab: readonly Measurement[] = [claims, latency, life, growth, large, pages, jobList];

export const measurements: readonly Measurement[] = [...withoutLab, startUp];
