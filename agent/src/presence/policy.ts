// When a machine lends, as its admin and its owner want it.
// Promises: pure; hours are those of the policy's time zone, whatever the machine's; of two policies the stricter one lends only
// when both would.

export type LendingMode = 'Always' | 'WhenIdle' | 'Never';

export interface LendingHours {
  /** IANA name such as Europe/Berlin. */
  readonly timeZone: string;
  /** Days of the week, 1 Monday to 7 Sunday, with local times "HH:MM"; `to` before `from` goes on past midnight. */
  readonly windows: readonly { readonly days: readonly number[]; readonly from: string; readonly to: string }[];
  /** Local dates "YYYY-MM-DD" on which it lends all day. */
  readonly holidays: readonly string[];
}

export interface Policy {
  readonly mode: LendingMode;
  /** Nobody touched it for this long, ms. */
  readonly idleAfterMs: number;
  /** It lends only within all of them; without any at any hour. */
  readonly hours?: readonly LendingHours[] | undefined;
}

const byStrictness: readonly LendingMode[] = ['Always', 'WhenIdle', 'Never'];

/** Lends only when both would. */
export function stricter(a: Policy, b: Policy): Policy {
  const rank = ({ mode }: Policy): number => byStrictness.indexOf(mode);
  const hours = [...(a.hours ?? []), ...(b.hours ?? [])];
  return {
    mode: rank(a) >= rank(b) ? a.mode : b.mode,
    idleAfterMs: Math.max(a.idleAfterMs, b.idleAfterMs),
    ...(hours.length === 0 ? {} : { hours }),
  };
}

/** Whether its hours let the machine lend at `nowMs` (ms since the epoch). */
export function isOpen({ hours = [] }: Policy, nowMs: number): boolean {
  return hours.every((each) => isWithin(each, nowMs));
}

function isWithin(hours: LendingHours, nowMs: number): boolean {
  const here = localTime(hours.timeZone, nowMs);
  if (hours.holidays.includes(here.date)) return true;
  const yesterday = here.day === 1 ? 7 : here.day - 1;
  return hours.windows.some(({ days, from, to }) =>
    from <= to
      ? days.includes(here.day) && from <= here.time && here.time < to
      : (days.includes(here.day) && from <= here.time) || (days.includes(yesterday) && here.time < to),
  );
}

function localTime(timeZone: string, nowMs: number): { date: string; time: string; day: number } {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    weekday: 'short',
    hourCycle: 'h23',
  }).formatToParts(nowMs);
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.find((each) => each.type === type)?.value ?? '';
  return {
    date: `${part('year')}-${part('month')}-${part('day')}`,
    time: `${part('hour')}:${part('minute')}`,
    day: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(part('weekday')) + 1,
  };
}
