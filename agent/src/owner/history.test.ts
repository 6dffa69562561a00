// What the machine remembers of its hands.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { PresenceReason } from '../presence/decide.ts';
import { PresenceHistory } from './history.ts';

const log = pino({ level: 'silent' });
let dir: string;
const file = () => join(dir, 'state/history.json');
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'iw-history-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const at = (minute: number): string => new Date(Date.UTC(2026, 2, 4, 0, minute)).toISOString();
function add(history: PresenceHistory, minute: number, present: boolean, reason: PresenceReason): void {
  history.add({ present, reason, message: 'x' }, at(minute));
}

describe('the history of a machine', () => {
  it('has a line for each change of hands and for each "stop now", not for each key', () => {
    const history = new PresenceHistory(file(), log);
    add(history, 0, false, 'Idle');
    add(history, 1, true, 'Input');
    add(history, 2, true, 'RecentUse');
    add(history, 3, true, 'OwnerStop');
    add(history, 4, true, 'Input');
    add(history, 5, false, 'Idle');
    expect(history.turns.map(({ reason }) => reason)).toEqual(['Idle', 'Input', 'OwnerStop', 'Input', 'Idle']);
  });

  it('keeps fifty over a restart, and nothing that tells of anybody', () => {
    const history = new PresenceHistory(file(), log);
    for (let i = 0; i < 120; i++) add(history, i, i % 2 === 0, i % 2 === 0 ? 'Input' : 'Idle');
    expect(history.turns).toHaveLength(50);
    expect(history.turns[0]?.at).toBe(at(119));
    expect(new PresenceHistory(file(), log).turns).toEqual(history.turns);
    const kept = JSON.parse(readFileSync(file(), 'utf8')) as object[];
    for (const turn of kept) expect(Object.keys(turn).sort()).toEqual(['at', 'present', 'reason']);
  });

  it.each(['{', '[{"at":"today"}]', 'null'])('begins anew over a file that says %s', (text) => {
    mkdirSync(join(dir, 'state'));
    writeFileSync(file(), text);
    const history = new PresenceHistory(file(), log);
    expect(history.turns).toEqual([]);
    add(history, 0, true, 'Input');
    expect(new PresenceHistory(file(), log).turns).toHaveLength(1);
  });

  it('goes on in memory where nothing can be written', () => {
    writeFileSync(join(dir, 'state'), '');
    const history = new PresenceHistory(file(), log);
    add(history, 0, true, 'Input');
    expect(history.turns).toHaveLength(1);
  });
});
