// Nobody reaches the API server, and the operator is gone as well: which guests die, and how a lab of hundreds of machines comes back.
import { describe, expect, it } from '@jest/globals';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { pino } from 'pino';
import { namespace, Pool } from '../crash/pool.ts';
import { isCounted } from '../faults/mortal-transport.ts';
import { Lives } from '../runtime/lives.ts';
import { Random } from '../world/random.ts';

const machines = Array.from({ length: 300 }, (_, index) => `pc-${index + 1}`);
const alone = Array.from({ length: 160 }, (_, index) => `alone-${index + 1}`);
const shared = Array.from({ length: 80 }, (_, index) => `shared-${index + 1}`);
const all = [...alone, ...shared];
const roomSize = 20;
const minuteMs = 60_000;
/** What a request takes. */
const requestMs = 10;
/** A: so long after its last renewal an agent ends its guests, and it renews every two seconds. */
const [killAfterMs, renewEveryMs, sharedMs] = [6_000, 2_000, 300_000];
/** All that a machine lends: sixty machines are left without a guest. */
const forEver = { resources: { cores: 2, memory: '128Mi', gpus: 0 }, image: { containerDisk: 'sim/for-ever' } };

interface Ended {
  readonly job: string;
  readonly end: string;
  /** Since the API server went away. */
  readonly afterMs: number;
}

/** A lab in which everything runs, and what is heard of it from then on. */
class Lab {
  readonly pool: Pool;
  ended: Ended[] = [];
  /** Of the operator, since the API server went away. */
  writes = 0;
  /** Of its requests at one time. */
  mostAtOnce = 0;
  #atOnce = 0;
  #downMs = 0;
  readonly #lives: Lives;

  constructor(restartMs: number) {
    const random = new Random(1);
    const log = pino({ level: 'silent' });
    const rooms = Object.fromEntries(machines.map((name, index) => [name, `room-${Math.floor(index / roomSize)}`]));
    this.pool = new Pool({ rooms, behaviour: {}, random: random.fork('pool'), log });
    const { clock, kubeVirt } = this.pool;
    kubeVirt.guests.watch({
      ended: ({ job }, end) =>
        this.ended.push({ job: job.slice(namespace.length + 1), end, afterMs: clock.monotonic() - this.#downMs }),
    });
    this.#lives = new Lives({
      ...{ clock, operatorClock: clock, log, random: random.fork('operator'), flags: [], restartMs },
      transport: () => this.#counting(this.pool.transport()),
      death: () => undefined,
    });
  }

  async until(what: string, holds: () => boolean, withinMs: number): Promise<void> {
    const { clock } = this.pool;
    if (!(await clock.runUntil(holds, clock.monotonic() + withinMs))) throw new Error(`never: ${what}`);
  }

  /** Whether the job has a guest that truly works, and the operator knows of it. */
  works(name: string): boolean {
    const machine = this.pool.runsOn(name);
    const { guests } = this.pool.kubeVirt;
    return (
      machine !== undefined &&
      guests.on(machine).some(({ job, startedMs }) => job === `${namespace}/${name}` && startedMs !== undefined)
    );
  }

  /** How the attempts of these jobs have ended, each way once. */
  ends(jobs: readonly string[]): string[] {
    const endsOf = (name: string) =>
      (this.pool.job(name)?.status?.attempts ?? []).map(({ reason }) => reason ?? 'open');
    return [...new Set(jobs.map((name) => endsOf(name).join(', ')))].sort();
  }

  failures(): number {
    return all.reduce((sum, name) => sum + (this.pool.job(name)?.status?.failures ?? 0), 0);
  }

  async start(): Promise<void> {
    this.#lives.start();
    for (const name of alone) this.pool.submit(name, forEver);
    const twice = { exclusive: false, ownerReturns: 'Migrate' as const };
    for (const name of shared) this.pool.submit(name, { ...forEver, interruption: twice });
    await this.until('all work', () => all.every((name) => this.works(name)), 10 * minuteMs);
    await this.pool.clock.advance(minuteMs);
  }

  /** Nobody reaches the API server for so long, and the operator is killed at the same moment. */
  async isDown(forMs: number, meanwhile: () => void = () => undefined): Promise<void> {
    const { clock } = this.pool;
    this.#downMs = clock.monotonic();
    this.ended = [];
    this.writes = this.mostAtOnce = 0;
    this.pool.goDown();
    this.#lives.kill();
    meanwhile();
    await clock.advance(forMs);
    this.pool.comeUp();
  }

  async stop(): Promise<void> {
    const stopped = this.#lives.stop();
    await this.pool.clock.advance(10_000);
    await stopped;
  }

  #counting(inner: Transport): Transport {
    return {
      ...inner,
      request: async (request) => {
        if (isCounted(request)) this.writes += 1;
        this.mostAtOnce = Math.max(this.mostAtOnce, (this.#atOnce += 1));
        try {
          await this.pool.clock.sleep(requestMs);
          return await inner.request(request);
        } finally {
          this.#atOnce -= 1;
        }
      },
    };
  }
}

/** @param restartMs after which another operator takes the place of one that was killed. */
async function inLab(restartMs: number, play: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = new Lab(restartMs);
  try {
    await lab.start();
    await play(lab);
    expect(lab.pool.twins).toEqual([]);
  } finally {
    await lab.stop();
  }
}

describe('an API server that three hundred machines do not reach for a minute, nor does any operator', () => {
  it(
    'costs the guests of which only one may be at their deadline and no other; all work again soon, without a rush',
    () =>
      inLab(2_000, async (lab) => {
        // Meanwhile five machines lose their power for good.
        const doomed = shared.slice(0, 5);
        const dark = doomed.map((name) => lab.pool.runsOn(name) ?? '').sort();
        const spared = shared.filter((name) => !doomed.includes(name));
        await lab.isDown(minuteMs, () => dark.forEach((machine) => lab.pool.kubeVirt.powerOff(machine)));
        const fenced = lab.ended.filter(({ end }) => end === 'fenced');
        expect(fenced.map(({ job }) => job).sort()).toEqual([...alone].sort());
        for (const { afterMs } of fenced) {
          expect(afterMs).toBeGreaterThanOrEqual(killAfterMs - renewEveryMs);
          expect(afterMs).toBeLessThanOrEqual(killAfterMs);
        }
        expect(lab.ended).toHaveLength(alone.length + doomed.length);
        const others = [...alone, ...spared];
        await lab.until('all others work', () => others.every((name) => lab.works(name)), minuteMs);
        await lab.until('all work', () => all.every((name) => lab.works(name)), minuteMs);
        await lab.pool.clock.advance(5 * minuteMs);
        expect(machines.filter((machine) => lab.pool.isLost(machine)).sort()).toEqual(dark);
        expect(machines.filter((machine) => lab.pool.leaseHolder(machine)?.startsWith('lost:')).sort()).toEqual(dark);
        expect(lab.ends(alone)).toEqual(['MachineLost, open']);
        expect(lab.ends(doomed)).toEqual(['MachineLost, open']);
        expect(lab.ends(spared)).toEqual(['open']);
        expect(lab.failures()).toBe(0);
        expect(lab.ended).toHaveLength(alone.length + doomed.length);
        expect(lab.mostAtOnce).toBeLessThanOrEqual(24);
        expect(lab.writes).toBeLessThanOrEqual(11 * (alone.length + doomed.length));
      }),
    180_000,
  );

  it(
    'costs no more when the next operator comes a minute later still, and no repeats of those that are counted',
    () =>
      inLab(2 * minuteMs, async (lab) => {
        await lab.isDown(minuteMs);
        await lab.until('all work', () => all.every((name) => lab.works(name)), 2 * minuteMs);
        expect(lab.ended).toHaveLength(alone.length);
        expect(lab.ends(alone)).toEqual(['MachineLost, open']);
        expect(lab.ends(shared)).toEqual(['open']);
        expect(lab.failures()).toBe(0);
        expect(machines.filter((machine) => lab.pool.isLost(machine))).toEqual([]);
      }),
    180_000,
  );

  it(
    'costs every guest when it lasts longer than even those live without their lease',
    () =>
      inLab(2_000, async (lab) => {
        await lab.isDown(6 * minuteMs);
        const times = lab.ended.filter(({ job }) => shared.includes(job)).map(({ afterMs }) => afterMs);
        expect(times).toHaveLength(shared.length);
        expect(Math.min(...times)).toBeGreaterThanOrEqual(sharedMs - renewEveryMs);
        expect(Math.max(...times)).toBeLessThanOrEqual(sharedMs + 1_000);
        await lab.until('all work', () => all.every((name) => lab.works(name)), 2 * minuteMs);
        expect(lab.ends(all)).toEqual(['MachineLost, open']);
        expect(lab.failures()).toBe(0);
      }),
    180_000,
  );
});
