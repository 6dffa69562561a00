// When a fence is armed, and what it says when it is not.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { bootClock } from './boot.ts';
import { Fence } from './fence.ts';

const boot = bootClock();

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'iw-fence-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** With a permission that is written, and a switch that has just beaten. */
function aFence(places: { readonly groups?: readonly string[]; readonly pods?: readonly string[] }): Fence {
  const [file, beat] = [join(root, 'lease'), join(root, 'beat')];
  writeFileSync(beat, `${boot.now()}\n`);
  const fence = new Fence({
    places: { groups: [], pods: [], proc: '/proc', ...places },
    ...{ file, beat, boot, clock: systemClock, log: pino({ level: 'silent' }) },
  });
  fence.permit(boot.now() + 100, new Map());
  return fence;
}

describe('a fence', () => {
  it('is armed with one of the groups that a kubelet may have, or with a group of guests that need not be there yet', () => {
    mkdirSync(join(root, 'kubepods.slice'));
    for (const places of [{ pods: [join(root, 'kubepods'), join(root, 'kubepods.slice')] }, { groups: ['/nowhere'] }]) {
      const { armed, trouble } = aFence(places);
      expect({ armed, trouble }).toEqual({ armed: true, trouble: undefined });
    }
  });

  it('is not armed, and says why, where the kubelet has its guests in none of the groups, until it has', () => {
    const fence = aFence({ pods: [join(root, 'kubepods')] });
    expect(fence.armed).toBe(false);
    expect(fence.trouble).toBe(`no control group of a kubelet is at ${root}/kubepods`);
    mkdirSync(join(root, 'kubepods'));
    expect([fence.armed, fence.trouble]).toEqual([true, undefined]);
  });

  it('is not armed by who knows of no group at all', () => {
    expect(aFence({}).armed).toBe(false);
  });
});
