// What becomes of guests whose machines have to be left, with the whole operator on a simulated pool.
import { describe, expect, it } from '@jest/globals';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { getCondition } from '@idlewild/operator/api/conditions.ts';
import { isMigrationOver } from '@idlewild/operator/api/kubevirt.ts';
import { nodes, virtualMachineInstanceMigrations } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { pino } from 'pino';
import { namespace, Pool, type Rooms } from '../crash/pool.ts';
import type { Death } from '../faults/mortal-transport.ts';
import type { Behaviour, MigrationPlan } from '../kubevirt/behaviour.ts';
import { Overheard } from '../ledger/overheard.ts';
import { Random } from '../world/random.ts';

const minuteMs = 60_000;

/** A server that takes its time to make something, so that the next decision is made before the answer is there. */
function slow(transport: Transport, clock: Clock, writeMs: number): Transport {
  return {
    ...transport,
    request: async (request) => {
      if (request.method === 'POST' && writeMs > 0) await clock.sleep(writeMs);
      return transport.request(request);
    },
  };
}

class Lab {
  readonly pool: Pool;
  readonly #overheard: Overheard;

  constructor(
    machines: readonly string[],
    behaviour: Partial<Behaviour> = {},
    o: { death?: Death; writeMs?: number } = {},
  ) {
    const rooms: Rooms = Object.fromEntries(machines.map((name) => [name, 'lab-a']));
    this.pool = new Pool({ rooms, behaviour, random: new Random(1), log: pino({ level: 'silent' }) });
    this.#overheard = new Overheard(this.pool, (transport) => slow(transport, this.pool.clock, o.writeMs ?? 0));
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

async function inLab(lab: Lab, play: (lab: Lab) => Promise<void>): Promise<void> {
  try {
    await play(lab);
  } finally {
    await lab.close();
  }
}

const always = (outcome: MigrationPlan['outcome'], copyMs = 4_000): Partial<Behaviour> => ({
  migration: () => ({ outcome, copyMs }),
});

describe('a drain', () => {
  it('is called off while the target is not ready: the migration and the mark go, the guest stays', () =>
    inLab(new Lab(['pc-1', 'pc-2'], always('stuckTarget')), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      lab.pool.kubeVirt.drain(home);
      await lab.until('it is on its way', () => lab.moving() === 1);
      expect(lab.told('a')).toBe('True Migrating');
      // Nothing of it asks for post-copy, in which a failure on either side would lose the guest.
      expect(Object.keys(lab.pool.migrations()[0]?.spec ?? {}).sort()).toEqual(['addedNodeSelector', 'vmiName']);
      lab.pool.kubeVirt.uncordon(home);
      await lab.until('it is called off', () => lab.moving() === 0 && !lab.marked('a'), minuteMs);
      await lab.pool.clock.advance(minuteMs);
      expect(lab.told('a')).toBe('False CalledOff');
      expect(lab.on('a')).toBe(home);
      expect(await lab.lines('a')).toEqual(['CalledOff']);
    }));

  it('waits while nobody can take the guest, and is called off when the machine takes guests again', () =>
    inLab(new Lab(['pc-1']), async (lab) => {
      await lab.run(['a']);
      lab.pool.kubeVirt.drain('pc-1');
      await lab.until('it is said', () => lab.told('a') === 'True NoMachineForGuest');
      lab.pool.kubeVirt.uncordon('pc-1');
      await lab.until('it is called off', () => lab.told('a') === 'False CalledOff' && !lab.marked('a'), minuteMs);
      expect(await lab.lines('a')).toEqual(['NoMachineForGuest Drained', 'CalledOff']);
      // A later drain is heard as the first was.
      lab.pool.kubeVirt.drain('pc-1');
      await lab.until('it is said again', () => lab.told('a') === 'True NoMachineForGuest', minuteMs);
    }));

  it('moves a guest as soon as another machine is there', () =>
    inLab(new Lab(['pc-1', 'pc-2']), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      const other = home === 'pc-1' ? 'pc-2' : 'pc-1';
      lab.pool.kubeVirt.cordon(other);
      lab.pool.kubeVirt.drain(home);
      await lab.until('it is said', () => lab.told('a') === 'True NoMachineForGuest');
      lab.pool.kubeVirt.uncordon(other);
      // Well before anybody would look without being woken.
      await lab.until('it has moved', () => lab.on('a') === other, 20_000);
    }));

  it('gives up a target that does not get ready, tries another, and tells both', () => {
    let first: string | undefined;
    const migration: Behaviour['migration'] = ({ to }) => {
      first ??= to;
      return { outcome: to === first ? 'stuckTarget' : 'succeeds', copyMs: 4_000 };
    };
    return inLab(new Lab(['pc-1', 'pc-2', 'pc-3'], { migration }), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      lab.pool.kubeVirt.drain(home);
      await lab.until('it has moved', () => lab.on('a') !== home);
      await lab.pool.clock.advance(10_000);
      expect(lab.on('a')).not.toBe(first);
      expect(await lab.lines('a')).toEqual(['MigrationFailed', 'Migrated Drained']);
      const [failed, moved] = lab.pool.job('a')?.status?.interruptions ?? [];
      expect(failed).toMatchObject({ reason: 'MigrationFailed', toNode: first, migration: 'a-1-m1', seconds: 60 });
      expect(failed?.message).toMatch(/its target was not ready within 60 s, as /);
      expect(moved).toMatchObject({ reason: 'Drained', migration: 'a-1-m2', seconds: expect.any(Number) });
    });
  });

  it('tries again and again with growing pauses when every move fails', () =>
    inLab(new Lab(['pc-1', 'pc-2', 'pc-3'], always('fails')), async (lab) => {
      await lab.run(['a']);
      lab.pool.kubeVirt.drain(lab.on('a') ?? '');
      await lab.pool.clock.advance(60 * minuteMs);
      const failures = lab.pool.job('a')?.status?.interruptions ?? [];
      expect(failures.map(({ reason }) => reason)).toEqual(failures.map(() => 'MigrationFailed'));
      expect(failures.length).toBeGreaterThan(8);
      expect(failures.length).toBeLessThan(25);
      const last = failures.slice(-3).map(({ at }) => Date.parse(at));
      expect((last[2] ?? 0) - (last[1] ?? 0)).toBeGreaterThan(4 * minuteMs);
      expect(lab.told('a')).toBe('True MigrationFailed');
    }));

  it('moves no more guests at a time than may, and all of them in the end', () =>
    inLab(new Lab(['pc-1', 'pc-2', 'pc-3', 'pc-4']), async (lab) => {
      const jobs = ['a', 'b', 'c', 'd', 'e', 'f'];
      await lab.run(jobs);
      const home = lab.on('a') ?? '';
      const here = jobs.filter((name) => lab.on(name) === home);
      let most = 0;
      lab.pool.kubeVirt.drain(home);
      await lab.until('all have left', () => {
        most = Math.max(most, lab.moving());
        return here.every((name) => lab.on(name) !== home);
      });
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(2);
    }));
});

describe('two guests for which one other machine has room for one', () => {
  it('never share it: one moves, the other stays and says why', () =>
    inLab(new Lab(['pc-1', 'pc-2', 'pc-3', 'pc-4', 'pc-5'], {}, { writeMs: 500 }), async (lab) => {
      const { pool } = lab;
      const big = { resources: { cores: 2, memory: '128Mi', gpus: 0 }, image: { containerDisk: 'sim/for-ever' } };
      for (const name of ['a', 'b', 'c', 'd']) pool.submit(name, big);
      await lab.until('all run', () => ['a', 'b', 'c', 'd'].every((name) => lab.on(name) !== undefined));
      await pool.clock.advance(5_000);
      const [one, other] = [lab.on('a') ?? '', lab.on('b') ?? ''];
      expect(one).not.toBe(other);
      pool.kubeVirt.drain(one);
      pool.kubeVirt.drain(other);
      const told = (word: string): string | undefined => ['a', 'b'].find((name) => lab.told(name) === word);
      await lab.until('one has moved', () => told('False Migrated') !== undefined);
      // It was not even tried for the other.
      const stays = told('True NoMachineForGuest') ?? '';
      expect(await lab.lines(stays)).toEqual(['NoMachineForGuest Drained']);
      expect(pool.migrations()).toHaveLength(1);
    }));
});

describe('an owner who comes back', () => {
  it('gets the machine for themselves when another takes the guest', () =>
    inLab(new Lab(['pc-1', 'pc-2']), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      lab.pool.owner(home, true);
      await lab.until('it has moved', () => lab.on('a') !== home);
      await lab.pool.clock.advance(10_000);
      expect(await lab.lines('a')).toEqual(['Migrated OwnerReturned']);
      expect(lab.pool.job('a')?.status?.attempts).toHaveLength(1);
      expect(lab.told('a')).toBe('False Migrated');
    }));

  it('shares it with the guest when nobody takes that, until they leave', () =>
    inLab(new Lab(['pc-1']), async (lab) => {
      await lab.run(['a']);
      lab.pool.owner('pc-1', true);
      await lab.until('it is said', () => lab.told('a') === 'True NoMachineForGuest');
      await lab.pool.clock.advance(10 * minuteMs);
      expect(lab.on('a')).toBe('pc-1');
      lab.pool.owner('pc-1', false);
      await lab.until('it is settled', () => lab.told('a') === 'False CalledOff', minuteMs);
      expect(await lab.lines('a')).toEqual(['NoMachineForGuest OwnerReturned', 'CalledOff']);
    }));
});

describe('a migration', () => {
  it('of a guest that ends on the way is no more than a line in the ledger', () =>
    inLab(new Lab(['pc-1', 'pc-2'], always('succeeds', 120_000)), async (lab) => {
      lab.pool.submit('a', { image: { containerDisk: 'sim/exit-after-60000' } });
      await lab.until('it runs', () => lab.on('a') !== undefined);
      await lab.pool.clock.advance(5_000);
      lab.pool.kubeVirt.drain(lab.on('a') ?? '');
      await lab.until('it has ended', () => lab.pool.job('a')?.status?.phase === 'Succeeded');
      await lab.pool.clock.advance(10_000);
      const { status } = lab.pool.job('a') ?? {};
      expect(status).toMatchObject({ attempt: 1, exitCode: 0 });
      expect(status?.interruptions).toMatchObject([
        { reason: 'MigrationFailed', message: expect.stringContaining('the guest ended before it had moved') },
      ]);
    }));

  it('made by somebody else is waited for, recorded, and enough', () =>
    inLab(new Lab(['pc-1', 'pc-2', 'pc-3'], always('succeeds', 30_000)), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      const to = ['pc-1', 'pc-2', 'pc-3'].filter((name) => name !== home)[1] ?? '';
      const theirs = {
        metadata: { name: 'theirs', namespace },
        spec: { vmiName: 'a-1', addedNodeSelector: { 'kubernetes.io/hostname': to } },
      };
      lab.pool.api.create(virtualMachineInstanceMigrations, theirs as never, { user: 'users' });
      lab.pool.kubeVirt.drain(home);
      await lab.until('it has moved', () => lab.on('a') === to);
      await lab.pool.clock.advance(10_000);
      expect(lab.pool.migrations().map(({ metadata }) => metadata.name)).toEqual(['theirs']);
      expect(lab.pool.job('a')?.status?.interruptions).toMatchObject([
        { reason: 'Migrated', toNode: to, message: expect.stringContaining('theirs, made by somebody else') },
      ]);
      expect(lab.told('a')).toBe('False Migrated');
    }));
});

describe('an operator that dies while it calls off a move', () => {
  async function play(death?: Death): Promise<number> {
    const lab = new Lab(['pc-1', 'pc-2'], always('stuckTarget'), death === undefined ? {} : { death });
    await inLab(lab, async () => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      lab.pool.kubeVirt.drain(home);
      await lab.until('it is on its way', () => lab.moving() === 1);
      lab.pool.kubeVirt.uncordon(home);
      await lab.until('it is called off', () => lab.moving() === 0 && !lab.marked('a'), minuteMs);
      await lab.until('it is settled', () => lab.told('a') === 'False CalledOff', minuteMs);
      expect(lab.on('a')).toBe(home);
      const ledger = lab.pool.job('a')?.status?.interruptions ?? [];
      expect(ledger.map(({ reason }) => reason)).toEqual(['CalledOff']);
    });
    return lab.writes;
  }

  it.each(['before', 'after'] as const)(
    'is followed by one that ends it the same, killed %s any write',
    async (when) => {
      const writes = await play();
      expect(writes).toBeGreaterThan(8);
      for (let write = 1; write <= writes; write++) await play({ write, when });
    },
  );
});

describe('a machine on which guests do not start', () => {
  it('is held down after two jobs, and takes others when that is over', () => {
    const pullMs = (node: string, image: string): number | undefined =>
      node === 'pc-1' && image !== 'sim/for-ever' ? undefined : 0;
    return inLab(new Lab(['pc-1', 'pc-2'], { pullMs }), async (lab) => {
      const placement = { nodeSelector: { 'kubernetes.io/hostname': 'pc-1' }, dedicatedOnly: false };
      const retries = { limit: 0, when: [] };
      for (const name of ['a', 'b']) {
        lab.pool.submit(name, { image: { containerDisk: `sim/${name}` }, startDeadline: '30s', placement, retries });
      }
      await lab.until('both have failed', () =>
        ['a', 'b'].every((name) => lab.pool.job(name)?.status?.phase === 'Failed'),
      );
      await lab.pool.clock.advance(1_000);
      expect(JSON.parse(lab.node('pc-1')?.metadata.annotations?.['idlewild.dev/hold'] ?? '{}')).toMatchObject({
        count: 1,
        reason: 'StartFailed',
        message: 'held down for 60 s (for the first time): guests failed to start on it 2 times within an hour',
      });
      lab.pool.submit('c', { image: { containerDisk: 'sim/for-ever' }, placement });
      await lab.pool.clock.advance(10_000);
      expect(lab.pool.job('c')?.status?.waiting?.message).toMatch(/held down/);
      await lab.until('it takes jobs again', () => lab.on('c') === 'pc-1', 2 * minuteMs);
    });
  });
});

describe('a machine that flaps', () => {
  const outage = async ({ pool }: Lab, name: string): Promise<void> => {
    pool.kubeVirt.powerOff(name);
    await pool.clock.advance(2 * minuteMs);
    pool.kubeVirt.powerOn(name);
    await pool.clock.advance(30_000);
  };

  it('gets no jobs for a while after the second time, and then again', () =>
    inLab(new Lab(['pc-1']), async (lab) => {
      await lab.pool.clock.advance(minuteMs);
      await outage(lab, 'pc-1');
      const hold = (): { until?: string; count?: number } =>
        JSON.parse(lab.node('pc-1')?.metadata.annotations?.['idlewild.dev/hold'] ?? '{}') as object;
      expect(hold()).toMatchObject({ count: 0 });
      expect(hold().until).toBeUndefined();
      await outage(lab, 'pc-1');
      expect(hold()).toMatchObject({ count: 1, until: expect.any(String) });
      lab.pool.submit('a', { image: { containerDisk: 'sim/for-ever' } });
      await lab.pool.clock.advance(5_000);
      expect(lab.pool.job('a')?.status?.waiting?.reasons?.[0]).toMatchObject({ reason: 'HeldDown', machines: 1 });
      await lab.until('it is free', () => lab.on('a') === 'pc-1', 3 * minuteMs);
      expect(hold().until).toBeUndefined();
      await lab.pool.clock.advance(7 * 60 * minuteMs);
      expect(lab.node('pc-1')?.metadata.annotations?.['idlewild.dev/hold']).toBeUndefined();
    }));
});
