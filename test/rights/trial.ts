// A scenario played once in virtual time, with the real operator behind whatever stands between it and the API server.
// Promises: tells whether the scenario came to its end, and what the operator complained of; the same arguments give the same run.

import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { pino } from 'pino';
import { Pool } from '../../simulation/src/crash/pool.ts';
import { includes, type Scenario } from '../../simulation/src/crash/scenario.ts';
import { Lives } from '../../simulation/src/runtime/lives.ts';
import { Random } from '../../simulation/src/world/random.ts';

export interface Trial {
  readonly ended: boolean;
  /** What the operator logged as a warning or worse, and what it said of the jobs in the end. */
  readonly complaints: readonly string[];
}

const usualRooms = { 'pc-1': 'lab-a', 'pc-2': 'lab-a', 'pc-3': 'lab-b' };
const flags = ['--retry-base', '1s', '--hold-down', '5s'];

/** @param patienceMs virtual, for each step and for the end. */
export async function tryOut(
  scenario: Scenario,
  between: (inner: Transport) => Transport,
  patienceMs = 30 * 60_000,
): Promise<Trial> {
  const complaints: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void complaints.push(line) });
  const random = new Random(1);
  const pool = new Pool({
    rooms: scenario.rooms ?? usualRooms,
    behaviour: scenario.behaviour?.() ?? {},
    random: random.fork('pool'),
    log: pino({ level: 'silent' }),
  });
  const { clock, api } = pool;
  const lives = new Lives({
    ...{ clock, operatorClock: clock, log, restartMs: 2_000, random: random.fork('operator') },
    flags: [...flags, ...(scenario.flags ?? [])],
    transport: () => between(refusing(api.transport({ user: 'operator' }), scenario, pool)),
    death: () => undefined,
  });
  const until = (holds: () => boolean): Promise<boolean> => clock.runUntil(holds, clock.monotonic() + patienceMs);
  lives.start();
  try {
    for (const [name, spec] of Object.entries(scenario.jobs)) pool.submit(name, spec);
    for (const step of scenario.steps ?? []) {
      if (!(await until(() => step.holds(pool)))) return { ended: false, complaints };
      step.act(pool, lives);
    }
    const ends = Object.entries(scenario.ends);
    const hasEnded = (name: string, end: unknown): boolean => {
      const job = pool.job(name);
      return end === 'gone' ? job === undefined : includes(job?.status, end);
    };
    if (!(await until(() => ends.every(([name, end]) => hasEnded(name, end))))) return { ended: false, complaints };
    complaints.push(...ends.map(([name]) => JSON.stringify(pool.job(name)?.status ?? {})));
    pool.restore();
    for (const [name] of ends) pool.deleteJob(name);
    return { ended: await until(() => pool.leftovers().length === 0), complaints };
  } finally {
    const stopped = lives.stop();
    await clock.advance(10_000);
    await stopped;
  }
}

function refusing(inner: Transport, { refuses }: Scenario, pool: Pool): Transport {
  return {
    ...inner,
    request: async (request) => {
      const refusal = refuses?.(request, pool);
      if (refusal !== undefined) throw refusal;
      return inner.request(request);
    },
  };
}
