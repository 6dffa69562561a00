// How smoothly the portal's list of jobs scrolls while its jobs change: frames a second in Chromium, over a portal and an API server in
// processes of their own. The bare client is an empty page of the same height in the same browser, scrolled in the same run: where
// nothing but the processor draws, that is all there is to have.
// Promises: afterwards the list is read from its beginning to its end, still changing; if a row is missing, doubled or not drawn,
// there is no figure.

import { readFileSync } from 'node:fs';
import { launch, logIn, visit, type Visit } from '@idlewild/e2e/browser.ts';
import { grid, readThrough } from '@idlewild/e2e/scrolling.ts';
import { computeJobs } from '@idlewild/operator/api/resources.ts';
import { parse } from 'yaml';
import { until, type Cluster } from '../core/cluster.ts';
import { compared, quantile, type Bench, type Figure, type Measurement } from '../core/figures.ts';
import { aJob, addJobs } from '../core/population.ts';
import { pass } from '../core/run.ts';

export const jobList: Measurement = { name: 'job-list', about: 'the list of jobs in a browser', run };

type Page = Visit['page'];

/** Somebody who looks for something, up and down: px/s. */
const speed = 3_000;
const changesPerSecond = 20;

async function run({ site, scale, say }: Bench): Promise<Figure[]> {
  const count = scale.queued;
  say(`making ${count} jobs`);
  const state = await site.state((client) =>
    addJobs(
      client,
      Array.from({ length: count }, (_, index) => aJob(index, { runsForMs: 1_000 })),
    ),
  );
  const cluster = await site.open(state);
  const url = await startPortal(cluster);
  const browser = await launch();
  const changing = changeJobs(cluster, count);
  try {
    const { page } = await visit(browser, url);
    await logIn(page, url, tokenOf(cluster));
    const { page: empty } = await visit(browser, url);
    await empty.setContent('<div id="list" style="height: 550px; overflow: auto"><div></div></div>');
    const frames: { value: number; bare: number }[] = [];
    const slow: { value: number; bare: number }[] = [];
    // A small list is soon scrolled through.
    const forMs = Math.min(10_000, count * 50);
    for (let round = 1; round <= scale.rounds; round += 1) {
      say(`scrolling, ${round} of ${scale.rounds}`);
      await empty.evaluate(`document.querySelector('#list > div').style.height = '${count * 44}px'`);
      await empty.bringToFront();
      const bare = await scrolled(empty, '#list', forMs);
      await page.bringToFront();
      await page.goto(`${url}/jobs`);
      await page.locator(`${grid}[aria-rowcount="${count + 1}"]`).waitFor({ timeout: 60_000 });
      const list = await scrolled(page, grid, forMs);
      frames.push({ value: perSecond(list), bare: perSecond(bare) });
      slow.push({ value: quantile(list, 0.95), bare: quantile(bare, 0.95) });
    }
    say('reading it from its beginning to its end');
    await checkRows(page, count);
    const changed = await changing.end();
    const note = `${count} jobs, ${changed.toFixed(0)} changes a second, ${speed} px/s; drawn by the processor; bare: an empty page`;
    return [
      {
        ...compared({ name: 'job list scrolled while it changes', unit: 'frames/s', note }, frames),
        aim: { of: 'value', is: 'at least', limit: 50 },
      },
      compared({ name: 'job list, time between frames, P95', unit: 'ms', note }, slow),
    ];
  } finally {
    await changing.end();
    await browser.close();
    await cluster.stop();
  }
}

async function startPortal(cluster: Cluster): Promise<string> {
  const portal = cluster.start('portal', 'operator/src/portal/main.ts', []);
  return until('the portal is ready', async () => {
    await portal.alive();
    const url = portal.said(({ msg, url: said }) => (msg === 'listening' ? String(said) : undefined));
    return portal.said(({ msg }) => (msg === 'ready' ? url : undefined));
  });
}

function tokenOf({ adminKubeconfig }: Cluster): string {
  const { users } = parse(readFileSync(adminKubeconfig, 'utf8')) as { users: { user: { token: string } }[] };
  return users[0]?.user.token ?? '';
}

/** What rows say, here and there in the list; resolves with how many a second it was. */
function changeJobs({ client }: Cluster, count: number): { end: () => Promise<number> } {
  let going = true;
  let turn = 0;
  const began = performance.now();
  const work = (async (): Promise<number> => {
    while (going) {
      const name = `job-${(turn * 7) % count}`;
      const status = { phase: 'Waiting', reason: 'OwnerPresent', message: `${turn} machines have their owner present` };
      await client.mergePatch(computeJobs, { namespace: 'default', name }, { status }, { subresource: 'status' });
      turn += 1;
      await pass(Math.max(0, (turn / changesPerSecond) * 1000 - (performance.now() - began)));
    }
    return (turn * 1000) / (performance.now() - began);
  })();
  return {
    end: () => {
      going = false;
      return work;
    },
  };
}

/** Milliseconds between frames while the list is scrolled, up and down. */
function scrolled(page: Page, selector: string, forMs: number): Promise<number[]> {
  return page.evaluate<number[]>(`(async () => {
    const list = document.querySelector('${selector}');
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const times = [];
    let direction = 1;
    let last = await frame();
    const end = last + ${forMs};
    while (last < end) {
      const now = await frame();
      times.push(now - last);
      list.scrollTop += direction * ${speed} * (now - last) / 1000;
      if (list.scrollTop <= 0) direction = 1;
      if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) direction = -1;
      last = now;
    }
    return times;
  })()`);
}

function perSecond(times: readonly number[]): number {
  return (times.length * 1000) / times.reduce((sum, ms) => sum + ms, 0);
}

/** Throws unless every job is in the list once. */
async function checkRows(page: Page, count: number): Promise<void> {
  const { names, faults } = await readThrough(page);
  const all = new Set(names);
  if (faults.length > 0) throw new Error(`the list of jobs has faults: ${faults.slice(0, 5).join('; ')}`);
  if (all.size !== count) throw new Error(`the list of jobs showed ${all.size} of ${count} jobs`);
}
