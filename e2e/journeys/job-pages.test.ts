// The pages of jobs in a real browser, over an API server with real rights: acting on many jobs at once, why one waits, what happened to
// one and what it uses; by keyboard, on a phone, light and dark.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { KubeError } from '@idlewild/operator/kube/errors.ts';
import type { Browser, Page } from 'playwright-core';
import { aJob, at } from '../../test/builders/job.ts';
import { startRig, type Rig, type RigUser } from '../../test/portal/rig.ts';
import { launch, logIn, visit, type VisitOptions } from '../src/browser.ts';
import { until } from '../src/cluster.ts';
import { hindrances, overflows } from '../src/page-checks.ts';
import { readThrough } from '../src/scrolling.ts';

let rig: Rig;
let browser: Browser;

/** What the cluster's admission lets nobody end. */
const kept = 'kept';

beforeAll(async () => {
  rig = await startRig({
    web: fileURLToPath(new URL('../../web/dist', import.meta.url)),
    answer: ({ method, path }) => {
      if (!['PATCH', 'DELETE'].includes(method) || !path.endsWith(`/${kept}`)) return undefined;
      throw new KubeError('admission denied: a backup of it runs', { kind: 'forbidden', status: 403 });
    },
  });
  browser = await launch();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await rig?.stop();
}, 60_000);

/** What pages said in their consoles. */
const complaints: (readonly string[])[] = [];
afterEach(() => expect(complaints.splice(0).flat()).toEqual([]));

async function open(user: RigUser, path: string, o: VisitOptions = {}): Promise<Page> {
  const { page, complaints: said } = await visit(browser, rig.portal.url, o);
  complaints.push(said);
  page.setDefaultTimeout(60_000);
  await logIn(page, rig.portal.url, rig.tokens[user]);
  await page.goto(rig.portal.url + path);
  await page.getByRole('heading', { level: 1 }).waitFor();
  return page;
}

const views: readonly VisitOptions[] = [
  { scheme: 'light', width: 1280 },
  { scheme: 'dark', width: 360 },
];

/** The page in each view, after each step that leads into another state of it. */
async function canBeUsedByAll(path: string, ...steps: ((page: Page) => Promise<void>)[]): Promise<void> {
  for (const view of views) {
    const page = await open('root', path, view);
    for (const [step, take] of steps.entries()) {
      await take(page);
      const found = { hindrances: await hindrances(page), overflows: await overflows(page) };
      expect({ view, path, step, ...found }).toEqual({ view, path, step, hindrances: [], overflows: false });
    }
    await page.context().close();
  }
}

describe('the list of jobs', () => {
  it('stops and deletes the jobs that are selected, and names each one that was refused, and why', async () => {
    for (const name of ['first', 'second', 'third', kept]) await rig.put(aJob(name).published().job, 'team-a');
    await rig.put(aJob('over').published().claimedBy('pc-1').started(1).finished('Completed').job, 'team-a');
    const page = await open('ann', '/jobs?q=i');
    const state = (name: string) => page.getByRole('row', { name }).getByRole('checkbox');
    await state('first').click();
    await state('third').click();
    await page.getByRole('textbox', { name: 'Search' }).fill('');
    await state(kept).click();
    await state('over').click();
    await page.getByText('4 selected', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Stop 3' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Stop 3 jobs?').waitFor();
    await dialog.getByRole('button', { name: 'Keep them' }).click();
    await page.getByRole('button', { name: 'Stop 3' }).click();
    await dialog.getByRole('button', { name: 'Stop 3 jobs' }).click();
    await dialog.getByText('2 jobs are being stopped; 1 job is not:').waitFor();
    const whyNot = [`${kept}: admission denied: a backup of it runs`];
    expect(await dialog.getByRole('listitem').allInnerTexts()).toEqual(whyNot);
    await dialog.getByRole('button', { name: 'Close' }).click();
    for (const name of ['first', 'third']) await page.getByRole('row', { name }).getByText('Stopping').waitFor();
    await page.getByRole('button', { name: 'Stop 1' }).waitFor();
    await page.getByRole('button', { name: 'Delete 4' }).click();
    await dialog.getByText('Delete 4 jobs (3 not over)?').waitFor();
    await dialog.getByRole('button', { name: 'Delete 4 jobs' }).click();
    await dialog.getByText('3 jobs are being deleted; 1 job is not:').waitFor();
    expect(await dialog.getByRole('listitem').allInnerTexts()).toEqual(whyNot);
    await dialog.getByRole('button', { name: 'Close' }).click();
    for (const name of ['over', 'first', 'third']) await state(name).waitFor({ state: 'detached' });
    expect((await page.getByRole('row').locator('a').allInnerTexts()).sort()).toEqual([kept, 'second']);
    await page.context().close();
  }, 180_000);

  it('is worked by keyboard alone, and acts on nothing that the filters hide', async () => {
    for (const name of ['key-1', 'key-2', 'key-3', 'key-4']) await rig.put(aJob(name).published().job, 'team-a');
    const page = await open('ann', '/jobs?q=key');
    await page.getByRole('grid').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Space');
    await page.getByText('1 selected', { exact: true }).waitFor();
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
    await page.getByText('3 selected', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('Select all 4').waitFor();
    await page.keyboard.press('Control+a');
    await page.getByText('4 selected', { exact: true }).waitFor();
    await page.getByRole('textbox', { name: 'Search' }).fill('key-4');
    await page.getByRole('button', { name: 'Stop 1' }).waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe('key-4');
    await page.getByRole('grid').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'key-4' }).waitFor();
    await page.context().close();
  }, 180_000);

  it('offers nothing to delete to those who may only look', async () => {
    const page = await open('viv', '/jobs');
    await page.getByRole('link', { name: kept }).waitFor();
    expect(await page.getByRole('checkbox').count()).toBe(0);
    await page.context().close();
  }, 180_000);

  it('shows every row exactly once from its beginning to its end', async () => {
    const path = '/apis/idlewild.dev/v1alpha1/namespaces/team-b/computejobs';
    const { spec } = aJob('row').job;
    const expected = Array.from({ length: 300 }, (_, index) => `row-${String(index).padStart(3, '0')}`);
    for (let first = 0; first < expected.length; first += 20) {
      const some = expected.slice(first, first + 20);
      const answers = await Promise.all(some.map((name) => rig.api.post(path, { metadata: { name }, spec })));
      expect(answers.every(({ status }) => status === 201)).toBe(true);
    }
    const page = await open('ben', '/jobs');
    await page.locator('[role=grid][aria-rowcount="301"]').waitFor();
    const { names, faults, count } = await readThrough(page);
    expect(faults).toEqual([]);
    expect(count).toBe(300);
    expect([...names].sort()).toEqual(expected);
    await page.context().close();
  }, 180_000);

  it('can be used by everybody while jobs are selected and while it asks', async () => {
    await canBeUsedByAll(
      '/jobs?namespace=team-a',
      async (page) => {
        await page.getByRole('checkbox', { name: `Select ${kept}` }).click();
        await page.getByRole('button', { name: 'Stop 1' }).waitFor();
      },
      async (page) => {
        await page.getByRole('button', { name: 'Stop 1' }).click();
        await page.getByRole('button', { name: 'Stop 1 job' }).waitFor();
      },
    );
  }, 240_000);
});

describe('the page of a job', () => {
  beforeAll(async () => {
    const reasons = [
      { reason: 'OwnerPresent', machines: 5, names: ['pc-1', 'pc-2', 'pc-3'] },
      { reason: 'InsufficientMemory', machines: 2, names: ['pc-9'], message: '8 GiB of memory wanted, 4 GiB there' },
    ];
    const message = '3rd in line; 5 machines have their owner present';
    const waiter = aJob('waiter').published(-100);
    const waiting = { position: 3, estimate: at(1800), message, reasons };
    await rig.put(waiter.with({ ...waiter.job.status, phase: 'Waiting', message, waiting }).job, 'team-a');
    const told = { attempt: 1, node: 'pc-1', rung: 'Freeze' };
    const moved = aJob('moved', { resources: { cores: 2, memory: '4Gi', disk: '10Gi' } })
      .published(-700)
      .claimedBy('pc-1', { at: -650 })
      .started(-620)
      .ledger({ ...told, at: at(-500), reason: 'Frozen', message: 'the owner of pc-1 is back' })
      .ledger({ ...told, at: at(-440), reason: 'OwnerReturned', rung: 'Migrate', seconds: 20, toNode: 'pc-2' })
      .ledger({ ...told, at: at(-438), reason: 'Resumed', seconds: 62, message: 'it goes on on pc-2' });
    const attempts = moved.job.status?.attempts?.map((attempt) => ({ ...attempt, secondsStill: 62 }));
    await rig.put(moved.with({ ...moved.job.status, ...(attempts && { attempts }) }).job, 'team-a');
  }, 180_000);

  it('says why a job waits: how many machines and which, its place and the time', async () => {
    const page = await open('ann', '/jobs/team-a/waiter');
    const why = page.getByRole('region', { name: 'Why it waits' });
    await why.getByText('3rd in line').waitFor();
    await why.getByText(/^about .*, if the jobs before it take as long as they may$/).waitFor();
    const [first, second] = await why
      .getByRole('row')
      .filter({ has: page.getByRole('cell') })
      .all();
    expect(await first?.innerText()).toMatch(/^5\s+with their owner there/);
    expect(await second?.innerText()).toMatch(/^2\s+short of memory\s+8 GiB of memory wanted, 4 GiB there/);
    await why.getByText('pc-3').waitFor({ state: 'hidden' });
    await first?.getByText('Which').click();
    await why.getByText('pc-1, pc-2, pc-3 and 2 more').waitFor();
    await page.context().close();
  }, 180_000);

  it('stops it and keeps it, says that it is stopping, and deletes it only when asked to', async () => {
    const clerk = aJob('clerk', { mode: 'Session' }).published().claimedBy('pc-1').created(1).started(2);
    await rig.put(clerk.job, 'team-a');
    const page = await open('ann', '/jobs/team-a/clerk');
    const button = (name: string) => page.getByRole('button', { name, exact: true });
    await button('Stop').click();
    await page.getByRole('dialog').getByText('Stop clerk?').waitFor();
    await button('Stop it').click();
    await button('Stopping').waitFor();
    expect(await button('Stopping').isDisabled()).toBe(true);
    await page.getByText('its guest is being shut down').waitFor();
    const { conditions, phase, reason } = clerk.finished('Stopped').job.status ?? {};
    const status = { conditions, phase, reason, finishTime: new Date().toISOString() };
    const path = '/apis/idlewild.dev/v1alpha1/namespaces/team-a/computejobs/clerk';
    const written = await rig.api.patch(`${path}/status`, 'merge', { status });
    expect([written.status, (written.body['spec'] as { stop?: boolean }).stop]).toEqual([200, true]);
    await page.getByText('Stopped', { exact: true }).first().waitFor();
    await button('Stopping').waitFor({ state: 'detached' });
    await button('Delete').click();
    await page.getByRole('dialog').getByText('Delete clerk?').waitFor();
    await button('Delete it').click();
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
    await page.context().close();
  }, 180_000);

  it('draws from when to when its guest stood still and moved, can be zoomed, and tells the same in a table', async () => {
    const page = await open('ann', '/jobs/team-a/moved');
    const timeline = page.getByRole('region', { name: 'Timeline' });
    const kinds = (): Promise<string[]> =>
      page.evaluate<string[]>(
        `[...document.querySelectorAll('[role=group] [data-kind]')].map((bar) => bar.dataset.kind)`,
      );
    await timeline
      .getByRole('row', { name: /Stood still/ })
      .getByText('the owner of pc-1 is back; it goes on on pc-2')
      .waitFor();
    expect(await timeline.getByRole('row', { name: /Moved to pc-2/ }).innerText()).toMatch(/20 s/);
    const untilKinds = (wanted: readonly string[]): Promise<unknown> =>
      until(`the bars are ${wanted.join(', ')}`, async () => (await kinds()).join() === wanted.join());
    const all = ['waiting', 'starting', 'running', 'frozen', 'running'];
    expect(await kinds()).toEqual(all);
    const chart = timeline.getByRole('group');
    await chart.focus();
    for (let press = 0; press < 5; press++) await page.keyboard.press('+');
    await page.keyboard.press('Home');
    await untilKinds(['waiting', 'starting']);
    await page.keyboard.press('0');
    await untilKinds(all);
    await timeline.getByRole('button', { name: 'Show less time' }).click();
    await timeline.getByRole('button', { name: 'Back' }).click();
    await timeline.getByRole('button', { name: 'Show all' }).click();
    await untilKinds(all);
    const box = await chart.boundingBox();
    await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) * 0.85, (box?.y ?? 0) + 10);
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -400);
    await page.keyboard.up('Control');
    await untilKinds(['running']);
    await page.context().close();
  }, 180_000);

  it('says what was asked for, and that it is unknown what nobody measures', async () => {
    const page = await open('ann', '/jobs/team-a/moved?tab=resources');
    const row = (name: string) => page.getByRole('row', { name: new RegExp(`^${name}`) });
    await row('Cores').getByText('unknown: the guest does not run yet').waitFor();
    expect(await row('Disk').innerText()).toMatch(/10 GiB.*unknown.*only the guest itself could tell/s);
    await page.getByText(/of core time in .*stood still for 1 min/).waitFor();
    await page.context().close();
  }, 180_000);

  it.each(['/jobs/team-a/waiter', '/jobs/team-a/moved?tab=resources'])(
    'can be used by everybody (%s)',
    async (path) => {
      await canBeUsedByAll(path, (page) => page.getByRole('button', { name: 'Show less time' }).click());
    },
    240_000,
  );
});
