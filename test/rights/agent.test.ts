// That an agent needs each of its rights and no other, by what its own parts ask of a real API server. What it may write of a Node or
// a Lease besides is a matter of admission policies: lab/src/manifests/agent-policy.test.ts.

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { chartRights } from '@idlewild/lab/manifests/chart.ts';
import { agentAtWork } from './agent-at-work.ts';
import { cellsOf, inWords } from './cells.ts';
import type { AtWork } from './operator-at-work.ts';
import { expectNeeded } from './without.ts';

jest.setTimeout(60_000);

const cells = cellsOf(await chartRights(), 'agent');

let agent: AtWork;
beforeAll(async () => {
  agent = await agentAtWork();
}, 240_000);
afterAll(() => agent.stop());

describe('an agent', () => {
  it('asks for nothing beyond its rights', () => {
    expect(agent.record.beyond(cells).map(inWords)).toEqual([]);
  });

  it.each(cells.map((cell) => [inWords(cell), cell] as const))(
    'may %s, which something that it does needs, and may not without that rule',
    async (words, cell) => {
      const need = agent.record.needOf(cell, cells);
      if (need === undefined) throw new Error(`nothing that an agent does needs "${words}"`);
      await expectNeeded(agent.server, agent.holder, cell, need);
    },
  );
});
