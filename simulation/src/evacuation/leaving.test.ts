// What becomes of guests whose machines have to be left, with the whole operator on a simulated pool.
import { describe, expect, it } from '@jest/globals';
import { virtualMachineInstanceMigrations } from '@idlewild/operator/api/resources.ts';
import { namespace } from '../crash/pool.ts';
import type { Death } from '../faults/mortal-transport.ts';
import type { Behaviour } from '../kubevirt/behaviour.ts';
import { always, inLab, Lab, minuteMs } from './lab.ts';

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

  it('that is refused is told in the words of the refusal, and tried again later', () => {
    const message = 'exceeded quota: few, requested: count/virtualmachineinstancemigrations.kubevirt.io=1';
    const refuses = { first: 1, status: 403, message } as const;
    return inLab(new Lab(['pc-1', 'pc-2', 'pc-3'], {}, { refuses }), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      lab.pool.kubeVirt.drain(home);
      await lab.until('it has moved', () => lab.on('a') !== home);
      expect(await lab.lines('a')).toEqual(['MigrationFailed Drained', 'Migrated Drained']);
      const [refused] = lab.pool.job('a')?.status?.interruptions ?? [];
      expect(refused?.message).toContain(`was refused: ${message}`);
    });
  });

  it('that is refused because another is under way is no failure', () => {
    const message =
      'in-flight migration detected. Active migration job (u) is currently already in progress for VMI a-1.';
    const refuses = { first: 3, status: 400, message } as const;
    return inLab(new Lab(['pc-1', 'pc-2'], {}, { refuses }), async (lab) => {
      await lab.run(['a']);
      const home = lab.on('a') ?? '';
      lab.pool.kubeVirt.drain(home);
      await lab.until('it has moved', () => lab.on('a') !== home);
      expect(await lab.lines('a')).toEqual(['Migrated Drained']);
    });
  });

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
