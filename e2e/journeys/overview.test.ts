// The overview in a real browser: nothing on it jumps while it loads, its chart can be read in both schemes, and it tells who has
// which share.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { aJob } from '../../test/builders/job.ts';
import { aMachine } from '../../test/builders/node.ts';
import { startRig, type Rig } from '../../test/portal/rig.ts';
import { launch, logIn, visit } from '../src/browser.ts';

let rig: Rig;
let browser: Browser;

beforeAll(async () => {
  rig = await startRig({ web: fileURLToPath(new URL('../../web/dist', import.meta.url)) });
  await rig.putMachine(aMachine('pc-1', { cores: 4, memoryMiB: 8192 }));
  await rig.putMachine(aMachine('pc-2', { cores: 8, memoryMiB: 16384, room: 'lab-b' }));
  const session = { mode: 'Session', console: 'Serial' } as const;
  const desk = aJob('desk', session).published(-60).claimedBy('pc-1', { at: -50 }).created(-49).started(-40);
  await rig.put(desk.job, 'team-a');
  const sweep = aJob('sweep').published(-700).claimedBy('pc-2', { at: -600 }).started(-590);
  await rig.put(sweep.finished('ScriptFailed', { outcome: 'Failed' }).job, 'team-b');
  await rig.put(aJob('waits').published(-30).job, 'team-b');
  const image = { containerDisk: 'lab/tiny' };
  const sent = await fetch(`${rig.portal.url}/api/v1/namespaces/team-a/jobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${rig.tokens.ann}`, 'content-type': 'application/json' },
    body: JSON.stringify({ metadata: { name: 'anns' }, spec: { image, script: 'true' } }),
  });
  if (sent.status !== 201) throw new Error(await sent.text());
  browser = await launch();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await rig?.stop();
}, 60_000);

/** Layout shifts that nobody caused, as browsers score them: 0.1 is where people begin to mind. */
const watchShifts = `
  globalThis.shifts = [];
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.hadRecentInput) globalThis.shifts.push({
      value: each.value,
      what: each.sources.map(({ node }) => node && (node.className || node.nodeName)).join(', '),
    });
  }).observe({ type: 'layout-shift', buffered: true });`;

interface Shift {
  readonly value: number;
  readonly what: string;
}

/** Of a line of the legend, and how many pixels of the chart have its ink. */
interface Ink {
  readonly contrast: number;
  readonly pixels: number;
}

const readInks = `(() => {
  const numbers = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = light(numbers(getComputedStyle(document.body).backgroundColor));
  const canvas = document.querySelector('[aria-label="Cores over time"] canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return [...document.querySelectorAll('[aria-label="Cores over time"] span[aria-hidden]')].map((swatch) => {
    const ink = numbers(getComputedStyle(swatch).borderTopColor);
    const [less, more] = [light(ink), behind].sort((a, b) => a - b);
    let pixels = 0;
    for (let at = 0; at < data.length; at += 4)
      if (data[at + 3] === 255 && ink.every((c, i) => Math.abs(c - data[at + i]) <= 2)) pixels += 1;
    return { contrast: (more + 0.05) / (less + 0.05), pixels };
  });
})()`;

async function openOverview(page: Page): Promise<void> {
  await page.goto(rig.portal.url);
  await page.getByRole('heading', { name: 'Shares' }).waitFor();
  await page.locator('[aria-label="Cores over time"] canvas').waitFor();
  await page.getByRole('cell', { name: 'team-a', exact: true }).waitFor();
}

describe.each([1280, 360])('the overview, %i wide', (width) => {
  it('does not jump while it loads, however slow the answers are', async () => {
    const { page } = await visit(browser, rig.portal.url, { width });
    await logIn(page, rig.portal.url, rig.tokens.root);
    await page.addInitScript(watchShifts);
    await page.route(/overview$|cores-chart/, async (route) => {
      await delay(700);
      await route.continue();
    });
    await openOverview(page);
    await page.waitForLoadState('networkidle');
    const shifts = await page.evaluate<Shift[]>('globalThis.shifts');
    const sum = shifts.reduce((all, { value }) => all + value, 0);
    expect({ sum, shifts: sum < 0.1 ? [] : shifts }).toEqual({ sum: expect.any(Number), shifts: [] });
    expect(sum).toBeLessThan(0.1);
    await page.context().close();
  }, 90_000);
});

describe('the chart of the overview', () => {
  it('is drawn in the inks of its legend, that stand out in dark and in light, also when the scheme is changed', async () => {
    const { page } = await visit(browser, rig.portal.url, { scheme: 'dark' });
    await logIn(page, rig.portal.url, rig.tokens.root);
    await openOverview(page);
    for (const scheme of ['dark', 'light']) {
      if (scheme === 'light') await page.getByRole('button', { name: 'Use the light colours' }).click();
      await page.locator(`html[data-mantine-color-scheme=${scheme}]`).waitFor();
      const inks = await page.evaluate<Ink[]>(readInks);
      expect(inks).toHaveLength(2);
      for (const { contrast, pixels } of inks) {
        expect(contrast).toBeGreaterThan(4.5);
        expect(pixels).toBeGreaterThan(50);
      }
    }
    await page.context().close();
  }, 60_000);
});

describe('the shares', () => {
  it('are told by namespace and by person', async () => {
    const { page } = await visit(browser, rig.portal.url);
    await logIn(page, rig.portal.url, rig.tokens.root);
    await openOverview(page);
    await page.getByText('People', { exact: true }).click();
    await page.getByRole('cell', { name: 'system:serviceaccount:idlewild-system:ann' }).waitFor();
    await page.getByRole('cell', { name: 'not through the portal' }).waitFor();
    await page.context().close();
  }, 60_000);

  it('and the waiting times are of what one may see, and cores are not told to who may not see machines', async () => {
    const { page } = await visit(browser, rig.portal.url);
    await logIn(page, rig.portal.url, rig.tokens.ann);
    await page.getByRole('cell', { name: 'team-a', exact: true }).waitFor();
    expect(await page.getByRole('cell', { name: 'team-b', exact: true }).count()).toBe(0);
    expect(await page.getByRole('heading', { name: 'Cores over time' }).count()).toBe(0);
    expect(await page.getByText('Cores at work').count()).toBe(0);
    await page.context().close();
  }, 60_000);
});
