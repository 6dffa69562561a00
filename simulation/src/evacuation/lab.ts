// The whole operator on a small simulated pool, and what tests ask of it: who runs where, what was told, what is on the way.
// For tests of leaving and holding only.

import { expect } from '@jest/globals';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { getCondition } from '@idlewild/operator/api/conditions.ts';
import { isMigrationOver } from '@idlewild/operator/api/kubevirt.ts';
import { nodes, virtualMachineInstanceMigrations } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { errorFromResponse } from '@idlewild/operator/kube/errors.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { pino } from 'pino';
import { Pool, type Rooms } from '../crash/pool.ts';
import type { Death } from '../faults/mortal-transport.ts';
import type { Behaviour, MigrationPlan } from '../kubevirt/behaviour.ts';
import { Overheard } from '../ledger/overheard.ts';
import { Random } from '../world/random.ts';

export const minuteMs = 60_000;

interface Server {
  /** It takes its time to make something, so that the next decision is made before the answer is there. */
  readonly writeMs?: number;
  /** It refuses the first migrations. */
  readonly refuses?: { readonly first: number; readonly status: 400 | 403; readonly message: string };
}

function serving(transport: Transport, clock: Clock, { writeMs = 0, refuses }: Server): Transport {
  let asked = 0;
  return {
    ...transport,
    request: async (request) => {
      if (request.method === 'POST' && writeMs > 0) await clock.sleep(writeMs);
      const migrates =
        request.method === 'POST' && request.path.endsWith(`/${virtualMachineInstanceMigrations.plural}`);
      if (migrates && refuses && ++asked <= refuses.first) {
        throw errorFromResponse('create', refuses.status, { kind: 'Status', message: refuses.message }, undefined);
      }
      return transport.request(request);
    },
  };
}

export class Lab {
  readonly pool: Pool;
  readonly #overheard: Overheard;

  constructor(
    machines: readonly string[],
    behaviour: Partial<Behaviour> = {},
    o: Server & { readonly death?: Death } = {},
  ) {
    const rooms: Rooms = Object.fromEntries(machines.map((name) => [name, 'lab-a']));
    this.pool = new Pool({ rooms, behaviour, random: new Random(1), log: pino({ level: 'silent' }) });
    this.#overheard = new Overheard(this.pool, (transport) => serving(transport, this.pool.clock, o));
    this.#overheard.start(o.death);
  }

  /** Writes of the operators that have ended. */
  get writes(): number {
    return this.#overheard.writes;
  }

  async run(jobs: readonly string[]): Promise<void> {
    for (const name of jobs) this.pool.submit(name, { image: { containerDisk: 'sim/for-ever' } });
    await this.until('all jobs run', () => jobs.every((name) => this.on(name) !== undefined));
    // Until guests are free to move.
    await this.pool.clock.advance(5_000);
  }

  async until(what: string, holds: () => boolean, withinMs = 30 * minuteMs): Promise<void> {
    if (await this.pool.clock.runUntil(holds, this.pool.clock.monotonic() + withinMs)) return;
    throw new Error(`never: ${what}`);
  }

  on(job: string): string | undefined {
    return this.pool.runsOn(job);
  }

  told(job: string): string {
    const condition = getCondition(this.pool.job(job)?.status?.conditions, 'Interrupted');
    return condition === undefined ? '' : `${condition.status} ${condition.reason}`;
  }

  /** What its condition Interrupted says. */
  message(job: string): string | undefined {
    return getCondition(this.pool.job(job)?.status?.conditions, 'Interrupted')?.message;
  }

  marked(job: string): boolean {
    return this.pool.vmi(`${job}-1`)?.status?.evacuationNodeName !== undefined;
  }

  moving(): number {
    return this.pool.migrations().filter((each) => !isMigrationOver(each)).length;
  }

  /** Lines of the ledger about leaving; it writes them a moment later. */
  async lines(job: string): Promise<string[]> {
    await this.pool.clock.advance(1_000);
    const about = new Set(['Migrated', 'MigrationFailed', 'CalledOff', 'NoMachineForGuest', 'RecreatedElsewhere']);
    return this.#overheard
      .entries(job)
      .filter(({ reason }) => about.has(reason))
      .map(({ reason, cause }) => (cause === undefined ? reason : `${reason} ${cause}`));
  }

  node(name: string): Node | undefined {
    return this.pool.api.get<Node>(nodes, { name });
  }

  async close(): Promise<void> {
    await this.#overheard.stop();
    expect(this.pool.twins).toEqual([]);
  }
}

export async function inLab(lab: Lab, play: (lab: Lab) => Promise<void>): Promise<void> {
  try {
    await play(lab);
  } finally {
    await lab.close();
  }
}

export const always = (outcome: MigrationPlan['outcome'], copyMs = 4_000): Partial<Behaviour> => ({
  migration: () => ({ outcome, copyMs }),
});
