// The pages of jobs in a real browser, over an API server with real rights: acting on many jobs at once, why one waits, what happened to
// one and what it uses; by keyboard, on a phone, light and dark.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { KubeError } from '@idlewild/operator/kube/errors.ts';
import type { Browser, Page } from 'playwright-core';
import { aJob } from '../../test/builders/job.ts';
import { startRig, type Rig, type RigUser } from '../../test/portal/rig.ts';
import { launch, logIn, visit, type VisitOptions } from '../src/browser.ts';
import { hindrances, overflows } from '../src/page-checks.ts';
import { readThrough } from '../src/scrolling.ts';

let rig: Rig;
let browser: Browser;

/** What the cluster's admission refuses to delete. */
const kept = 'kept';

beforeAll(async () => {
  rig = await startRig({
    web: fileURLToPath(new URL('../../web/dist', import.meta.url)),
    answer: ({ method, path }) => {
      if (method !== 'DELETE' || !path.endsWith(`/${kept}`)) return undefined;
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
  page.setDefaultTimeout(20_000);
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
    await dialog.getByText('Stop 3 jobs and delete them?').waitFor();
    await dialog.getByRole('button', { name: 'Keep them' }).click();
    await page.getByRole('button', { name: 'Stop 3' }).click();
    await dialog.getByRole('button', { name: 'Stop 3 jobs' }).click();
    await dialog.getByText('2 jobs are being stopped; 1 job is not:').waitFor();
    expect(await dialog.getByRole('listitem').allInnerTexts()).toEqual([
      `${kept}: admission denied: a backup of it runs`,
    ]);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Delete 1' }).click();
    await dialog.getByRole('button', { name: 'Delete 1 job' }).click();
    await state('over').waitFor({ state: 'detached' });
    await state('first').waitFor({ state: 'detached' });
    expect((await page.getByRole('row').locator('a').allInnerTexts()).sort()).toEqual([kept, 'second']);
    await page.context().close();
  }, 60_000);

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
  }, 60_000);

  it('offers nothing to delete to those who may only look', async () => {
    const page = await open('viv', '/jobs');
    await page.getByRole('link', { name: kept }).waitFor();
    expect(await page.getByRole('checkbox').count()).toBe(0);
    await page.context().close();
  }, 60_000);

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
  }, 60_000);

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
  }, 120_000);
});
