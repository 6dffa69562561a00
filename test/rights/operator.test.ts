// That the operator needs each of its rights and no other: by what the real operator asks, in virtual time and of a real API server,
// and by what becomes of it without each of them.

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { chartRights } from '@idlewild/lab/manifests/chart.ts';
import type { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { scenarios } from '../../simulation/src/crash/scenarios.ts';
import { allows, cellsOf, inWords, type Cell } from './cells.ts';
import { moments } from './moments.ts';
import { operatorAtWork } from './operator-at-work.ts';
import { RequestRecord, type Asked } from './record.ts';
import { tryOut } from './trial.ts';
import { expectNeeded, type Holder } from './without.ts';

jest.setTimeout(60_000);

const cells = cellsOf(await chartRights(), 'operator');
const named = (list: readonly Cell[]) => list.map((cell) => [inWords(cell), cell] as const);
/** Nobody is cut off in them: what the operator asks is the same, and the player of this test cannot do that. */
const played = [...scenarios, ...moments].filter(({ name }) => !name.startsWith('an API server'));
const virtual = new RequestRecord();
/** Virtual, without a right; long enough for everything that is tried again. */
const patienceMs = 5 * 60_000;

let server: TestServer;
let holder: Holder;
let real: RequestRecord;
let stop: () => Promise<void>;

beforeAll(async () => {
  for (const scenario of played) {
    virtual.during = scenario.name;
    const { ended } = await tryOut(scenario, (inner) =>
      virtual.on(inner, (asked) => !cells.some((cell) => allows(cell, asked))),
    );
    if (!ended) throw new Error(`"${scenario.name}" does not come to its end with the rights of the chart`);
  }
  ({ server, holder, record: real, stop } = await operatorAtWork());
}, 240_000);
afterAll(() => stop());

function needOf(cell: Cell): Asked {
  const need = virtual.needOf(cell, cells) ?? real.needOf(cell, cells);
  if (need === undefined) throw new Error(`nothing that the operator does needs "${inWords(cell)}"`);
  return need;
}

describe('the operator', () => {
  it('asks for nothing beyond its rights', () => {
    expect([...virtual.beyond(cells), ...real.beyond(cells)].map(inWords)).toEqual([]);
  });

  it.each(named(cells))(
    'may %s, which something that it does needs, and may not without that rule',
    async (_words, cell) => {
      await expectNeeded(server, holder, cell, needOf(cell));
    },
  );

  it.each(named(cells))(
    'without the right to %s, does not work as it should, or complains',
    async (words, cell) => {
      const { during } = virtual.needOf(cell, cells) ?? { during: undefined };
      const scenario = played.find(({ name }) => name === during);
      // What it asks only beside its work, such as who leads, is in the test above.
      if (scenario === undefined) return expect(real.needOf(cell, cells)).toBeDefined();
      const { ended, complaints } = await tryOut(
        scenario,
        (inner) => new RequestRecord().on(inner, (asked) => allows(cell, asked)),
        patienceMs,
      );
      const told = complaints.some((line) => line.includes(`cannot ${words.split(' in ')[0]}`));
      expect({ scenario: scenario.name, troubled: !ended || told }).toEqual({
        scenario: scenario.name,
        troubled: true,
      });
    },
    60_000,
  );
});
