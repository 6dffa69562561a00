// One event: something befalls machines with guests on them, and what comes of each of these guests is one trial.
// Promises: several events may go on at once, of other machines; what it struck is as before when it is over.
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../src/cluster.ts';
import { now, type Arena, type Standing } from './arena.ts';
import type { Kind } from './kinds.ts';
import type { Loss } from './losses.ts';
import type { Trial } from './report.ts';

const replacedTimeoutMs = 180_000;
/** Longer than any guest lives without its machine's lease, and than the operator waits before it replaces one. */
const keptS = 16;
/** As long as an agent waits for an answer: whatever the reason is for which none comes, it must end its guests in the end. */
const apiMayBeAwayS = 1.5;
/** A guest that is lost for want of answers is known to be within this time. */
const lossIsKnownS = 40;
/** Of guests that were lost although nothing befell their machine. */
export const notStruck = 'not struck';

let events = 0;

/** @param machines whose guests are struck; of all machines when nothing but a program of the lab is. Throws when they do not return. */
export async function playEvent(arena: Arena, kind: Kind, machines: readonly string[]): Promise<Trial[]> {
  const onMachine = kind.machine !== undefined || kind.agent !== undefined;
  const struck = arena.standings().filter(({ machine }) => !onMachine || machines.includes(machine));
  const event = (events += 1);
  const silences = new Map(struck.map((standing) => [standing.name, arena.silenceOf(standing)]));
  const at = now();
  const returned = kind.outcome === 'replaced' ? arena.losses.strike(machines, at) : undefined;
  await strike(arena, kind, machines);
  const missing = kind.outcome === 'replaced' ? await replacement(arena, struck) : await delay(keptS * 1_000, '');
  const longest = new Map([...silences].map(([name, silence]) => [name, silence.longest()]));
  if (kind.remedy !== undefined) {
    for (const name of machines) {
      if ('machine' in kind.remedy) await arena.ask({ op: 'machine', verb: kind.remedy.machine, name });
      else await arena.ask({ op: 'agent', verb: kind.remedy.agent, name });
    }
  }
  await arena.lend(onMachine ? machines : arena.machines);
  returned?.(now());
  arena.listen();

  const after = new Map(arena.standings().map((standing) => [standing.name, standing]));
  return struck.map((standing): Trial => {
    const { name, attempt, machine } = standing;
    const trial = { event, kind: kind.name, job: name, machine };
    const heard = arena.takeViolations(name);
    if (kind.outcome === 'kept') {
      arena.losses.take(name);
      if (after.get(name)?.attempt === attempt) return { ...trial, silentS: longest.get(name), violations: heard };
      return { ...trial, ...lost(arena, at, 'the guest was lost', heard) };
    }
    return {
      ...trial,
      ...replacedIn(arena, standing, at),
      violations: [...(missing === '' ? [] : [missing]), ...heard],
    };
  });
}

/** What was lost, or heard, that belongs to no event. */
export function restOf(arena: Arena): Trial[] {
  arena.listen();
  const losses = arena.losses.take().map(({ job, machine, at }: Loss): Trial => {
    const words = 'the guest was lost although nothing befell its machine';
    return { event: 0, kind: notStruck, job, machine, ...lost(arena, at - lossIsKnownS, words, []) };
  });
  const heard = arena.takeViolations();
  return heard.length === 0
    ? losses
    : [...losses, { event: 0, kind: notStruck, job: '-', machine: '-', violations: heard }];
}

function lost(
  arena: Arena,
  since: number,
  what: string,
  heard: readonly string[],
): Pick<Trial, 'violations' | 'excused'> {
  const awayS = arena.api.awaySince(since);
  if (awayS <= apiMayBeAwayS) return { violations: [what, ...heard] };
  return { excused: `the API server gave no answer for ${awayS.toFixed(1)} s`, violations: heard };
}

function replacedIn(arena: Arena, { name, attempt }: Standing, at: number): Partial<Trial> {
  const created = arena.createdAt(name, attempt + 1);
  const next = arena.beats.lifeAfter(name, attempt);
  const old = arena.beats.lifeOf(name, attempt);
  return {
    createdS: created === undefined ? undefined : created - at,
    // One that another event befell before it spoke says nothing of this one.
    runningS: next?.attempt === attempt + 1 ? next.first - at : undefined,
    apartS: next === undefined || old === undefined ? undefined : next.first - old.last,
  };
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
