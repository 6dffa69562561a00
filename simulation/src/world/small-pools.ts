// Small pools for the tests, each with another chance and with more trouble than any lab should have.
// Promises: a seed gives the same pool in every test file and, by the command that a failure shows, on a command line.

import { runWatched, type RunOptions, type RunResult } from './run.ts';

const size = { machines: 12, jobs: 40, days: 1, load: 0.5, trouble: 'much' } as const;

/** Jest is shown progress, and a failure names few seeds at once. */
export const groupSize = 20;

/** The first seed of each group. */
export function groupsOf(first: number, last: number): number[] {
  return Array.from({ length: Math.ceil((last - first + 1) / groupSize) }, (_, group) => first + group * groupSize);
}

/** Throws the violation of the first seed that breaks an invariant. */
export async function runGroup(first: number): Promise<RunResult[]> {
  const results: RunResult[] = [];
  for (let seed = first; seed < first + groupSize; seed++) results.push(await runSmall(seed));
  return results;
}

export function runSmall(seed: number): Promise<RunResult> {
  const { machines, jobs, days, load, trouble } = size;
  const flags = `--machines ${machines} --jobs ${jobs} --days ${days} --load ${load} --trouble ${trouble}`;
  const options: RunOptions = { ...size, seed, replay: `npm run sim -- ${flags} --seed ${seed}` };
  return runWatched(options);
}
