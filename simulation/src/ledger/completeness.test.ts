// The history tells the whole story once, whichever write an operator is killed at.
import { describe, expect, it } from '@jest/globals';
import { entryKey, type LedgerEntry } from '@idlewild/operator/ledger/entry.ts';
import { pino } from 'pino';
import { Pool } from '../crash/pool.ts';
import type { Death } from '../faults/mortal-transport.ts';
import { Random } from '../world/random.ts';
import { Overheard } from './overheard.ts';

interface Story {
  readonly image: string;
  readonly happens: (pool: Pool) => void;
  /** Reasons and attempts that must be there, in this order; others may be between. */
  readonly told: readonly string[];
}

const stories: Record<string, Story> = {
  'a job whose machine is lost': {
    image: 'sim/exit-second-time',
    happens: (pool) => pool.kubeVirt.powerOff(pool.runsOn('a') ?? ''),
    told: [
      'Published',
      ...['Claimed 1', 'VirtualMachineCreated 1', 'Started 1', 'MachineLost 1'],
      ...['Claimed 2', 'VirtualMachineCreated 2', 'Started 2', 'Completed 2', 'Finished 2'],
    ],
  },
  'a job that is moved': {
    image: 'sim/exit-when-moved',
    happens: (pool) => pool.kubeVirt.drain(pool.runsOn('a') ?? ''),
    told: ['Published', 'Claimed 1', 'VirtualMachineCreated 1', 'Started 1', 'Migrated 1'],
  },
};

const lineOf = ({ reason, attempt }: LedgerEntry): string => (attempt === undefined ? reason : `${reason} ${attempt}`);

async function play({ image, happens, told }: Story, death?: Death): Promise<Overheard> {
  const log = pino({ level: 'silent' });
  const rooms = { 'pc-1': 'lab-a', 'pc-2': 'lab-b', 'pc-3': 'lab-b' };
  const pool = new Pool({ rooms, behaviour: {}, random: new Random(1), log });
  const overheard = new Overheard(pool);
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    if (await pool.clock.runUntil(holds, pool.clock.monotonic() + 1_800_000)) return;
    throw new Error(`never ${what} (${JSON.stringify(death)}): ${JSON.stringify(pool.job('a')?.status)}`);
  };
  overheard.start(death);
  pool.submit('a', { image: { containerDisk: image } });
  await until('runs', () => pool.runsOn('a') !== undefined);
  happens(pool);
  await until('ends', () => pool.job('a')?.status?.phase === 'Succeeded');
  await pool.clock.advance(30_000);
  await overheard.stop();
  const lines = overheard.entries('a');
  const story = lines.map(lineOf).filter((line) => told.includes(line));
  if (JSON.stringify(story) !== JSON.stringify(told)) {
    throw new Error(`killed ${JSON.stringify(death)}, the history says ${lines.map(lineOf).join(', ')}`);
  }
  expect(new Set(lines.map(entryKey)).size).toBe(lines.length);
  return overheard;
}

describe.each(Object.entries(stories))('%s', (_name, story) => {
  it('is told whole and in order', async () => {
    const { lives } = await play(story);
    expect(lives).toBe(1);
  });

  it.each(['before', 'after'] as const)(
    'is told the same when the operator is killed %s any of its writes',
    async (when) => {
      const { writes } = await play(story);
      expect(writes).toBeGreaterThan(5);
      for (let write = 1; write <= writes; write++) await play(story, { write, when });
    },
  );
});
