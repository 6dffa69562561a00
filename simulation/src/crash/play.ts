// Plays one scenario once, under a death, faults or none, and tells whether it came to its end.
// Promises: the same arguments give the same run, write by write; what went wrong is told with everything that is needed to
// play it again, and with the last writes.

import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { pino } from 'pino';
import { ratesOf, type FaultKind, type FaultSet } from '../faults/fault-plan.ts';
import { Faults } from '../faults/faulty-transport.ts';
import type { Death } from '../faults/mortal-transport.ts';
import { SkewedClock } from '../faults/skewed-clock.ts';
import { Lives } from '../runtime/lives.ts';
import { WriteTrace } from '../runtime/write-trace.ts';
import { Random } from '../world/random.ts';
import { Pool } from './pool.ts';
import { includes, type End, type Scenario } from './scenario.ts';

export interface Conditions {
  readonly seed?: number;
  /** How the first operator is killed. */
  readonly death?: Death | undefined;
  /** Every operator is killed that way, not only the first. */
  readonly everyLife?: boolean;
  readonly faults?: FaultSet | undefined;
}

export interface Played {
  /** Writes of the operator until the end of the scenario, without events. */
  readonly writes: number;
  readonly lives: number;
  /** How often the death came that was asked for, the cleaning up after the end included. */
  readonly deaths: number;
  /** Virtual time that it took, ms. */
  readonly tookMs: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly trace: WriteTrace;
}

const restartMs = 2_000;
/** How long anything may take in a scenario, virtual. */
const patienceMs = 30 * 60_000;
const usualRooms = { 'pc-1': 'lab-a', 'pc-2': 'lab-a', 'pc-3': 'lab-b' };
const usualFlags = ['--retry-base', '1s', '--hold-down', '5s'];
const linesShown = 60;

/** Says how to play it again. */
class PlayFailed extends Error {
  override readonly name = 'PlayFailed';
}

/** @throws PlayFailed */
export async function play(scenario: Scenario, conditions: Conditions = {}): Promise<Played> {
  const { seed = 1, death, everyLife = false, faults: set } = conditions;
  const rates = set && ratesOf(set, seed);
  const random = new Random(seed);
  const log = pino({ level: process.env['IDLEWILD_LOG'] ?? 'silent' });
  const pool = new Pool({
    rooms: scenario.rooms ?? usualRooms,
    behaviour: scenario.behaviour?.() ?? {},
    random: random.fork('pool'),
    log,
  });
  const { clock, api } = pool;
  const trace = new WriteTrace(api);
  const faults = rates && new Faults({ clock, random: random.fork('faults'), rates });
  const operatorClock = new SkewedClock(clock);
  faults?.skew(operatorClock);
  const lives = new Lives({
    ...{ clock, operatorClock, log, restartMs, random: random.fork('operator') },
    flags: [...usualFlags, ...(scenario.flags ?? [])],
    transport: () => {
      const honest = refusing(pool.transport(), scenario, pool);
      return faults ? faults.transport(honest) : honest;
    },
    death: (life) => (everyLife || life === 1 ? death : undefined),
  });
  const failed = (what: string, cause?: unknown): PlayFailed =>
    new PlayFailed(
      [
        `${scenario.name}: ${what}`,
        `seed ${seed}, ${deathInWords(death, everyLife)}, faults ${JSON.stringify(rates ?? 'none')}`,
        `again: ${commandLine(scenario.name, conditions)}`,
        `came: ${JSON.stringify(Object.fromEntries(faults?.counts ?? []))}`,
        `jobs: ${JSON.stringify(Object.keys(scenario.ends).map((name) => pool.job(name)?.status ?? 'gone'))}`,
        ...trace.lines({ last: linesShown, without: ['leases'] }),
      ].join('\n'),
      { cause },
    );
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    const limit = clock.monotonic() + patienceMs;
    const came = await clock.runUntil(() => holds() || pool.twins.length > 0, limit);
    if (pool.twins.length > 0) throw failed(`two live guests of one job: ${pool.twins.join('; ')}`);
    if (!came) throw failed(`never ${what}`);
  };
  lives.start();
  try {
    for (const [name, spec] of Object.entries(scenario.jobs)) pool.submit(name, spec);
    for (const step of scenario.steps ?? []) {
      await until(step.when, () => step.holds(pool));
      step.act(pool, lives);
    }
    const ends = Object.entries(scenario.ends);
    await until('the end', () => ends.every(([name, end]) => hasEnded(pool, name, end)));
    const played = { writes: lives.writes, lives: lives.lives, tookMs: clock.monotonic() };
    faults?.calm();
    // Whatever is still on its way must not change the end.
    await clock.advance(60_000);
    if (!ends.every(([name, end]) => hasEnded(pool, name, end))) throw failed('the end did not last');
    pool.restore();
    for (const [name] of ends) pool.deleteJob(name);
    const limit = clock.monotonic() + patienceMs;
    if (!(await clock.runUntil(() => pool.leftovers().length === 0, limit))) {
      throw failed(`left: ${pool.leftovers().join(', ')}`);
    }
    return { ...played, deaths: lives.deaths, faults: faults?.counts ?? new Map(), trace };
  } catch (error) {
    throw error instanceof PlayFailed ? error : failed('threw', error);
  } finally {
    const stopped = lives.stop();
    await clock.advance(10_000);
    await stopped;
  }
}

function hasEnded(pool: Pool, name: string, end: End): boolean {
  const job = pool.job(name);
  return end === 'gone' ? job === undefined : includes(job?.status, end);
}

function refusing(inner: Transport, { refuses }: Scenario, pool: Pool): Transport {
  return {
    ...inner,
    request: (request) => {
      const refusal = pool.isDown ? undefined : refuses?.(request, pool);
      return refusal ? Promise.reject(refusal) : inner.request(request);
    },
  };
}

/** What plays the same again, from the root of the project. */
export function commandLine(scenario: string, { seed = 1, death, everyLife, faults }: Conditions): string {
  const words = ['node_modules/.bin/node simulation/src/crash/replay.ts', `--scenario '${scenario}'`, `--seed ${seed}`];
  if (faults) words.push(`--faults ${faults}`);
  if (death) words.push(`--kill ${death.when}:${death.write}`);
  if (everyLife) words.push('--every');
  return words.join(' ');
}

function deathInWords(death: Death | undefined, everyLife: boolean): string {
  if (!death) return 'nobody killed';
  const which = everyLife ? 'each operator' : 'the operator';
  return `${which} killed ${death.when} write ${death.write}`;
}
