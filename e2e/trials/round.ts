// One round: something befalls machines with guests on them, and what comes of each guest is one trial.
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../src/cluster.ts';
import { now, type Arena, type Standing } from './arena.ts';
import { shuffled } from '../src/random.ts';
import type { Kind } from './kinds.ts';
import type { Trial } from './report.ts';

const replacedTimeoutMs = 180_000;
/** Longer than any guest lives without its machine's lease, and than the operator waits before it replaces one. */
const keptS = 16;
/** As long as an agent waits for an answer: whatever the reason is for which none comes, it must end its guests in the end. */
const apiMayBeAwayS = 1.5;

/**
 * @param random from 0 up to but not including 1.
 * @param together so many machines are struck at the same moment.
 * Throws when the lab does not come to rest before or after the event.
 */
export async function playRound(arena: Arena, kind: Kind, random: () => number, together = 1): Promise<Trial[]> {
  await arena.calm();
  const before = arena.standings();
  const machines = shuffled([...new Set(before.map(({ machine }) => machine))].sort(), random).slice(0, together);
  const onMachine = kind.machine !== undefined || kind.agent !== undefined;
  const struck = onMachine ? before.filter(({ machine }) => machines.includes(machine)) : before;
  const others = before.filter((standing) => !struck.includes(standing));

  arena.measureSilence();
  const at = now();
  await strike(arena, kind, machines);
  const missing = kind.outcome === 'replaced' ? await replacement(arena, struck) : await delay(keptS * 1_000, '');
  if (kind.remedy !== undefined) {
    for (const name of machines) {
      if ('machine' in kind.remedy) await arena.ask({ op: 'machine', verb: kind.remedy.machine, name });
      else await arena.ask({ op: 'agent', verb: kind.remedy.agent, name });
    }
  }
  const silences = new Map(struck.map((standing) => [standing.name, arena.silenceOf(standing)]));
  await arena.calm();
  arena.listen();
  const awayS = arena.apiAwayS;
  const excused = awayS > apiMayBeAwayS ? `the API server gave no answer for ${awayS.toFixed(1)} s` : undefined;

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
    const first = arena.beats.lifeAfter(name, attempt)?.first;
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

/** Everything of one kind happens at the same moment. */
async function strike(arena: Arena, kind: Kind, machines: readonly string[]): Promise<void> {
  if (kind.kill !== undefined) arena.signal(kind.kill, 'SIGKILL');
  for (const name of machines) {
    if (kind.machine !== undefined) await arena.ask({ op: 'machine', verb: kind.machine, name });
    if (kind.agent !== undefined) await arena.ask({ op: 'agent', verb: kind.agent, name });
  }
}

/** Waits until the next attempt of each is heard; answers why not, or ''. */
async function replacement(arena: Arena, struck: readonly Standing[]): Promise<string> {
  const waiting = () => struck.filter(({ name, attempt }) => arena.beats.lifeAfter(name, attempt) === undefined);
  return until('all are replaced', async () => waiting().length === 0, {
    timeoutMs: replacedTimeoutMs,
    everyMs: 50,
  }).then(
    () => '',
    () => `${waiting().map(({ name }) => name)} not replaced within ${replacedTimeoutMs / 1_000} s`,
  );
}
