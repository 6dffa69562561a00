// Who may ask the agent, and what it answers.
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { askAgent, serveOwner, servePage, type Wish } from './server.ts';

let dir: string;
let servers: Server[];
let port: number;
let wishes: Wish[];
let failure: Error | undefined;
const socket = () => join(dir, 'owner.sock');

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'iw-owner-'));
  wishes = [];
  failure = undefined;
  const presence = { present: false, reason: 'Idle', message: '' } as const;
  const since = new Date(0).toISOString();
  const o = {
    view: async () => ({ machine: 'pc-4', presence, since, active: false, stopped: false, history: [], notes: [] }),
    onWish: (wish: Wish) => {
      wishes.push(wish);
      if (failure) throw failure;
    },
    now: () => 0,
    log: pino({ level: 'silent' }),
  };
  servers = [await serveOwner({ ...o, socket: socket() }), await servePage({ ...o, port: 0 })];
  port = (servers[1]?.address() as AddressInfo).port;
});
afterEach(() => {
  for (const server of servers) server.close().closeAllConnections();
  rmSync(dir, { recursive: true, force: true });
});

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
}

function ask({ method = 'GET', path = '/', headers = {} }: Asked) {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }>((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
    });
    asked.on('error', reject).end();
  });
}

const own = () => `http://127.0.0.1:${port}`;
const browser = { accept: 'text/html,*/*;q=0.8' };

describe('the page of an owner', () => {
  it('is for people, and the same in plain words for terminals and as JSON for programs', async () => {
    const html = await ask({ headers: browser });
    expect(html.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    expect(html.headers['content-security-policy']).toContain(`default-src 'none'`);
    expect(html.text).toContain('This machine may be lent');
    const words = await ask({ headers: { accept: '*/*' } });
    expect(words.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8' });
    expect(words.text).toMatch(/^pc-4: This machine may be lent, for /);
    for (const headers of [{}, { accept: 'application/json' }])
      expect(JSON.parse((await ask({ headers })).text)).toMatchObject({ machine: 'pc-4' });
  });

  it('takes the press of its own button, and comes back to itself', async () => {
    const pressed = await ask({ method: 'POST', path: '/stop-now', headers: { ...browser, origin: own() } });
    expect(pressed).toMatchObject({ status: 303, headers: { location: '/' } });
    expect(wishes).toEqual(['stop-now']);
  });

  it.each<[string, () => Asked]>([
    ['a press on a page from elsewhere', () => ({ method: 'POST', headers: { origin: 'http://evil.example' } })],
    ['one from another program of this machine', () => ({ method: 'POST', headers: { origin: 'http://127.0.0.1:1' } })],
    ['one that hides where it is from', () => ({ method: 'POST', headers: { origin: 'null' } })],
    ['one that does not say where it is from', () => ({ method: 'POST' })],
    ['a name that was made to point here', () => ({ headers: { host: `evil.example:${port}` } })],
    [
      'a press under such a name',
      () => ({ method: 'POST', headers: { host: `evil.example:${port}`, origin: `http://evil.example:${port}` } }),
    ],
    ['a look by a page from elsewhere', () => ({ headers: { origin: 'http://evil.example' } })],
  ])('refuses %s', async (_what, asked) => {
    const { method, headers } = asked();
    const path = method === 'POST' ? '/lend-again' : '/';
    const refused = await ask({ path, ...(method ? { method } : {}), headers: { ...browser, ...headers } });
    expect(refused.status).toBe(403);
    expect(refused.text).not.toContain('pc-4');
    expect(wishes).toEqual([]);
  });

  it('does nothing when it is only looked at', async () => {
    expect((await ask({ path: '/stop-now', headers: { origin: own() } })).status).toBe(405);
    expect(wishes).toEqual([]);
  });

  it('is to be reached from the machine alone', () => {
    expect((servers[1]?.address() as AddressInfo).address).toBe('127.0.0.1');
  });
});

describe('the socket of an owner', () => {
  it('is open to every user of the machine', async () => {
    expect(statSync(socket()).mode & 0o777).toBe(0o666);
    expect(await askAgent(socket(), 'lend-again')).toMatchObject({ machine: 'pc-4' });
    expect(wishes).toEqual(['lend-again']);
    expect(existsSync(socket())).toBe(true);
  });

  it('says when a wish holds but could not be written down', async () => {
    failure = new Error('disk full');
    await expect(askAgent(socket(), 'stop-now')).rejects.toThrow('holds until the agent is started anew');
  });
});
