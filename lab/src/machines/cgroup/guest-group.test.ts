import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forgetGuestGroups, GuestGroup, guestGroupsIn } from './guest-group.ts';

let root: string;
let parents: string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'guest-group-'));
  parents = ['cpu', 'memory'].map((name) => join(root, name));
  for (const dir of parents) mkdirSync(dir);
});
afterEach(() => rmSync(root, { recursive: true }));

describe('the groups of a guest', () => {
  it('are named after its pod, one in each of its machine, and go without a trace of others', () => {
    const one = new GuestGroup(parents, '0f1e');
    const two = new GuestGroup(parents, '2d3c');
    expect(one.procs).toEqual(parents.map((parent) => join(parent, 'pod0f1e', 'cgroup.procs')));
    one.remove();
    one.remove();
    expect(parents.flatMap(guestGroupsIn)).toEqual(parents.map((parent) => join(parent, 'pod2d3c')));
    expect(two.procs).toHaveLength(2);
  });

  it('of an earlier life are forgotten, and nothing else is', () => {
    new GuestGroup(parents, '0f1e');
    mkdirSync(join(parents[0]!, 'other'));
    forgetGuestGroups([...parents, join(root, 'absent')]);
    expect(parents.flatMap((parent) => readdirSync(parent))).toEqual(['other']);
  });

  it('are none without control groups', () => {
    expect(new GuestGroup([], '0f1e').procs).toEqual([]);
  });
});
