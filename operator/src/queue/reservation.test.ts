// Which machine is kept for a job that fits nowhere, and what may run there meanwhile.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aJob, noon } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { passOver } from '../../../test/builders/queue.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { nothing, type Amount } from '../model/capacity.ts';
import { machineOf, type Machine } from '../model/machine.ts';
import { estimateStarts } from './estimate.ts';
import { backfill, reservationFor, type Occupancy, type Occupant } from './reservation.ts';

const cores = (n: number): Amount => ({ ...nothing, cores: n });
const machine = (name: string, n = 4): Machine => machineOf(aMachine(name, { cores: n, memoryMiB: 65_536 }), {});

/** Each machine of four cores with guests given as [cores, end in seconds after noon or undefined]. */
function occupied(guests: Record<string, [number, number?][]>): Occupancy {
  const occupants = ({ name }: Machine): Occupant[] =>
    (guests[name] ?? []).map(([n, end]) => ({
      needs: cores(n),
      endsAtMs: end === undefined ? undefined : noon + end * 1000,
    }));
  return {
    occupants,
    free: (of) => cores(of.offer.cores - occupants(of).reduce((sum, { needs }) => sum + needs.cores, 0)),
  };
}

const machines = ['a', 'b', 'c'].map((name) => machine(name));

describe('the machine that is kept', () => {
  it.each<[string, Record<string, [number, number?][]>, number, { machine: string; at?: number; spare?: number }]>([
    [
      'is the one on which the job fits first',
      { a: [[4, 900]], b: [[4, 300]], c: [[4, 600]] },
      4,
      { machine: 'b', at: 300, spare: 0 },
    ],
    [
      'has as many guests leave as are needed, and no more',
      {
        a: [
          [1, 100],
          [1, 200],
          [2, 900],
        ],
        b: [[4, 500]],
        c: [[4, 500]],
      },
      2,
      { machine: 'a', at: 200, spare: 0 },
    ],
    [
      'tells what will be left beside the job',
      { a: [[4, 100]], b: [[4, 500]], c: [[4, 500]] },
      3,
      { machine: 'a', at: 100, spare: 1 },
    ],
    [
      'is rather one whose guests have walltimes than one that is emptier',
      { a: [[1]], b: [[4, 5_000]], c: [[4]] },
      4,
      { machine: 'b', at: 5_000, spare: 0 },
    ],
    ['is the emptiest when no walltimes tell', { a: [[3]], b: [[1]], c: [[2]] }, 4, { machine: 'b' }],
    [
      'has guests beyond their walltime counted as leaving now',
      { a: [[4, -10]], b: [[4, 10]], c: [[4]] },
      4,
      { machine: 'a', at: 0, spare: 0 },
    ],
    [
      'is the first by name among equals',
      { a: [[4, 60]], b: [[4, 60]], c: [[4, 60]] },
      4,
      { machine: 'a', at: 60, spare: 0 },
    ],
  ])('%s', (_name, guests, needs, expected) => {
    const found = reservationFor(cores(needs), machines, occupied(guests), noon);
    expect({
      machine: found?.machine,
      ...(found?.atMs === undefined ? {} : { at: (found.atMs - noon) / 1000 }),
      ...(found?.spare === undefined ? {} : { spare: found.spare.cores }),
    }).toEqual(expected);
  });
});

describe('beside a job for which a machine is kept', () => {
  const kept = { machine: 'a', atMs: noon + 600_000, spare: cores(1) };
  it.each<[string, typeof kept | { machine: string }, number, number | undefined, 'before' | 'beside' | undefined]>([
    ['one that is gone before it comes', kept, 2, 600, 'before'],
    ['one that would be a second too long', kept, 2, 601, undefined],
    ['one without a walltime that fits beside it', kept, 1, undefined, 'beside'],
    ['one without a walltime that does not', kept, 2, undefined, undefined],
    ['one of any walltime when nobody knows when the other comes', { machine: 'a' }, 1, 1, undefined],
  ])('%s', (_name, reservation, needs, end, expected) => {
    const endsAtMs = end === undefined ? undefined : noon + end * 1000;
    expect(backfill(reservation, { needs: cores(needs), endsAtMs })).toBe(expected);
  });
});

describe('estimates', () => {
  const waiting = (key: string, n: number, walltimeS?: number) => ({
    key,
    needs: cores(n),
    walltimeMs: walltimeS === undefined ? undefined : walltimeS * 1000,
    candidates: () => machines,
  });
  const starts = (guests: Record<string, [number, number?][]>, line: ReturnType<typeof waiting>[]) =>
    Object.fromEntries([...estimateStarts(line, occupied(guests), noon)].map(([key, ms]) => [key, (ms - noon) / 1000]));

  it('follow from the walltimes of the guests and of those before in line', () => {
    const guests: Record<string, [number, number?][]> = { a: [[4, 100]], b: [[4, 200]], c: [[4]] };
    const line = [waiting('1st', 4, 50), waiting('2nd', 4, 1_000), waiting('3rd', 4)];
    expect(starts(guests, line)).toEqual({ '1st': 100, '2nd': 150, '3rd': 200 });
  });

  it('are not made where nobody can know', () => {
    const guests: Record<string, [number, number?][]> = { a: [[4, 100]], b: [[4]], c: [[4]] };
    expect(starts(guests, [waiting('1st', 4), waiting('2nd', 1)])).toEqual({ '1st': 100 });
  });
});

describe('a big job at the head of the line', () => {
  it('starts when the guests that ran at its reservation have ended, whatever small jobs keep coming', () => {
    const guest = fc.record({ cores: fc.integer({ min: 1, max: 4 }), walltime: fc.integer({ min: 1, max: 60 }) });
    const small = fc.record({
      cores: fc.integer({ min: 1, max: 3 }),
      walltime: fc.option(fc.integer({ min: 1, max: 90 }), { nil: undefined }),
      at: fc.integer({ min: 0, max: 60 }),
    });
    fc.assert(
      fc.property(
        fc.array(guest, { minLength: 2, maxLength: 2 }),
        fc.array(small, { maxLength: 25 }),
        (guests, smalls) => {
          const nodes = ['a', 'b'].map((name) => aMachine(name, { cores: 4, memoryMiB: 65_536 }));
          // Seconds are minutes here: the walltime counts from the start, which comes with the claim.
          let jobs: ComputeJob[] = guests.map((each, index) => {
            const spec = { resources: { cores: each.cores }, walltime: `${each.walltime}m`, startDeadline: '1s' };
            return aJob(`guest-${index}`, spec)
              .published(-10)
              .claimedBy(['a', 'b'][index] ?? '')
              .started(0).job;
          });
          const latest = Math.min(...guests.map(({ walltime }) => walltime));
          jobs.push(aJob('big', { resources: { cores: 4 }, startDeadline: '1s' }).published(-5).job);
          let started: number | undefined;
          for (let minute = 0; minute <= 61 && started === undefined; minute++) {
            const nowS = minute * 60;
            const over = (job: ComputeJob): boolean => {
              const since = job.status?.attempts?.at(-1)?.started;
              const { walltime } = job.spec;
              if (since === undefined || walltime === undefined) return false;
              return Date.parse(since) + Number.parseInt(walltime) * 60_000 <= noon + nowS * 1000;
            };
            jobs = jobs.filter((job) => !over(job));
            smalls.forEach(({ cores: n, walltime, at }, index) => {
              if (at !== minute) return;
              const limit = walltime === undefined ? {} : { walltime: `${walltime}m` };
              jobs.push(
                aJob(`small-${index}`, { resources: { cores: n }, startDeadline: '1s', ...limit }).published(nowS).job,
              );
            });
            const { claimed } = passOver(nodes, jobs, { nowS });
            if (claimed.big !== undefined) started = minute;
            jobs = jobs.map((job) => {
              const node = claimed[job.metadata.name];
              if (node === undefined) return job;
              return aJob(job.metadata.name, job.spec).published().claimedBy(node, { at: nowS }).started(nowS).job;
            });
          }
          expect(started).toBeDefined();
          expect(started).toBeLessThanOrEqual(latest);
        },
      ),
      { numRuns: 60 },
    );
  });
});
