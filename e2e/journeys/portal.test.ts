// What a user of the lab does without kubectl: submits a session in the form, sees it run, works in its terminal and on its screen, and
// goes on working after its machine was drained.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launch, logIn, visit, type Visit } from '../src/browser.ts';
import { inPhase, job, startLab, until, untilJob, type LabCluster } from '../src/cluster.ts';

let cluster: LabCluster;
let browser: Browser;
let visited: Visit;
let page: Page;
let url: string;

beforeAll(async () => {
  cluster = await startLab({ machines: 2, portal: true });
  const status = JSON.parse((await cluster.lab('status', '--json')).stdout) as { portal: string };
  url = status.portal;
  browser = await launch();
  visited = await visit(browser, url, { scheme: 'dark' });
  page = visited.page;
  page.setDefaultTimeout(30_000);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await cluster?.stop();
}, 60_000);

/** What stands in the terminal, line by line. */
async function terminal(): Promise<string> {
  return (await page.locator('.xterm-rows > div').allInnerTexts()).join('\n').replaceAll('\u00a0', ' ');
}

/** Types a question into the terminal until its answer is there: the shell of a guest may not be up yet. */
async function asks(question: string, answer: string): Promise<void> {
  let seen = '';
  await until(
    `the terminal says ${answer}`,
    async () => {
      await page.keyboard.type(`${question}\n`);
      for (let look = 0; look < 10; look++) {
        seen = await terminal();
        if (seen.includes(answer)) return true;
        await page.waitForTimeout(300);
      }
      return false;
    },
    { seen: () => seen },
  );
}

/** The picture on the screen, as noVNC has drawn it. */
function picture(): Promise<string> {
  return page.evaluate<string>(`document.querySelector('main canvas:not([aria-hidden])').toDataURL()`);
}

describe('a user of the portal', () => {
  it('submits a session in the form and sees it run', async () => {
    const token = (await cluster.lab('token', 'ann')).stdout.trim();
    await logIn(page, url, token);
    await page.getByRole('link', { name: 'New job' }).first().click();
    await page.getByText('Work in a desktop').click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('desk');
    await page.getByRole('combobox', { name: 'Image' }).fill('lab/tiny');
    await page.getByRole('textbox', { name: 'Memory', exact: true }).fill('1Mi');
    await page.getByText('must be between 64Mi and 1Ti').waitFor();
    await page.getByRole('textbox', { name: 'Memory', exact: true }).fill('128Mi');
    await page.getByText('2 machines could take this now').waitFor();
    await page.getByRole('button', { name: 'Submit' }).click();
    await page.getByRole('heading', { name: 'desk' }).waitFor();
    await page.locator('h1 ~ .chip', { hasText: 'Running' }).waitFor({ timeout: 120_000 });
    const { metadata, status } = await job(cluster, 'desk');
    expect(status?.console?.url).toBe(`${url}/jobs/default/desk/console`);
    expect(metadata.annotations).toMatchObject({ 'idlewild.dev/submitted-by': 'system:serviceaccount:default:ann' });
  }, 240_000);

  it('works on its screen, and in its terminal', async () => {
    await page.goto((await job(cluster, 'desk')).status?.console?.url ?? '');
    await page.locator('[data-line=live]').waitFor();
    await page.locator('main canvas:not([aria-hidden])').waitFor();
    const before = await picture();
    await until('the screen changes', async () => {
      await page.keyboard.type('echo hello\n', { delay: 30 });
      return (await picture()) !== before;
    });
    await page.getByText('Terminal', { exact: true }).click();
    await page.locator('.xterm').waitFor();
    await page.locator('[data-line=live]').waitFor();
    await asks('echo answer-$((40+2))', 'answer-42');
  }, 180_000);

  it('lets a second person look on, and asks before they take over', async () => {
    await page.getByText('Screen', { exact: true }).click();
    await page.locator('[data-line=live]').waitFor();
    const { page: second } = await visit(browser, url);
    await logIn(second, url, (await cluster.lab('token', 'ann')).stdout.trim());
    await second.goto(`${url}/jobs/default/desk/console`);
    await second.getByText('You are looking on').waitFor();
    await second.getByAltText('Screen of desk, once a second').waitFor();
    await page.locator('[data-line=live]').waitFor();
    await second.getByRole('button', { name: 'Take over' }).click();
    await second.getByRole('button', { name: 'Take it over' }).click();
    await second.locator('[data-line=live]').waitFor();
    await page.getByText('You are looking on').waitFor();
    await second.context().close();
    await page.locator('[data-line=live]').waitFor();
    await page.getByText('Terminal', { exact: true }).click();
    await page.locator('[data-line=live]').waitFor();
  }, 180_000);

  it('goes on working after the machine was drained', async () => {
    const { status } = await untilJob(cluster, 'desk', 'can move', (found) =>
      (found.status?.conditions ?? []).some(({ type, status: value }) => type === 'Migratable' && value === 'True'),
    );
    const from = status?.node ?? '';
    const flags = ['--ignore-daemonsets', '--delete-emptydir-data', '--timeout=200s'];
    expect((await cluster.kubectl(['drain', from, ...flags])).code).toBe(0);
    await untilJob(
      cluster,
      'desk',
      'runs elsewhere',
      (found) => inPhase('Running')(found) && found.status?.node !== from,
    );
    await page.locator('header', { hasText: from === 'pc-1' ? 'pc-2' : 'pc-1' }).waitFor();
    await page.locator('[data-line=live]').waitFor();
    await page.locator('.xterm').click();
    await asks('echo after-$((50+5))', 'after-55');
    // Refusals are noted: that of memory that no job may have by Chromium, that of a screen that is in use by noVNC.
    expect(visited.complaints.filter((text) => !/422|in use/.test(text))).toEqual([]);
  }, 300_000);

  it('finds the guest made anew after its machine lost its power, and is told what happened', async () => {
    const lost = (await job(cluster, 'desk')).status?.node ?? '';
    const other = lost === 'pc-1' ? 'pc-2' : 'pc-1';
    expect((await cluster.kubectl(['uncordon', other])).code).toBe(0);
    expect((await cluster.lab('machine', 'off', lost)).code).toBe(0);
    await page
      .getByRole('status')
      .filter({ hasText: `${lost} was lost` })
      .waitFor({ timeout: 120_000 });
    await untilJob(
      cluster,
      'desk',
      'runs again',
      (found) => inPhase('Running')(found) && found.status?.attempt === 2 && found.status.node === other,
      { timeoutMs: 180_000 },
    );
    await page.locator('[data-line=live]').waitFor({ timeout: 60_000 });
    await page.locator('.xterm').click();
    await asks('echo anew-$((60+6))', 'anew-66');
    await until('the terminal says where it is', async () => (await terminal()).includes(`attempt 2 on ${other}`));
    await page.getByText('Screen', { exact: true }).click();
    await page.locator('[data-line=live]').waitFor({ timeout: 60_000 });
    await page.locator('main canvas:not([aria-hidden])').waitFor();
    expect((await cluster.lab('machine', 'on', lost)).code).toBe(0);
  }, 420_000);

  it('stops the job', async () => {
    await page.goto(`${url}/jobs/default/desk`);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Stop it' }).click();
    await page.getByText('No jobs yet').waitFor({ timeout: 90_000 });
  }, 120_000);
});
