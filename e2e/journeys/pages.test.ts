// The pages in a real browser, over an API server with real rights: they can be used by everybody, on a laptop and on a phone, light
// and dark; they ask nothing of anybody else; and a list of thousands stays whole. With PICTURES=1 they are kept in docs/images.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { aJob } from '../../test/builders/job.ts';
import { aMachine } from '../../test/builders/node.ts';
import { startRig, type Rig } from '../../test/portal/rig.ts';
import { launch, logIn, visit } from '../src/browser.ts';
import { hindrances, overflows } from '../src/page-checks.ts';

const images = fileURLToPath(new URL('../../docs/images/', import.meta.url));

let rig: Rig;
let browser: Browser;

beforeAll(async () => {
  rig = await startRig({ web: fileURLToPath(new URL('../../web/dist', import.meta.url)) });
  const moved = {
    at: '2026-01-01T11:58:00Z',
    reason: 'Migrated',
    rung: 'Migrate',
    attempt: 2,
    node: 'pc-3',
    toNode: 'pc-1',
  };
  const render = aJob('render', { walltime: '4h' })
    .published(-700)
    .claimedBy('pc-2', { at: -650 })
    .created(-648)
    .started(-620)
    .ended('MachineLost', { at: -300 })
    .claimedBy('pc-1', { at: -270, runnersUp: ['pc-3'] })
    .created(-269)
    .started(-240)
    .ledger({ ...moved, seconds: 4, message: 'the guest moved from pc-3 to pc-1 in 4 s' });
  const desktop = { mode: 'Session', console: 'VNC', image: { containerDisk: 'lab/desktop' } } as const;
  await rig.put(render.job, 'team-a');
  await rig.put(
    aJob('desktop', desktop).published(-90).claimedBy('pc-2', { at: -80 }).created(-79).started(-50).job,
    'team-a',
  );
  await rig.put(
    aJob('train').published(-500).claimedBy('pc-2', { at: -480 }).started(-450).finished('Completed').job,
    'team-a',
  );
  const failed = aJob('sweep').published(-500).claimedBy('pc-2', { at: -480 }).started(-450);
  await rig.put(failed.finished('ScriptFailed', { outcome: 'Failed' }).job, 'team-a');
  for (let i = 1; i <= 9; i++) await rig.put(aJob(`sample-${i}`).published(-i).job, 'team-a');
  await rig.putMachine(aMachine('pc-1', { cores: 4, memoryMiB: 8192 }));
  await rig.putMachine(aMachine('pc-2', { cores: 8, memoryMiB: 16384, room: 'lab-b' }));
  const present = [{ key: 'idlewild.dev/owner-present', effect: 'NoSchedule' as const }];
  await rig.putMachine(aMachine('pc-3', { cores: 4, memoryMiB: 8192, taints: present }));
  await rig.putMachine(aMachine('pc-4', { cores: 4, memoryMiB: 8192, room: 'lab-b', approved: false }));
  browser = await launch();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await rig?.stop();
}, 60_000);

const paths = {
  overview: '/',
  jobs: '/jobs',
  job: '/jobs/team-a/render',
  'new-job': '/new',
  machines: '/machines',
  machine: '/machines/pc-2',
  console: '/jobs/team-a/desktop/console?as=serial',
} as const;

const pictures = new Set([
  'overview-dark',
  'jobs-light',
  'jobs-light-phone',
  'job-light',
  'new-job-light',
  'machines-dark',
]);

const views = [
  { scheme: 'light', width: 1280 },
  { scheme: 'dark', width: 1280 },
  { scheme: 'light', width: 360 },
] as const;

describe.each(views)('the pages ($scheme, $width wide)', ({ scheme, width }) => {
  it('can be used by everybody, fit, and complain of nothing', async () => {
    const { page, complaints } = await visit(browser, rig.portal.url, { scheme, width });
    await page.goto(`${rig.portal.url}/login`);
    await page.getByLabel('Token of the cluster').waitFor();
    expect(await hindrances(page)).toEqual([]);
    await logIn(page, rig.portal.url, rig.tokens.root);
    for (const [name, path] of Object.entries(paths)) {
      await page.goto(rig.portal.url + path);
      await page.getByRole('heading', { level: 1 }).first().waitFor();
      await page.waitForLoadState('networkidle');
      expect({ name, hindrances: await hindrances(page) }).toEqual({ name, hindrances: [] });
      expect({ name, overflows: await overflows(page) }).toEqual({ name, overflows: false });
      const picture = `${name}-${scheme}${width < 600 ? '-phone' : ''}`;
      if (process.env['PICTURES'] !== undefined && pictures.has(picture)) {
        mkdirSync(images, { recursive: true });
        await page.screenshot({ path: `${images}portal-${picture}.png` });
      }
    }
    // The guest of the console does not exist here.
    expect(complaints.filter((text) => !text.includes('/api/v1/consoles'))).toEqual([]);
    await page.context().close();
  }, 180_000);
});

describe('the list of jobs', () => {
  it('keeps its filters in the address, and says which one hides everything', async () => {
    const { page } = await visit(browser, rig.portal.url);
    await logIn(page, rig.portal.url, rig.tokens.ann);
    await page.goto(`${rig.portal.url}/jobs?state=Failed`);
    await page.getByRole('link', { name: 'sweep' }).waitFor();
    expect(await page.getByRole('link', { name: 'render' }).count()).toBe(0);
    await page.getByRole('textbox', { name: 'Search' }).fill('nothing like it');
    await page.getByText('No job fits these filters').waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe('nothing like it');
    await page.getByRole('button', { name: /Show all/ }).click();
    await page.getByRole('link', { name: 'render' }).waitFor();
    await page.context().close();
  }, 60_000);

  it('follows what happens, for those who may see it', async () => {
    const ann = await visit(browser, rig.portal.url);
    const ben = await visit(browser, rig.portal.url);
    await logIn(ann.page, rig.portal.url, rig.tokens.ann);
    await logIn(ben.page, rig.portal.url, rig.tokens.ben);
    await ann.page.goto(`${rig.portal.url}/jobs`);
    await ben.page.goto(`${rig.portal.url}/jobs`);
    await ben.page.getByText('No jobs yet').waitFor();
    await rig.put(aJob('fresh').published().job, 'team-a');
    await ann.page.getByRole('link', { name: 'fresh' }).waitFor();
    await ben.page.goto(`${rig.portal.url}/jobs/team-a/fresh`);
    await ben.page.getByText('You may not see this job').waitFor();
    await ann.page.context().close();
    await ben.page.context().close();
  }, 60_000);
});
