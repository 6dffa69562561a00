// Whether the owner of a machine is there, from everything that its sensors say.
// Promises: pure. What is unknown never makes a machine look idle; being busy is believed of any one sensor at once, being idle
// only when two kinds of sensor agree or nobody is logged in. The order of the rules is the order of the reasons.

import { isOpen, type Policy } from './policy.ts';
import type { Readings, Session } from './readings.ts';

export const presenceReasons = [
  'OwnerStop',
  'Leaving',
  'Joining',
  'Dedicated',
  'LendsNever',
  'OutsideHours',
  'LendsAlways',
  'OnBattery',
  'LidClosed',
  'Input',
  'Login',
  'Unlock',
  'RecentUse',
  'Watching',
  'OwnerWork',
  'MemoryPressure',
  'NoSensor',
  'OneSensorOnly',
  'Idle',
] as const;
export type PresenceReason = (typeof presenceReasons)[number];

export interface Presence {
  readonly present: boolean;
  readonly reason: PresenceReason;
  readonly message: string;
}

export interface PresenceInput {
  readonly readings: Readings;
  readonly policy: Policy;
  /** A machine without an owner. */
  readonly dedicated: boolean;
  /** The owner said "stop now" and has not said "lend again". */
  readonly stopped: boolean;
  /** ms since the epoch. */
  readonly nowMs: number;
}

/** Somebody who touched the machine this recently is at it, whatever its policy says. */
const justNowMs = 60_000;
/** A locked screen without input needs no longer wait than this. */
const lockedIdleMs = 120_000;
const busyOwnerCores = 0.3;
const stalledPercent = 5;

export function decidePresence(input: PresenceInput): Presence {
  const { readings, policy, nowMs } = input;
  if (input.stopped) return present('OwnerStop', 'the owner asked to stop');
  if (readings.leaving) return present('Leaving', 'it is about to sleep or to shut down');
  if (input.dedicated) return away('Dedicated', 'the machine has no owner');
  if (policy.mode === 'Never') return present('LendsNever', 'its policy is never to lend');
  if (!isOpen(policy, nowMs)) return present('OutsideHours', 'it is outside of its lending hours');
  if (policy.mode === 'Always') return away('LendsAlways', 'its policy is to lend always');
  return bySupply(readings) ?? byPeople(readings, policy) ?? byWork(readings) ?? byIdleness(readings, policy);
}

function bySupply({ onBattery, lidClosed }: Readings): Presence | undefined {
  if (onBattery) return present('OnBattery', 'it runs on its battery');
  // A closed notebook on a docking station is in use like any other.
  if (lidClosed && onBattery === undefined) return present('LidClosed', 'its lid is closed');
  return undefined;
}

function byPeople(readings: Readings, policy: Policy): Presence | undefined {
  const { inputMs, sessions = [] } = readings;
  // A policy may lend sooner than that.
  const justNow = Math.min(justNowMs, policy.idleAfterMs);
  if (inputMs !== undefined && inputMs < justNow) return present('Input', 'somebody is at it');
  const people = sessions.filter(({ isUser }) => isUser);
  if (people.some(({ ageMs }) => ageMs < justNow)) return present('Login', 'somebody has just logged in');
  if (people.some(({ unlockedMs = Number.POSITIVE_INFINITY }) => unlockedMs < justNow)) {
    return present('Unlock', 'somebody has just unlocked it');
  }
  const wait = idleAfter(people, policy);
  const youngest = Math.min(...agesOf(readings).map(({ ageMs }) => ageMs));
  if (youngest < wait) return present('RecentUse', `somebody used it ${minutes(youngest)} ago`);
  return undefined;
}

function byWork({ watching, sessions, ownerCores, memoryStall }: Readings): Presence | undefined {
  const unlocked = sessions === undefined || sessions.some(({ isUser, active, locked }) => isUser && active && !locked);
  if (watching && unlocked) return present('Watching', 'sound, a camera or a presentation is on');
  if (ownerCores !== undefined && ownerCores > busyOwnerCores) {
    return present('OwnerWork', `the owner's programs use ${Math.round(ownerCores * 10) / 10} cores`);
  }
  if (memoryStall !== undefined && memoryStall > stalledPercent) {
    return present('MemoryPressure', `${Math.round(memoryStall)} % of the time everything waits for memory`);
  }
  return undefined;
}

function byIdleness(readings: Readings, policy: Policy): Presence {
  const people = (readings.sessions ?? []).filter(({ isUser }) => isUser);
  const families = new Set(agesOf(readings).map(({ family }) => family));
  // Some desktops never report idleness, but lock their screen.
  if (people.length > 0 && people.every(({ locked }) => locked)) families.add('session');
  const nobody = readings.sessions !== undefined && people.length === 0;
  if (families.size === 0 && !nobody) return present('NoSensor', 'nothing tells whether somebody is there');
  if (families.size + (nobody ? 1 : 0) < 2) {
    return present('OneSensorOnly', 'only one kind of sensor says that nobody is there');
  }
  return away('Idle', `nobody used it for ${minutes(idleAfter(people, policy))}`);
}

/** Who says how long nobody used it. Sensors of one family may fail together. */
function agesOf({ inputMs, terminalMs, sessions = [] }: Readings): { family: string; ageMs: number }[] {
  const reported = sessions.flatMap(({ isUser, idleMs }) => (isUser && idleMs !== undefined ? [idleMs] : []));
  return [
    ...(inputMs === undefined ? [] : [{ family: 'input', ageMs: inputMs }]),
    ...[...(terminalMs === undefined ? [] : [terminalMs]), ...reported].map((ageMs) => ({ family: 'session', ageMs })),
  ];
}

function idleAfter(people: readonly Session[], { idleAfterMs }: Policy): number {
  const allLocked = people.length > 0 && people.every(({ locked }) => locked);
  return allLocked ? Math.min(lockedIdleMs, idleAfterMs) : idleAfterMs;
}

function minutes(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

function present(reason: PresenceReason, message: string): Presence {
  return { present: true, reason, message };
}

function away(reason: PresenceReason, message: string): Presence {
  return { present: false, reason, message };
}
