// One round: something befalls a machine with guests on it, and what comes of each of them is one trial.
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../src/cluster.ts';
import { now, type Arena, type Standing } from './arena.ts';
import type { Kind } from './kinds.ts';
import type { Trial } from './report.ts';

const replacedTimeoutMs = 180_000;
/** Longer than any guest lives without its machine's lease, and than the operator waits before it replaces one. */
const keptS = 16;
/** An agent survives this whenever it comes: it renews every 2 s, asks again 2 s later at most, and ends its guests after 6 s. */
const apiMayBeAwayS = 2;

/** @param random from 0 up to but not including 1. Throws when the lab does not come to rest before or after the event. */
export async function playRound(arena: Arena, kind: Kind, random: () => number): Promise<Trial[]> {
  await arena.calm();
  const before = arena.standings();
  const machines = [...new Set(before.map(({ machine }) => machine))].sort();
  const machine = machines[Math.floor(random() * machines.length)] ?? '';
  const onMachine = kind.machine !== undefined || kind.agent !== undefined;
  const struck = onMachine ? before.filter((standing) => standing.machine === machine) : before;
  const others = before.filter((standing) => !struck.includes(standing));

  arena.measureSilence();
  const at = now();
  const awayS = await strike(arena, kind, machine);
  const excused = awayS > apiMayBeAwayS ? `the API server was away for ${awayS.toFixed(1)} s` : undefined;
  const missing = kind.outcome === 'replaced' ? await replacement(arena, struck) : await delay(keptS * 1_000, '');
  if (kind.remedy !== undefined) {
    if ('machine' in kind.remedy) await arena.ask({ op: 'machine', verb: kind.remedy.machine, name: machine });
    else await arena.ask({ op: 'agent', verb: kind.remedy.agent, name: machine });
  }
  const silences = new Map(struck.map((standing) => [standing.name, arena.silenceOf(standing)]));
  await arena.calm();
  arena.listen();

  const after = new Map(arena.standings().map((standing) => [standing.name, standing]));
  const stayed = ({ name, attempt }: Standing): boolean => after.get(name)?.attempt === attempt;
  const trialOf = (standing: Standing, measured: Partial<Trial>, wrong: readonly string[]): Trial => ({
    kind: kind.name,
    job: standing.name,
    machine: standing.machine,
    ...measured,
    violations: [...wrong, ...arena.takeViolations(standing.name)],
  });
  const lostTrial = (standing: Standing, what: string): Trial =>
    excused === undefined ? trialOf(standing, {}, [what]) : trialOf(standing, { excused }, []);
  const trials = struck.map((standing) => {
    if (kind.outcome === 'kept') {
      const silentS = silences.get(standing.name);
      return stayed(standing) ? trialOf(standing, { silentS }, []) : lostTrial(standing, 'the guest was lost');
    }
    const { name, attempt } = standing;
    const created = arena.createdAt(name, attempt + 1);
    const old = arena.beats.lifeOf(name, attempt);
    const first = arena.beats.lifeOf(name, attempt + 1)?.first;
    return trialOf(
      standing,
      {
        createdS: created === undefined ? undefined : created - at,
        runningS: first === undefined ? undefined : first - at,
        apartS: first === undefined || old === undefined ? undefined : first - old.last,
      },
      missing === '' ? [] : [missing],
    );
  });
  const harmed = others.map((standing) =>
    stayed(standing)
      ? trialOf(standing, {}, [])
      : lostTrial(standing, 'the guest was lost although nothing befell its machine'),
  );
  return [...trials, ...harmed.filter((trial) => trial.violations.length > 0 || trial.excused !== undefined)];
}

/** Everything of one kind happens at the same moment. @returns how long the API server was away, seconds. */
async function strike(arena: Arena, kind: Kind, machine: string): Promise<number> {
  if (kind.kill !== undefined) arena.signal(kind.kill, 'SIGKILL');
  const away = kind.kill === 'apiserver' ? arena.apiAway() : Promise.resolve(0);
  if (kind.machine !== undefined) await arena.ask({ op: 'machine', verb: kind.machine, name: machine });
  if (kind.agent !== undefined) await arena.ask({ op: 'agent', verb: kind.agent, name: machine });
  return away;
}

/** Waits until the next attempt of each is heard; answers why not, or ''. */
async function replacement(arena: Arena, struck: readonly Standing[]): Promise<string> {
  const waiting = () => struck.filter(({ name, attempt }) => arena.beats.lifeOf(name, attempt + 1) === undefined);
  return until('all are replaced', async () => waiting().length === 0, {
    timeoutMs: replacedTimeoutMs,
    everyMs: 50,
  }).then(
    () => '',
    () => `${waiting().map(({ name }) => name)} not replaced within ${replacedTimeoutMs / 1_000} s`,
  );
}
