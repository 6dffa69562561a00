// The terminal of a guest in a real browser, over an API server with real rights and a guest that says what the test wants: what was
// printed while the page was away is shown once and in its place, or the page says that something may be missing.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { WebSocket, WebSocketServer } from 'ws';
import { aJob } from '../../test/builders/job.ts';
import { startRig, type Rig } from '../../test/portal/rig.ts';
import { launch, logIn, visit } from '../src/browser.ts';
import { until } from '../src/cluster.ts';

const pod = 'virt-launcher-desk-1';
const printed: Record<string, string> = {};
let guests: WebSocketServer;
let rig: Rig;
let browser: Browser;
let page: Page;
/** What was typed into the guest. */
let typed = '';

beforeAll(async () => {
  guests = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  guests.on('connection', (socket) => socket.on('message', (data: Buffer) => (typed += data.toString())));
  await EventEmitter.once(guests, 'listening');
  const { port } = guests.address() as { port: number };
  const dial = async (): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    await EventEmitter.once(socket, 'open');
    socket.pause();
    return socket;
  };
  rig = await startRig({ dial, printed, web: fileURLToPath(new URL('../../web/dist', import.meta.url)) });
  await rig.api.post('/api/v1/namespaces/team-a/serviceaccounts', { metadata: { name: 'default' } });
  const labels = { 'idlewild.dev/job': 'desk', 'idlewild.dev/attempt': '1' };
  await rig.api.post('/api/v1/namespaces/team-a/pods', {
    metadata: { name: pod, labels },
    spec: { containers: [{ name: 'compute', image: 'lab/launcher' }] },
  });
  const desk = aJob('desk', { mode: 'Session', console: 'Serial' }).published().claimedBy('pc-1').created().started();
  await rig.put(desk.job, 'team-a');
  browser = await launch();
  ({ page } = await visit(browser, rig.portal.url, { height: 1600 }));
  page.setDefaultTimeout(20_000);
  await logIn(page, rig.portal.url, rig.tokens.ann);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await rig?.stop();
  guests?.close();
}, 60_000);

/** Lines that stand in the terminal, without the empty ones. */
async function shown(): Promise<string[]> {
  const rows = await page.locator('.xterm-rows > div').allInnerTexts();
  return rows.map((row) => row.replaceAll('\u00a0', ' ').trimEnd()).filter((row) => row !== '');
}

async function showsLine(line: string): Promise<string[]> {
  let lines: string[] = [];
  await until(
    `the terminal shows ${line}`,
    async () => {
      lines = await shown();
      return lines.includes(line);
    },
    { timeoutMs: 20_000, seen: () => lines.join('\n') },
  );
  return lines;
}

/** The guest prints it: whoever listens hears it, and its log has it. */
function prints(...lines: string[]): void {
  for (const line of lines) {
    printed[pod] = `${printed[pod] ?? ''}${line}\n`;
    for (const socket of guests.clients) socket.send(Buffer.from(`${line}\r\n`), { binary: true });
  }
}

async function ends(): Promise<void> {
  const closed = [...guests.clients].map((socket) => EventEmitter.once(socket, 'close'));
  for (const socket of guests.clients) socket.terminate();
  await Promise.all(closed);
}

const heard = (): Promise<unknown> => until('the page listens', () => Promise.resolve(guests.clients.size === 1));

describe('the terminal of a guest', () => {
  it('shows what was printed before it was opened, and answers no question of that time', async () => {
    prints('boots', '\x1b[6nasks where the cursor is', 'is up');
    await page.goto(`${rig.portal.url}/jobs/team-a/desk/console`);
    const lines = await showsLine('is up');
    expect(lines).toEqual(['boots', 'asks where the cursor is', 'is up']);
    prints('live');
    await showsLine('live');
    await page.locator('.xterm').click();
    await page.keyboard.type('typed');
    await until('the guest hears', () => Promise.resolve(typed !== ''));
    expect(typed).not.toContain('\x1b');
  }, 60_000);

  it('shows once, and in its place, what was printed while the line was broken', async () => {
    await ends();
    prints('missed 1', 'missed 2');
    await heard();
    prints('back');
    const lines = await showsLine('back');
    expect(lines).toEqual([
      ...['boots', 'asks where the cursor is', 'is up', 'live'],
      ...['-- attempt 1 on pc-1 --', 'missed 1', 'missed 2', 'back'],
    ]);
    prints('and on');
    await showsLine('and on');
  }, 60_000);

  it('says where something may be missing, when the log does not reach back', async () => {
    await ends();
    printed[pod] = Array.from({ length: 5 }, (_, index) => `much later ${index}\n`).join('');
    await heard();
    prints('still there');
    const lines = await showsLine('still there');
    expect(lines.slice(lines.indexOf('and on') + 1)).toEqual([
      '-- attempt 1 on pc-1; some of what it printed before may be missing --',
      'still there',
    ]);
  }, 60_000);

  it('takes the keys when its line is back, but not from somebody who writes a text for it', async () => {
    await page.getByRole('button', { name: 'Type text' }).click();
    const text = page.getByRole('textbox', { name: 'Text to type' });
    await text.pressSequentially('one ');
    await ends();
    await heard();
    prints('back again');
    await showsLine('back again');
    typed = '';
    await page.keyboard.type('two');
    expect(await text.inputValue()).toBe('one two');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await ends();
    await heard();
    prints('once more');
    await showsLine('once more');
    await page.keyboard.type('x');
    await until('the guest hears', () => Promise.resolve(typed !== ''));
    expect(typed).toBe('x');
  }, 60_000);
});
