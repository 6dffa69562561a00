// Which part of a timeline is seen, and where its ticks are.
// Promises: pure; never shows what is before the beginning or after the end, and never less than two seconds.

/** ms since the epoch. */
export interface View {
  readonly from: number;
  readonly to: number;
}

const leastMs = 2_000;

/**
 * @param factor below 1 shows less time, above 1 more.
 * @param at the time that stays where it is.
 * @returns undefined: all of it, also when it grows.
 */
export function zoomed(view: View, whole: View, factor: number, at: number): View | undefined {
  const all = whole.to - whole.from;
  const width = Math.max(Math.min(leastMs, all), (view.to - view.from) * factor);
  if (width >= all) return undefined;
  const share = (at - view.from) / (view.to - view.from);
  return placed(at - width * share, width, whole);
}

/** @param share of what is seen: 0.5 goes on by half of it, below 0 goes back. */
export function panned(view: View, whole: View, share: number): View {
  const width = view.to - view.from;
  return placed(view.from + width * share, width, whole);
}

function placed(from: number, width: number, whole: View): View {
  const begin = Math.max(whole.from, Math.min(from, whole.to - width));
  return { from: begin, to: begin + width };
}

/** Where something is drawn, in percent of what is seen; undefined when it is outside. */
export function placeOf(view: View, from: number, to: number): { left: number; width: number } | undefined {
  if (to < view.from || from > view.to) return undefined;
  const percent = (at: number): number => ((at - view.from) / (view.to - view.from)) * 100;
  const left = percent(Math.max(from, view.from));
  return { left, width: percent(Math.min(to, view.to)) - left };
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12].map((count) => count * hour),
  ...[1, 2, 7, 14, 30].map((count) => count * day),
];

interface Ticks {
  readonly stepMs: number;
  readonly at: readonly number[];
}

/**
 * At round times of the reader's clock.
 * @param most how many fit.
 * @param offsetMs the reader's clock less UTC.
 */
export function ticksOf(view: View, most: number, offsetMs: number): Ticks {
  const width = view.to - view.from;
  const last = steps.at(-1) ?? day;
  const stepMs = steps.find((step) => width / step <= most) ?? Math.ceil(width / most / last) * last;
  const at: number[] = [];
  const first = Math.ceil((view.from + offsetMs) / stepMs) * stepMs - offsetMs;
  for (let tick = first; tick <= view.to; tick += stepMs) at.push(tick);
  return { stepMs, at };
}
