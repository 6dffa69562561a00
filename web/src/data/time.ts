// Times and spans in words. Promises: pure.

/** 45 s, 3 min, 2 h 10 min, 4 d. @param ms the span. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** @param at RFC 3339. */
export const clockTime = (at: string): string => (at === '' ? '' : clock.format(new Date(at)));
export const fullTime = (at: string): string => (at === '' ? '' : day.format(new Date(at)));

const short = new Intl.DateTimeFormat(undefined, {
  ...{ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' },
  hourCycle: 'h23',
});
/** With its day: 21 Nov, 10:04. @param at RFC 3339. */
export const shortTime = (at: string): string => (at === '' ? '' : short.format(new Date(at)));

const tick = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const dayTick = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
/** As exact as ticks that are so far apart need it. @param ms since the epoch. */
export function tickTime(ms: number, stepMs: number): string {
  if (stepMs < 60_000) return clock.format(ms);
  return (stepMs < 24 * 3600_000 ? tick : dayTick).format(ms);
}

/** Spans that are told to the tenth below ten seconds: 0.9 s, 12 s, 3 min. @param ms the span. */
export const exactSpan = (ms: number): string => (ms > 0 && ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : span(ms));
