// That the portal needs each of its rights and no other, by what it asks of a real API server while somebody uses all of it.

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { chartRights } from '@idlewild/lab/manifests/chart.ts';
import { cellsOf, inWords } from './cells.ts';
import type { AtWork } from './operator-at-work.ts';
import { portalAtWork } from './portal-at-work.ts';
import { expectNeeded } from './without.ts';

jest.setTimeout(60_000);

const cells = cellsOf(await chartRights(), 'portal');

let portal: AtWork;
beforeAll(async () => {
  portal = await portalAtWork();
}, 240_000);
afterAll(() => portal.stop());

describe('the portal', () => {
  it('asks for nothing beyond its rights', () => {
    expect(portal.record.beyond(cells).map(inWords)).toEqual([]);
  });

  it.each(cells.map((cell) => [inWords(cell), cell] as const))(
    'may %s, which something that it does needs, and may not without that rule',
    async (words, cell) => {
      const need = portal.record.needOf(cell, cells);
      if (need === undefined) throw new Error(`nothing that the portal does needs "${words}"`);
      await expectNeeded(portal.server, portal.holder, cell, need);
    },
  );
});
