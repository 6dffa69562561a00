// The machines of a lab in a real browser, over an API server with real rights and the lab's own control socket: whoever may change
// machines turns their switches, drains and holds them by clicking; whoever may not finds none of that, neither on a page nor at the API.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveControl, type Request } from '@idlewild/lab/daemon/control.ts';
import type { Browser, Page } from 'playwright-core';
import { aJob } from '../../test/builders/job.ts';
import { aMachine } from '../../test/builders/node.ts';
import { startRig, type Rig } from '../../test/portal/rig.ts';
import { launch, logIn, visit } from '../src/browser.ts';
import { until } from '../src/cluster.ts';
import { hindrances } from '../src/page-checks.ts';

const dir = mkdtempSync(join(tmpdir(), 'portal-lab-'));
/** What the lab was told to do. */
let asked: Request[] = [];
const machines = [
  { name: 'pc-1', power: 'on', cut: false, owner: 'none' },
  { name: 'pc-4', power: 'on', cut: false, owner: 'away' },
];
let lab: Server;
let rig: Rig;
let browser: Browser;

beforeAll(async () => {
  const labControlSocket = join(dir, 'control.sock');
  lab = await serveControl(labControlSocket, (request) => {
    if (request.op === 'status') return Promise.resolve({ machines });
    asked.push(request);
    const { name, verb } = request as Extract<Request, { op: 'machine' }>;
    if (verb === 'on' && name === 'pc-1') return Promise.reject(new Error('machine on pc-1: its plug is out'));
    const machine = machines.find((each) => each.name === name)!;
    if (verb === 'off' || verb === 'on') machine.power = verb;
    if (verb === 'cut' || verb === 'uncut') machine.cut = verb === 'cut';
    return Promise.resolve(undefined);
  });
  rig = await startRig({ labControlSocket, web: fileURLToPath(new URL('../../web/dist', import.meta.url)) });
  for (const { name } of machines) await rig.putMachine(aMachine(name, { cores: 4 }));
  const render = aJob('render').published(-30).claimedBy('pc-1', { at: -20 }).created(-19).started(-10);
  await rig.put(render.job, 'team-a');
  browser = await launch();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await rig?.stop();
  lab?.close();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);
beforeEach(() => {
  asked = [];
});

/** What pages said in their consoles, but of answers that refuse. */
const complaints: (readonly string[])[] = [];
afterEach(() => {
  const said = complaints.splice(0).flat();
  expect(said.filter((words) => !words.includes('Failed to load resource'))).toEqual([]);
});

async function pageOf(user: 'root' | 'ann'): Promise<Page> {
  const { page, complaints: said } = await visit(browser, rig.portal.url);
  complaints.push(said);
  page.setDefaultTimeout(20_000);
  await logIn(page, rig.portal.url, rig.tokens[user]);
  return page;
}

const wasAsked = (op: string, verb: string, name: string): Promise<unknown> =>
  until(`the lab is told ${verb} ${name}`, () =>
    Promise.resolve(asked.some((each) => JSON.stringify(each) === JSON.stringify({ op, verb, name }))),
  );

describe('whoever may change machines', () => {
  it('turns each switch of the lab by clicking it, and finds the other one then', async () => {
    const page = await pageOf('root');
    await page.getByRole('link', { name: 'Machines', exact: true }).click();
    const tile = page.getByRole('article', { name: 'pc-4' });
    const turn = async (words: string, op: string, verb: string): Promise<void> => {
      await tile.getByRole('button', { name: words }).click();
      await wasAsked(op, verb, 'pc-4');
    };
    await turn('Owner arrives', 'owner', 'arrive');
    await rig.api.patch('/api/v1/nodes/pc-4', 'merge', {
      spec: { taints: [{ key: 'idlewild.dev/owner-present', effect: 'NoSchedule' }] },
    });
    await turn('Owner leaves', 'owner', 'leave');
    await turn('Pull the network', 'machine', 'cut');
    await turn('Plug the network in', 'machine', 'uncut');
    await turn('Power off', 'machine', 'off');
    await turn('Power on', 'machine', 'on');
    expect(await page.getByRole('article', { name: 'pc-1' }).getByRole('button', { name: /Owner/ }).count()).toBe(0);
    await page.context().close();
  }, 90_000);

  it('is told in the words of the lab why a switch cannot be turned', async () => {
    const page = await pageOf('root');
    await page.goto(`${rig.portal.url}/machines`);
    const tile = page.getByRole('article', { name: 'pc-1' });
    await tile.getByRole('button', { name: 'Power off' }).click();
    await tile.getByRole('button', { name: 'Power on' }).click();
    await page.getByText('machine on pc-1: its plug is out').waitFor();
    machines[0]!.power = 'on';
    await page.context().close();
  }, 60_000);

  it('drains, holds and lets go by clicking, after being asked', async () => {
    const page = await pageOf('root');
    await page.goto(`${rig.portal.url}/machines/pc-1`);
    await page.getByRole('button', { name: 'Actions for pc-1' }).click();
    await page.getByRole('menuitem', { name: 'Drain' }).click();
    await page.getByRole('dialog', { name: 'Drain pc-1?' }).waitFor();
    // It fades, and is empty by then.
    await page.getByRole('menu').waitFor({ state: 'detached' });
    expect(await hindrances(page)).toEqual([]);
    await page.getByRole('button', { name: 'Drain it' }).click();
    await page.locator('h1 ~ .chip', { hasText: 'Draining' }).waitFor();
    await page.getByRole('button', { name: 'Actions for pc-1' }).click();
    await page.getByRole('menuitem', { name: 'Uncordon' }).click();
    await page.locator('h1 ~ .chip', { hasText: 'Lending' }).waitFor();
    await page.getByRole('button', { name: 'Actions for pc-1' }).click();
    await page.getByRole('menuitem', { name: 'Hold' }).click();
    await page.getByRole('textbox', { name: 'Why' }).fill('a new disk');
    await page.getByRole('button', { name: 'Hold it' }).click();
    await page.locator('h1 ~ .chip', { hasText: 'Held' }).waitFor();
    await page.getByText('a new disk').waitFor();
    await page.getByRole('button', { name: 'Actions for pc-1' }).click();
    await page.getByRole('menuitem', { name: 'Release the hold' }).click();
    await page.locator('h1 ~ .chip', { hasText: 'Lending' }).waitFor();
    await page.context().close();
  }, 60_000);

  it('reads what happened on a machine', async () => {
    const page = await pageOf('root');
    await page.goto(`${rig.portal.url}/machines/pc-1`);
    const past = page.getByRole('region', { name: 'What happened here' });
    await past.getByRole('link', { name: 'render' }).first().waitFor();
    await past.getByText('Started', { exact: true }).waitFor();
    await page.context().close();
  }, 60_000);
});

describe('whoever may not', () => {
  it('finds no machine, no switch and no action on any page', async () => {
    const page = await pageOf('ann');
    for (const path of ['/', '/machines', '/machines/pc-1', '/jobs', '/jobs/team-a/render']) {
      await page.goto(rig.portal.url + path);
      await page.getByRole('heading').first().waitFor();
      await page.waitForLoadState('networkidle');
      const found = {
        path,
        links: await page.getByRole('link', { name: 'Machines' }).count(),
        tiles: await page.getByRole('article', { name: /^pc-/ }).count(),
        actions: await page.getByRole('button', { name: /Actions for/ }).count(),
        switches: await page.getByRole('button', { name: /Owner|Power|network|Approve|Drain/ }).count(),
        cores: await page.getByText(/Cores at work|machines lend/).count(),
      };
      expect(found).toEqual({ path, links: 0, tiles: 0, actions: 0, switches: 0, cores: 0 });
    }
    await page.goto(`${rig.portal.url}/machines/pc-1`);
    await page.getByText('You may not see the machines').waitFor();
    await page.context().close();
  }, 60_000);

  it('is refused by the API, whichever path is taken, and nothing is done', async () => {
    const page = await pageOf('ann');
    const statuses = await page.evaluate<Record<string, number>>(`(async () => {
      const headers = { 'x-idlewild': '1', 'content-type': 'application/json' };
      const asked = {
        'GET /api/v1/machines': undefined,
        'PATCH /api/v1/machines/pc-1': { cordoned: true },
        'POST /api/v1/machines/pc-1/drain': undefined,
        'GET /api/v1/machines/pc-1/events': undefined,
        'GET /api/v1/history?machine=pc-1': undefined,
        'GET /api/v1/lab/machines': undefined,
        'POST /api/v1/lab/machines/pc-4': { verb: 'off' },
      };
      const statuses = {};
      for (const [key, body] of Object.entries(asked)) {
        const [method, path] = key.split(' ');
        const sent = body === undefined ? (method === 'POST' ? '{}' : undefined) : JSON.stringify(body);
        statuses[key] = (await fetch(path, { method, headers, body: sent })).status;
      }
      return statuses;
    })()`);
    expect(Object.keys(statuses)).toHaveLength(7);
    for (const [path, status] of Object.entries(statuses)) expect({ path, status }).toEqual({ path, status: 403 });
    expect(asked).toEqual([]);
    const overview = await page.evaluate<object>(
      `fetch('/api/v1/overview', { headers: { 'x-idlewild': '1' } }).then((answer) => answer.json())`,
    );
    expect(Object.keys(overview)).not.toContain('cores');
    await page.context().close();
  }, 60_000);
});
