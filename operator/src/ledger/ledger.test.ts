// One call that serves the Event, the history and the metric.
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { EventText, Regarding } from '../kube/event-series.ts';
import { FakeClock } from '../kube/clock.ts';
import { aJob, at, noon } from '../../../test/builders/job.ts';
import type { LedgerEntry, LedgerNote } from './entry.ts';
import type { HistoryStore } from './history.ts';
import { Ledger } from './ledger.ts';
import { MemoryHistory } from './memory-history.ts';
import { hopelessWaits, type LedgerReason } from './reasons.ts';

class Broken extends MemoryHistory {
  broken = true;
  tries = 0;
  override append(...given: Parameters<HistoryStore['append']>): number {
    this.tries++;
    if (this.broken) throw new Error('database or disk is full');
    return super.append(...given);
  }
}

function aLedger(history: HistoryStore = new MemoryHistory()) {
  const told: { regarding: Regarding; text: EventText }[] = [];
  const registry = new Registry();
  const clock = new FakeClock(noon);
  const recorder = { event: (regarding: Regarding, text: EventText) => void told.push({ regarding, text }) };
  const ledger = new Ledger({ history, recorder, clock, log: pino({ level: 'silent' }), registry });
  const lines = (): readonly LedgerEntry[] => history.query({ limit: 1_000 }).entries;
  return { ledger, told, registry, clock, history, lines };
}

const claim: LedgerNote = {
  ...{ at: at(5), reason: 'Claimed', cause: 'FirstReady', attempt: 1, node: 'pc-1' },
  ...{ machines: ['pc-1', 'pc-2'], message: 'attempt 1: pc-1 was the only ready machine (FirstReady)' },
};
const { job } = aJob('render');

describe('a decision that is recorded', () => {
  it('is an Event on the job, a line of the history a moment later, and counted by its reason', async () => {
    const { ledger, told, clock, lines, registry } = aLedger();
    ledger.record(job, claim);
    expect(told).toEqual([
      {
        regarding: expect.objectContaining({
          kind: 'ComputeJob',
          name: 'render',
          namespace: 'default',
          uid: 'uid-render',
        }),
        text: { type: 'Normal', reason: 'Claimed', action: 'Claim', message: claim.message },
      },
    ]);
    expect(lines()).toEqual([]);
    await clock.advance(250);
    expect(lines()).toEqual([{ ...claim, job: { namespace: 'default', name: 'render', uid: 'uid-render' } }]);
    expect(await registry.metrics()).toContain('idlewild_ledger_entries_total{reason="Claimed"} 1');
  });

  it('is told as a Warning when it is one, and a wait by what it waits for', () => {
    const { ledger, told } = aLedger();
    const shown = (note: Partial<LedgerNote>): string => {
      ledger.record(job, { at: at(0), reason: 'Waiting', message: 'words', ...note });
      const last = told.pop()?.text;
      return `${last?.type} ${last?.reason}`;
    };
    expect(shown({ cause: 'OwnerPresent' })).toBe('Normal OwnerPresent');
    for (const cause of hopelessWaits) expect(shown({ cause })).toBe(`Warning ${cause}`);
    expect(shown({ reason: 'MachineLost', attempt: 1 })).toBe('Warning MachineLost');
    expect(shown({ reason: 'Completed', attempt: 1 })).toBe('Normal Completed');
    expect(shown({ reason: 'Migrated', attempt: 1 })).toBe('Normal Migrated');
  });

  it.each<LedgerReason>(['Published', 'Finished', 'Deleted', 'Drained'])(
    'is no Event when it is %s',
    async (reason) => {
      const { ledger, told, clock, lines } = aLedger();
      ledger.record(job, { at: at(0), reason, attempt: 1, message: 'words' });
      await clock.advance(250);
      expect(told).toEqual([]);
      expect(lines()).toHaveLength(1);
    },
  );

  it('is brought within bounds', async () => {
    const { ledger, clock, lines } = aLedger();
    ledger.record(job, {
      ...claim,
      message: '🦉'.repeat(2_000),
      machines: Array.from({ length: 500 }, (_, i) => `pc-${i}`.padEnd(400, 'x')),
      seconds: Number.NaN,
      secondsLost: -1,
      downtimeSeconds: 0.12345,
    });
    await clock.advance(250);
    const [line] = lines();
    expect(line?.message).toHaveLength(1023);
    expect(line?.message).toMatch(/^(🦉)+…$/u);
    expect(line?.machines).toHaveLength(16);
    expect(line?.machines?.[0]).toHaveLength(253);
    expect(line).not.toHaveProperty('seconds');
    expect(line).not.toHaveProperty('secondsLost');
    expect(line?.downtimeSeconds).toBe(0.123);
  });

  it('never throws, whatever it is', () => {
    const { ledger, told } = aLedger();
    const bad = [{ ...claim, at: 'yesterday' }, { ...claim, reason: 'Bored' }, undefined] as unknown as LedgerNote[];
    for (const note of bad) ledger.record(job, note);
    ledger.record(undefined as never, claim);
    expect(told).toEqual([]);
    expect(ledger.dropped).toBe(4);
  });
});

describe('a history that cannot be written', () => {
  it('is tried again, and gets every line once it can', async () => {
    const history = new Broken();
    const { ledger, clock, lines } = aLedger(history);
    ledger.record(job, claim);
    await clock.advance(5_000);
    expect(history.tries).toBeGreaterThan(1);
    history.broken = false;
    ledger.record(job, { ...claim, attempt: 2 });
    await clock.advance(5_000);
    expect(lines()).toHaveLength(2);
    expect(ledger.dropped).toBe(0);
  });

  it('does not make the operator grow: what is too much is counted as dropped', async () => {
    const history = new Broken();
    const { ledger, registry } = aLedger(history);
    for (let i = 0; i < 20_500; i++) ledger.record(job, { ...claim, attempt: i });
    expect(ledger.dropped).toBe(500);
    expect(await registry.metrics()).toContain('idlewild_ledger_dropped_total 500');
    ledger.close();
    expect(ledger.dropped).toBe(20_500);
  });
});

describe('a flood of decisions', () => {
  it('reaches the history in portions, all of it', async () => {
    const { ledger, clock, history } = aLedger();
    for (let i = 0; i < 5_000; i++) ledger.record(job, { ...claim, attempt: i });
    await clock.advance(250);
    expect(history.query({ limit: 1_000 }).next).toBeUndefined();
    await clock.advance(5_000);
    expect(history.query({ limit: 10_000 }).entries).toHaveLength(5_000);
  });
});

describe('what a job was charged', () => {
  const running = aJob('render', { resources: { cores: 2 } })
    .published()
    .claimedBy('pc-1')
    .created(1)
    .started(2);

  it('is kept from the end of an attempt, whether the status has the end already or not', () => {
    for (const told of [running, running.ended('Completed', { at: 60 })]) {
      const { ledger } = aLedger();
      ledger.record(told.job, { at: at(60), reason: 'Completed', attempt: 1, message: 'over' });
      expect(ledger.charges(0)).toMatchObject([{ attempt: 1, cores: 2, fromMs: noon, toMs: noon + 60_000 }]);
    }
  });

  it('is kept when the job is deleted in the middle of it', () => {
    const { ledger, clock, lines } = aLedger();
    clock.setWallClock(noon + 30_000);
    ledger.deleted(running.job);
    expect(ledger.charges(0)).toMatchObject([{ attempt: 1, toMs: noon + 30_000 }]);
    expect(lines()[0]).toMatchObject({ reason: 'Deleted', message: 'the job was deleted before its end' });
  });

  it('ends with the wish to delete the job, not when a finalizer lets it go', () => {
    const { ledger, clock } = aLedger();
    clock.setWallClock(noon + 3_600_000);
    const { job } = running;
    ledger.deleted({ ...job, metadata: { ...job.metadata, deletionTimestamp: at(30) } });
    expect(ledger.charges(0)).toMatchObject([{ attempt: 1, toMs: noon + 30_000 }]);
  });

  it('is nothing when the lab took the attempt away', () => {
    const { ledger } = aLedger();
    ledger.record(running.job, { at: at(60), reason: 'MachineLost', attempt: 1, message: 'gone' });
    expect(ledger.charges(0)).toEqual([]);
  });
});

describe('a new operator', () => {
  const job = aJob('render')
    .published()
    .claimedBy('pc-1', { at: 1 })
    .created(2)
    .started(3)
    .ended('MachineLost', { at: 10 })
    .claimedBy('pc-2', { at: 11 })
    .created(12)
    .started(13)
    .finished('Completed', { at: 20 }).job;

  it('learns from the status what its predecessor was killed before recording, without telling it again', () => {
    const { ledger, told, lines } = aLedger();
    ledger.recall([job]);
    expect([...lines()].reverse().map(({ reason, attempt }) => `${reason} ${attempt ?? ''}`.trim())).toEqual([
      'Published',
      'Claimed 1',
      'VirtualMachineCreated 1',
      'Started 1',
      'MachineLost 1',
      'Claimed 2',
      'VirtualMachineCreated 2',
      'Started 2',
      'Completed 2',
      'Finished 2',
    ]);
    expect(told).toEqual([]);
    expect(ledger.charges(0)).toMatchObject([{ attempt: 2, fromMs: noon + 11_000, toMs: noon + 20_000 }]);
  });

  it('completes the story of an attempt when it ends', () => {
    const { ledger, told, lines } = aLedger();
    const running = aJob('render').published().claimedBy('pc-1', { at: 1 }).created(2).started(3).job;
    ledger.record(running, { at: at(10), reason: 'MachineLost', attempt: 1, message: 'gone' });
    ledger.flush();
    expect(lines().map(({ reason }) => reason)).toEqual(['MachineLost', 'Started', 'VirtualMachineCreated', 'Claimed']);
    expect(told).toHaveLength(1);
  });

  it('adds nothing to what the history has, and keeps its words', async () => {
    const { ledger, lines, clock } = aLedger();
    ledger.record(job, { ...claim, at: at(1) });
    await clock.advance(250);
    ledger.recall([job]);
    ledger.recall([job]);
    expect(lines()).toHaveLength(10);
    const first = lines().find(({ reason, attempt }) => reason === 'Claimed' && attempt === 1);
    expect(first?.machines).toEqual(['pc-1', 'pc-2']);
  });

  it('takes thousands of jobs a portion at a time', async () => {
    const { ledger, clock, history } = aLedger();
    const many = Array.from({ length: 1_000 }, (_, i) => ({ ...job, metadata: { ...job.metadata, uid: `u-${i}` } }));
    ledger.recall(many);
    expect(history.query({ limit: 20_000 }).entries).toHaveLength(500);
    await clock.advance(6_000);
    expect(history.query({ limit: 20_000 }).entries).toHaveLength(10_000);
  });
});
