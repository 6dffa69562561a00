// Whether a machine is held down: given no jobs for a while, as it made trouble again and again.
// Promises: pure; what was counted is in the annotation, so that a restart counts nothing twice and forgets nothing. A machine
// is only ever held for what is its own fault as far as can be told: a job that fails everywhere is none.

import { inWords } from '../model/duration.ts';
import { calm, type HoldState, type Trouble } from './state.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** Troubles count together that are not further apart. */
const windowMs = hourMs;
/** How many of them in that time hold a machine down. */
const enough = 2;
const shortestMs = minuteMs;
const longestMs = hourMs;
/** After so long without trouble the next hold is short again. */
const forgivenMs = 6 * hourMs;
const mostTroubles = 10;
/** Failed starts alone hold down at most one machine in so many, and always one: jobs that cannot start must not empty a pool. */
const heldForStarts = 4;

/** An attempt that did not start on the machine. */
export interface FailedStart {
  /** "<uid of the job>/<number>". */
  readonly of: string;
  readonly atMs: number;
  /** False: as far as can be told it was the job, not the machine. */
  readonly evidence: boolean;
}

export interface HoldInput {
  /** The machine is declared lost. */
  readonly lost: boolean;
  readonly state: HoldState;
  /** The annotation was there and was taken away by somebody else. */
  readonly lifted: boolean;
  /** Of the last hour, on this machine. */
  readonly starts: readonly FailedStart[];
  /** Of the other machines: how many are held, and how many there are. */
  readonly others: { readonly held: number; readonly machines: number };
  readonly nowMs: number;
}

/** It is held down; its time is over; an admin took it away. */
export type HoldNews = 'HeldDown' | 'HoldOver' | 'HoldLifted';

export interface HoldDecision {
  /** What the annotation has to say. */
  readonly state: HoldState;
  readonly news: readonly HoldNews[];
  readonly held: boolean;
  /** When to look again although nothing happens. */
  readonly lookAgainInMs?: number | undefined;
}

export function decideHold(input: HoldInput): HoldDecision {
  const { lost, nowMs } = input;
  const at = new Date(nowMs).toISOString();
  if (input.lifted) {
    const state = { ...calm, lifted: at, ...(lost ? { lost: true } : {}) };
    return { state, news: ['HoldLifted'], held: false, lookAgainInMs: windowMs };
  }
  const news: HoldNews[] = [];
  const { fresh, all } = troublesOf(input, at);
  let { until, count, reason, message, last, lifted } = input.state;
  if (until !== undefined && Date.parse(until) <= nowMs) {
    until = undefined;
    news.push('HoldOver');
  }
  if (lifted !== undefined && Date.parse(lifted) + windowMs <= nowMs) lifted = undefined;
  if (fresh.length > 0) last = latest(fresh);
  else if (last !== undefined && Date.parse(last) + forgivenMs <= nowMs && until === undefined) {
    count = 0;
    last = undefined;
  }
  if (fresh.length > 0 && all.length >= enough && !lost && mayHold(input, all)) {
    count += 1;
    const delayMs = Math.min(longestMs, shortestMs * 2 ** Math.min(count - 1, 10));
    until = new Date(Math.max(nowMs + delayMs, Date.parse(until ?? at))).toISOString();
    reason = fresh.at(-1)?.reason ?? '';
    message = `held down for ${inWords(delayMs)} (${count === 1 ? 'for the first time' : `the ${count}. time`}): ${words(all)}`;
    news.push('HeldDown');
  }
  const state: HoldState = {
    ...(until === undefined ? {} : { until }),
    count,
    reason: count === 0 ? '' : reason,
    message: count === 0 ? '' : message,
    ...(last === undefined ? {} : { last }),
    troubles: all,
    ...(lost ? { lost: true } : {}),
    ...(lifted === undefined ? {} : { lifted }),
  };
  return { state, news, held: until !== undefined, lookAgainInMs: nextLook(state, nowMs) };
}

/** What counts now, and what of it was not counted before. */
function troublesOf({ state, starts, lost, nowMs }: HoldInput, at: string): { fresh: Trouble[]; all: Trouble[] } {
  const sinceMs = Math.max(nowMs - windowMs, Date.parse(state.lifted ?? '') || 0);
  const innocent = new Set(starts.filter(({ evidence }) => !evidence).map(({ of }) => of));
  const known = new Set(state.troubles.flatMap(({ of }) => of ?? []));
  const kept = state.troubles.filter(
    (each) => Date.parse(each.at) > sinceMs && !(each.of !== undefined && innocent.has(each.of)),
  );
  const fresh: Trouble[] = starts
    .filter(({ of, atMs, evidence }) => evidence && atMs > sinceMs && !known.has(of))
    .map(({ of, atMs }) => ({ at: new Date(atMs).toISOString(), reason: 'StartFailed', of }));
  if (state.lost && !lost) fresh.push({ at, reason: 'MachineLost' });
  return { fresh, all: [...kept, ...fresh].slice(-mostTroubles) };
}

/** A machine that was lost is held whatever the others do; failed starts may be the fault of jobs after all. */
function mayHold({ others }: HoldInput, troubles: readonly Trouble[]): boolean {
  if (troubles.filter(({ reason }) => reason === 'MachineLost').length >= enough) return true;
  return others.held < Math.max(1, Math.floor((others.machines + 1) / heldForStarts));
}

function words(troubles: readonly Trouble[]): string {
  const lost = troubles.filter(({ reason }) => reason === 'MachineLost').length;
  const failed = troubles.length - lost;
  const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
  const parts = [
    ...(lost > 0 ? [`it was lost and came back ${times(lost)}`] : []),
    ...(failed > 0 ? [`guests failed to start on it ${times(failed)}`] : []),
  ];
  return `${parts.join(' and ')} within an hour`;
}

function latest(troubles: readonly Trouble[]): string {
  return new Date(Math.max(...troubles.map(({ at }) => Date.parse(at)))).toISOString();
}

function nextLook({ until, last, count, troubles, lifted }: HoldState, nowMs: number): number | undefined {
  const [oldest] = troubles;
  const moments = [
    ...(until === undefined ? [] : [Date.parse(until)]),
    ...(last === undefined || count === 0 ? [] : [Date.parse(last) + forgivenMs]),
    ...(oldest === undefined ? [] : [Date.parse(oldest.at) + windowMs]),
    ...(lifted === undefined ? [] : [Date.parse(lifted) + windowMs]),
  ].filter((moment) => moment > nowMs);
  return moments.length === 0 ? undefined : Math.min(...moments) - nowMs;
}
