// What a measurement yields, and the few statistics that it needs.

import type { Site } from './cluster.ts';

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  /** The same of the bare client, in the same run. */
  readonly bare?: number;
  /** Median over rounds of value / bare; absent when there is nothing to compare with. */
  readonly ratio?: number;
  readonly aim?: Aim;
  /** Spread over rounds, or under which conditions. */
  readonly note?: string;
}

interface Aim {
  readonly of: 'value' | 'ratio';
  readonly is: 'at least' | 'at most';
  readonly limit: number;
}

/** How large a run is. `full` is what the figures are defined for; anything smaller only shows that they can be taken. */
export interface Scale {
  readonly rounds: number;
  readonly machines: number;
  readonly queued: number;
  readonly steady: { readonly waiting: number; readonly jobs: number; readonly perSecond: number };
  readonly life: { readonly atOnce: number; readonly later: number };
  readonly large: { readonly finished: number; readonly running: number; readonly waiting: number };
  readonly growth: { readonly fewer: number; readonly jobs: number };
  readonly pages: {
    readonly jobs: number;
    readonly streams: number;
    readonly changes: number;
    readonly consoles: number;
    /** For which the guests of the consoles are asked. */
    readonly seconds: number;
  };
  /** Jobs in a whole lab. */
  readonly started: number;
  /** An operator that wrote nothing for so long is at rest. */
  readonly quietMs: number;
}

export const full: Scale = {
  rounds: 3,
  machines: 1000,
  queued: 5000,
  steady: { waiting: 1000, jobs: 150, perSecond: 5 },
  life: { atOnce: 1000, later: 500 },
  large: { finished: 1000, running: 2000, waiting: 5000 },
  growth: { fewer: 100, jobs: 500 },
  pages: { jobs: 1000, streams: 200, changes: 200, consoles: 100, seconds: 20 },
  started: 3,
  quietMs: 1_000,
};

/** The same with fewer machines and jobs, for a quick look; rates do not change. */
export function scaled(scale: Scale, fraction: number): Scale {
  const few = (count: number): number => Math.max(1, Math.round(count * fraction));
  const { steady, life, large, growth, pages } = scale;
  return {
    ...scale,
    machines: few(scale.machines),
    queued: few(scale.queued),
    steady: { ...steady, waiting: few(steady.waiting), jobs: few(steady.jobs) },
    life: { atOnce: few(life.atOnce), later: few(life.later) },
    large: { finished: few(large.finished), running: few(large.running), waiting: few(large.waiting) },
    growth: { fewer: few(growth.fewer), jobs: few(growth.jobs) },
    pages: {
      ...{ jobs: few(pages.jobs), streams: few(pages.streams), changes: few(pages.changes) },
      ...{ consoles: few(pages.consoles), seconds: few(pages.seconds) },
    },
  };
}

export interface Bench {
  readonly site: Site;
  readonly scale: Scale;
  /** On which the kubelets of the simulated machines answer. */
  readonly kubeletPort: number;
  /** Says what is under way, in one line. */
  readonly say: (what: string) => void;
  /** Where processor profiles of the operator go, when they are wanted. */
  readonly profiles?: string | undefined;
}

export interface Measurement {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  run(bench: Bench): Promise<Figure[]>;
}

/** @param q from 0 to 1 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** A figure over rounds, each of which measured both. */
export function compared(
  o: Omit<Figure, 'value' | 'bare' | 'ratio'>,
  rounds: readonly { readonly value: number; readonly bare: number }[],
): Figure {
  const ratios = rounds.map(({ value, bare }) => value / bare);
  return {
    ...o,
    value: median(rounds.map(({ value }) => value)),
    bare: median(rounds.map(({ bare }) => bare)),
    ratio: median(ratios),
  };
}

/** Undefined when there is no aim. */
export function isMet({ aim, value, ratio }: Figure): boolean | undefined {
  if (aim === undefined) return undefined;
  const measured = aim.of === 'value' ? value : (ratio ?? NaN);
  return aim.is === 'at least' ? measured >= aim.limit : measured <= aim.limit;
}
