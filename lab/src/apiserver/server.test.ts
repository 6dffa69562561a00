// The server as a process: the ready line, a clean stop, and a state that survives being killed.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { parseTokens } from './token-file.ts';

let dir: string;
let children: ChildProcess[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'idlewild-server-'));
  await writeFile(join(dir, 'tokens.csv'), 'secret,lab-admin,1,"system:masters"\n');
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

async function start(): Promise<{ child: ChildProcess; url: string }> {
  const flags = [
    '--data-dir',
    join(dir, 'data'),
    '--pki-dir',
    join(dir, 'pki'),
    '--token-file',
    join(dir, 'tokens.csv'),
  ];
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'main.ts'), ...flags],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  children.push(child);
  let output = '';
  let complaints = '';
  child.stderr?.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${complaints}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (!output.includes('\n')) return;
      const line = JSON.parse(output.slice(0, output.indexOf('\n'))) as { ready: boolean; url: string };
      if (line.ready) resolve({ child, url: line.url });
    });
  });
}

async function ask(url: string, method: 'GET' | 'POST', path: string, body?: unknown): Promise<number> {
  const agent = new Agent({ connect: { ca: await readFile(join(dir, 'pki', 'ca.crt'), 'utf8') } });
  try {
    const { statusCode, body: answer } = await request(url + path, {
      method,
      dispatcher: agent,
      headers: { authorization: 'Bearer secret', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await answer.dump();
    return statusCode;
  } finally {
    await agent.destroy();
  }
}

const ended = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.once('exit', resolve));

describe('the API server process', () => {
  it('has every answered write after a SIGKILL', async () => {
    const first = await start();
    const names = Array.from({ length: 30 }, (_, i) => `kept-${i}`);
    for (const name of names) {
      expect(await ask(first.url, 'POST', '/api/v1/namespaces/default/configmaps', { metadata: { name } })).toBe(201);
    }
    first.child.kill('SIGKILL');
    await ended(first.child);
    const second = await start();
    for (const name of names) {
      expect(await ask(second.url, 'GET', `/api/v1/namespaces/default/configmaps/${name}`)).toBe(200);
    }
  }, 60_000);

  it('stops with exit code 0 on SIGTERM', async () => {
    const { child } = await start();
    const code = ended(child);
    child.kill('SIGTERM');
    expect(await code).toBe(0);
  }, 60_000);
});

describe('a token file', () => {
  it('has a token, a user, a uid and quoted groups per line', () => {
    expect(parseTokens('# comment\na,ann,7,"g1,g2"\n\nb,bob,,\n')).toEqual([
      { token: 'a', user: 'ann', uid: '7', groups: ['g1', 'g2'] },
      { token: 'b', user: 'bob', groups: [] },
    ]);
  });

  it('is refused with the number of a broken line', () => {
    expect(() => parseTokens('a,ann\nonly-a-token\n')).toThrow('token file line 2: a token and a user are required');
  });
});
