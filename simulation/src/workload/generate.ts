// A week of a lab's users: steady ones, bursts, desktops in the working hours, big jobs, somebody who submits a thousand at once.
// Promises: seeded; exactly as many jobs as asked for; their work adds up to the asked share of what the pool can lend.

import { labels } from '@idlewild/operator/model/names.ts';
import type { Random } from '../world/random.ts';
import { dayMs, hourMs } from '../owners/visit.ts';
import { coreMsOf, type GuestTruth, type JobPlan, type SpecAsked, type Workload } from './job-plan.ts';

export interface WorkloadWish {
  readonly jobs: number;
  readonly days: number;
  /** What the machines can lend in this time as far as the owners let them, core-hours. */
  readonly coreHours: number;
  /** Work of all jobs over `coreHours`. */
  readonly load: number;
  /** The most that a single machine lends. */
  readonly largest: { readonly cores: number; readonly memoryMiB: number };
}

interface Family {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of all jobs. */
  readonly share: number;
  /** When jobs come, ms. */
  readonly arrivals: (random: Random, count: number, lengthMs: number) => number[];
  readonly job: (random: Random, o: WorkloadWish) => { spec: SpecAsked; medianMs: number; spread: number };
}

const minute = 60_000;
const mibPerCore = [512, 1024, 2048] as const;

const batch = (random: Random, cores: number, more: Partial<SpecAsked> = {}): SpecAsked => ({
  mode: 'Batch',
  script: 'exec work',
  image: { containerDisk: `lab/${random.pick(['tiny', 'debian', 'science'])}` },
  resources: { cores, memory: `${cores * random.pick(mibPerCore)}Mi` },
  ...more,
});

const families: readonly Family[] = [
  {
    namespace: 'biology',
    labels: {},
    share: 0.3,
    arrivals: steady,
    job: (random) => ({ spec: batch(random, random.pick([1, 2, 2, 4])), medianMs: 50 * minute, spread: 1 }),
  },
  {
    namespace: 'physics',
    labels: { [labels.weight]: '2' },
    share: 0.25,
    arrivals: bursts,
    job: (random) => ({
      spec: batch(random, random.pick([1, 1, 2]), { priority: random.chance(0.1) ? 'Low' : 'Normal' }),
      medianMs: 30 * minute,
      spread: 0.6,
    }),
  },
  {
    namespace: 'rendering',
    labels: {},
    share: 0.06,
    arrivals: steady,
    job: (random, { largest }) => {
      const cores = Math.max(1, Math.round(largest.cores * random.pick([0.5, 0.75, 1])));
      const disk = random.chance(0.5) ? { disk: '8Gi' } : {};
      const spec = batch(random, cores);
      return {
        spec: { ...spec, resources: { cores, memory: `${Math.floor(cores * 1024)}Mi`, ...disk } },
        medianMs: 90 * minute,
        spread: 0.5,
      };
    },
  },
  {
    namespace: 'learning',
    labels: {},
    share: 0.12,
    arrivals: workingHours,
    job: (random) => ({
      spec: batch(random, random.pick([2, 4]), {
        priority: random.chance(0.2) ? 'High' : random.chance(0.03) ? 'Urgent' : 'Normal',
        ...(random.chance(0.2) ? { placement: { dedicatedOnly: true } } : {}),
      }),
      medianMs: 120 * minute,
      spread: 0.8,
    }),
  },
  {
    namespace: 'courses',
    labels: { [labels.maxPriority]: 'Normal' },
    share: 0.12,
    arrivals: workingHours,
    job: (random) => ({
      spec: {
        mode: 'Session',
        console: random.pick(['VNC', 'Serial']),
        image: { containerDisk: 'lab/desktop' },
        resources: { cores: random.pick([1, 2]), memory: '2Gi' },
        priority: 'High',
      },
      medianMs: 70 * minute,
      spread: 0.5,
    }),
  },
  {
    namespace: 'flood',
    labels: {},
    share: 0.1,
    arrivals: (random, count, lengthMs) => {
      const at = lengthMs * random.between(0.2, 0.6);
      return Array.from({ length: count }, (_, index) => at + index * 20);
    },
    job: (random) => ({ spec: batch(random, 1), medianMs: 20 * minute, spread: 0.3 }),
  },
  {
    namespace: 'visitors',
    labels: {},
    share: 0.05,
    arrivals: steady,
    job: (random) => ({
      spec: batch(random, random.pick([1, 2]), { priority: random.chance(0.5) ? 'Low' : 'Normal' }),
      medianMs: 15 * minute,
      spread: 1.2,
    }),
  },
];

export function generateWorkload(random: Random, wish: WorkloadWish): Workload {
  const lengthMs = wish.days * dayMs;
  // Nobody submits in the last tenth: what comes then could not end.
  const open = lengthMs * 0.9;
  const rough: JobPlan[] = [];
  families.forEach((family, index) => {
    const own = random.fork(family.namespace);
    const before = families.slice(0, index).reduce((sum, { share }) => sum + share, 0);
    const count = Math.round((before + family.share) * wish.jobs) - Math.round(before * wish.jobs);
    const times = family.arrivals(own, count, open);
    times.forEach((atMs, number) => {
      const name = `${family.namespace}-${number + 1}`;
      rough.push(planOf(own.fork(name), family, name, Math.min(open, Math.round(atMs)), wish));
    });
  });
  const total = rough.reduce((sum, plan) => sum + coreMsOf(plan), 0);
  const scale = total === 0 ? 1 : (wish.load * wish.coreHours * hourMs) / total;
  const jobs = rough.map((plan) => scaled(plan, scale, lengthMs)).sort((a, b) => a.atMs - b.atMs);
  return { jobs, namespaces: new Map(families.map(({ namespace, labels: own }) => [namespace, own])) };
}

function planOf(random: Random, family: Family, name: string, atMs: number, wish: WorkloadWish): JobPlan {
  const { spec, medianMs, spread } = family.job(random, wish);
  const session = spec.mode === 'Session';
  const fails = !session && random.chance(0.05);
  const truth: GuestTruth = {
    workMs: Math.max(10_000, random.logNormal(medianMs, spread)),
    exitCode: fails ? random.whole(1, 120) : 0,
    crashes: random.chance(0.015) ? random.whole(1, 3) : 0,
    silent: random.chance(0.01) ? random.whole(1, 3) : 0,
  };
  const limit = random.whole(0, 3);
  const when: ('ScriptFailed' | 'StartFailed')[] = random.chance(0.3)
    ? ['StartFailed', 'ScriptFailed']
    : ['StartFailed'];
  return {
    atMs,
    namespace: family.namespace,
    name,
    spec: { ...spec, retries: { limit, when }, ...(random.chance(0.8) ? { ttlSecondsAfterFinished: 3600 } : {}) },
    truth,
    ...(random.chance(0.03) ? { deletedAfterMs: random.exponential(2 * hourMs) } : {}),
  };
}

/** The same job with its work made longer or shorter, and with a walltime where its user would give one. */
function scaled(plan: JobPlan, scale: number, lengthMs: number): JobPlan {
  const workMs = Math.min(lengthMs / 4, Math.max(10_000, Math.round((plan.truth.workMs ?? 0) * scale)));
  const truth = { ...plan.truth, workMs };
  // Chosen by what is known of the job, so that the scale does not change who gives one.
  const generosity = [undefined, 2, 1.3, 4, undefined, 1.6, 0.9, 3][(plan.name.length * 31 + plan.atMs) % 8];
  if (plan.spec.mode === 'Session') {
    const minutes = Math.ceil((workMs * 1.5) / minute);
    return { ...plan, truth, spec: { ...plan.spec, walltime: `${minutes}m` } };
  }
  if (generosity === undefined) return { ...plan, truth };
  // A guess below the truth is what a walltime exists for, but it is rare.
  const factor = generosity < 1 && plan.atMs % 3 !== 0 ? 1.5 : generosity;
  const minutes = Math.max(1, Math.ceil((workMs * factor) / minute));
  return { ...plan, truth, spec: { ...plan.spec, walltime: `${minutes}m` } };
}

function steady(random: Random, count: number, lengthMs: number): number[] {
  return Array.from({ length: count }, () => random.between(0, lengthMs));
}

/** Parameter sweeps: 10 to 60 jobs within seconds. */
function bursts(random: Random, count: number, lengthMs: number): number[] {
  const times: number[] = [];
  while (times.length < count) {
    const at = random.between(0, lengthMs);
    const size = Math.min(count - times.length, random.whole(10, 60));
    for (let index = 0; index < size; index++) times.push(at + index * 200);
  }
  return times;
}

function workingHours(random: Random, count: number, lengthMs: number): number[] {
  const days = Math.max(1, Math.ceil(lengthMs / dayMs));
  return Array.from({ length: count }, () => {
    let day = random.whole(0, days - 1);
    if (day % 7 >= 5 && random.chance(0.8)) day = Math.max(0, day - 2);
    const at = day * dayMs + random.normal(13, 2.5) * hourMs;
    return at >= 0 && at < lengthMs ? at : random.between(0, lengthMs);
  });
}
