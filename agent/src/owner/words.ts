// What is going on, in words that an owner would use.
// Promises: pure; one sentence for each reason, the same on the page and on the command line.

import type { Fence } from '../fence/fence.ts';
import type { PresenceReason } from '../presence/decide.ts';
import type { Guest, OwnersView, Turn } from './view.ts';

const reasons: Readonly<Record<PresenceReason, string>> = {
  OwnerStop: 'You said “stop now”. Nothing runs here until you say “lend again”.',
  Leaving: 'It is about to sleep or to shut down.',
  Joining: 'It is not part of the cluster at the moment, and nothing runs here until it is again.',
  Dedicated: 'It has no owner, so it may be lent at any time.',
  LendsNever: 'Its settings say that it is never lent.',
  LendsAlways: 'Its settings say that it may be lent at any time.',
  OutsideHours: 'It is outside of the hours in which it may be lent.',
  OnBattery: 'It runs on its battery.',
  LidClosed: 'Its lid is closed.',
  Input: 'Somebody is using it right now.',
  Login: 'Somebody has just logged in.',
  Unlock: 'Somebody has just unlocked the screen.',
  RecentUse: 'Somebody used it a short while ago.',
  Watching: 'A film, a call or a presentation is on.',
  OwnerWork: 'Your own programs are busy.',
  MemoryPressure: 'Memory is short, and your programs come first.',
  NoSensor: 'Nothing on it tells whether somebody is there, so it counts as used.',
  OneSensorOnly: 'Only one sign says that nobody is there, and one is not enough.',
  Idle: 'Nobody has used it for a while.',
};

/** The same of a time that is over. */
const pastReasons: Readonly<Record<PresenceReason, string>> = {
  OwnerStop: 'You said “stop now”.',
  Leaving: 'It was about to sleep or to shut down.',
  Joining: 'It was not part of the cluster.',
  Dedicated: 'It has no owner.',
  LendsNever: 'Its settings kept it for you.',
  LendsAlways: 'Its settings let it be lent.',
  OutsideHours: 'The lending hours were over.',
  OnBattery: 'It ran on its battery.',
  LidClosed: 'Its lid was closed.',
  Input: 'Somebody came back to it.',
  Login: 'Somebody logged in.',
  Unlock: 'Somebody unlocked the screen.',
  RecentUse: 'Somebody had just used it.',
  Watching: 'A film, a call or a presentation was on.',
  OwnerWork: 'Your own programs were busy.',
  MemoryPressure: 'Memory was short.',
  NoSensor: 'Nothing told whether somebody was there.',
  OneSensorOnly: 'Only one sign said that nobody was there.',
  Idle: 'Nobody was there.',
};

export interface Headline {
  readonly mood: 'yours' | 'leaving' | 'free' | 'lent';
  readonly title: string;
  readonly why: string;
}

export function headline({ presence, guests = [] }: OwnersView): Headline {
  const why = reasons[presence.reason];
  const here = guests.length;
  if (presence.present) {
    if (here === 0) return { mood: 'yours', title: 'This machine is yours', why };
    const are = here === 1 ? 'a guest is leaving' : `${here} guests are leaving`;
    return { mood: 'leaving', title: `This machine is yours; ${are}`, why };
  }
  if (here === 0) return { mood: 'free', title: 'This machine may be lent', why };
  return { mood: 'lent', title: `This machine is lent to ${here === 1 ? 'a guest' : `${here} guests`}`, why };
}

const states: Readonly<Record<Guest['state'], string>> = {
  starting: 'is starting',
  running: 'runs',
  leaving: 'is leaving',
};

export function guestWords({ namespace, job, state }: Guest): { readonly who: string; readonly does: string } {
  return { who: `${namespace}/${job}`, does: states[state] };
}

export function turnWords({ present, reason }: Turn): string {
  return `${present ? 'Yours' : 'Free to lend'}. ${pastReasons[reason]}`;
}

/** What is said of guests when there are none to list. */
export function nobodyWords({ guests }: OwnersView): string {
  if (guests === undefined) return 'The cluster does not answer, so nobody can say for whom something runs here.';
  return 'Nothing runs here for anybody else.';
}

/** Such as "3 min", from one time (RFC 3339) to another (ms since the epoch). */
export function lasting(since: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(since)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** Such as "2026-11-21 14:25" in the machine's own time zone: of the ways to write it, Sweden's is read the same everywhere. */
export function localTime(at: string | number): string {
  return new Date(at).toLocaleString('sv-SE', { dateStyle: 'short', timeStyle: 'short' });
}

/** What the owner may want to know of guests that the machine itself ended, and of what it could not end. */
export function fenceNotes({ trouble, ended }: Pick<Fence, 'trouble' | 'ended'>): string[] {
  const past = ended.map(
    ({ atMs, cause }) => `${localTime(atMs)}: what ran here for others was ended, because ${cause.words}.`,
  );
  return [...(trouble === undefined ? [] : [`Something is wrong: ${trouble}.`]), ...past];
}

const shownTurns = 5;

/** For a terminal. */
export function inWords(view: OwnersView, nowMs: number): string {
  const { title, why } = headline(view);
  const guests = (view.guests ?? []).map((guest) => {
    const { who, does } = guestWords(guest);
    return `  ${who} ${does} (${lasting(guest.since, nowMs)})`;
  });
  const turns = view.history.slice(0, shownTurns).map((turn) => `  ${localTime(turn.at)}  ${turnWords(turn)}`);
  return [
    `${view.machine}: ${title}, for ${lasting(view.since, nowMs)}.`,
    why,
    ...(guests.length > 0 ? ['', 'What runs here, and for whom:', ...guests] : ['', nobodyWords(view)]),
    ...(turns.length > 0 ? ['', 'Before:', ...turns] : []),
    ...view.notes.map((note) => `\nNote: ${note}`),
  ].join('\n');
}
