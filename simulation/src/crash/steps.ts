// The words that scenarios are written in: specs of jobs, and moments of their lives.
// Promises: pure looks at the pool; nothing is kept from one run to the next.

import type { Pool } from './pool.ts';
import type { Step } from './scenario.ts';

export const image = (name: string) => ({ image: { containerDisk: `sim/${name}` } });
export const failsOnce = { retries: { limit: 1, when: ['ScriptFailed' as const] } };
/** All that a machine lends. */
export const whole = { resources: { cores: 2, memory: '128Mi', gpus: 0 } };
const goOn = (): void => undefined;

export const step = (when: string, holds: Step['holds'], act: Step['act'] = goOn): Step => ({ when, holds, act });
export const runs = (job: string, act: (pool: Pool, machine: string) => void = goOn): Step =>
  step(
    `${job} runs`,
    (pool) => pool.runsOn(job) !== undefined,
    (pool) => act(pool, pool.runsOn(job) ?? ''),
  );
/** At some moment of a migration: copying has begun. */
export const copying = (act: (pool: Pool, from: string, to: string) => void): Step =>
  step(
    'copying has begun',
    (pool) => pool.vmi('a-1')?.status?.migrationState?.startTimestamp !== undefined,
    (pool) => {
      const { sourceNode = '', targetNode = '' } = pool.vmi('a-1')?.status?.migrationState ?? {};
      act(pool, sourceNode, targetNode);
    },
  );
export const later = (job: string, attempt: number): Step =>
  step(`attempt ${attempt} of ${job}`, (pool) => (pool.job(job)?.status?.attempt ?? 0) >= attempt);
export const hasEnded = (job: string, act: Step['act'] = goOn): Step =>
  step(`${job} has ended`, (pool) => pool.job(job)?.status?.phase === 'Succeeded', act);
