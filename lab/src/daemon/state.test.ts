import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newEntry } from './machines.ts';
import { defaultMachines, desktopOf, readState, withMachine, writeState, type LabState } from './state.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'state-'));
  file = join(dir, 'state.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

const state: LabState = { version: 1, machines: defaultMachines(), processes: {} };

describe('the memory of a lab', () => {
  it('is what was written, and leaves no other file', () => {
    expect(readState(file)).toBeUndefined();
    const written = withMachine({ ...state, apiPort: 4711 }, 'pc-2', { power: 'off', cut: true });
    writeState(file, written);
    expect(readState(file)).toEqual(written);
    expect(readdirSync(dir)).toEqual(['state.json']);
  });

  it.each([
    ['not json', 'damaged'],
    ['{"version":2}', 'version: 2 is not 1'],
    ['{"version":1,"machines":{}}', 'machines: not a list'],
    ['{"version":1,"machines":[{"name":"pc-1","power":"maybe"}]}', 'machines[pc-1].power'],
  ])('refuses %s by name', (text, words) => {
    writeFileSync(file, text);
    expect(() => readState(file)).toThrow(words);
  });

  it('tells whoever looks for the owner of a machine which machines have one', () => {
    expect(desktopOf(state, 'pc-4').name).toBe('pc-4');
    expect(() => desktopOf(state, 'pc-2')).toThrow('pc-2 has no owner; those with one: pc-4, pc-5');
    expect(() => desktopOf(state, 'pc-9')).toThrow(
      'there is no machine pc-9; the lab has pc-1, pc-2, pc-3, pc-4, pc-5',
    );
    const dedicated = { ...state, machines: state.machines.slice(0, 3) };
    expect(() => desktopOf(dedicated, 'pc-2')).toThrow('pc-2 has no owner; no machine of the lab has');
  });

  it('has five machines in two rooms to begin with', () => {
    expect(state.machines.map(({ name, room }) => `${name} ${room}`)).toEqual([
      'pc-1 lab-a',
      'pc-2 lab-a',
      'pc-3 lab-a',
      'pc-4 lab-b',
      'pc-5 lab-b',
    ]);
  });

  it('names the machines that there are when one is not', () => {
    expect(() => withMachine(state, 'pc-9', { cut: true })).toThrow('pc-1, pc-2, pc-3, pc-4, pc-5');
  });
});

describe('a new machine', () => {
  it('gets a room and a size unless told', () => {
    expect(newEntry(state, 'pc-6', { cores: 2 })).toEqual({
      name: 'pc-6',
      room: 'lab-a',
      cores: 2,
      memoryMiB: 3072,
      power: 'on',
      cut: false,
    });
  });

  it.each([
    ['pc-1', {}, 'name: a machine pc-1 exists'],
    ['PC', {}, 'name: "PC" is not allowed'],
    ['pc-6', { cores: 0 }, 'cores:'],
    ['pc-6', { cores: Number.NaN }, 'cores:'],
    ['pc-6', { memoryMiB: 10 }, 'memory:'],
    ['pc-6', { room: 'Room 1' }, 'room:'],
  ])('%s with %j is refused by name', (name, wanted, words) => {
    expect(() => newEntry(state, name, wanted)).toThrow(words);
  });
});
