// Who gets in where: nobody without a login, at any path that the API's document names; logins at any replica with the same keys; and
// nobody faster than the portal can bear.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { randomBytes } from 'node:crypto';
import { eventually } from '@idlewild/lab/apiserver/test-server.ts';
import { WebSocket } from 'ws';
import { aJob } from '../../../test/builders/job.ts';
import { startIssuer, type Issuer } from '../../../test/portal/issuer.ts';
import { startRig, type Rig } from '../../../test/portal/rig.ts';
import type { RunningPortal } from './portal.ts';
import type { StreamMessage } from './schemas.ts';

let rig: Rig;
let issuer: Issuer;
/** Everything that can be switched on is on. */
let full: RunningPortal;
beforeAll(async () => {
  [rig, issuer] = await Promise.all([startRig(), startIssuer()]);
  full = await rig.replica({ oidc: issuer.options });
  issuer.trust(full.url);
}, 60_000);
afterAll(async () => {
  await full.close();
  await rig.stop();
  await issuer.stop();
});

const own = (url: string) => ({ origin: url, 'x-idlewild': '1' });

async function login(url: string, token: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/login`, {
    method: 'POST',
    headers: { ...own(url), 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  expect(response.status).toBe(200);
  const kept = response.headers.getSetCookie().filter((line) => !line.includes('01 Jan 1970'));
  return kept.map((line) => line.split(';')[0]).join('; ');
}

const meWith = async (url: string, cookie: string): Promise<number> =>
  (await fetch(`${url}/api/v1/me`, { headers: { cookie } })).status;

async function refusal(url: string, path: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(url.replace('http', 'ws') + path, { headers });
  return new Promise<{ status: number; headers: Readonly<Record<string, unknown>> }>((resolve) => {
    socket.on('error', () => undefined);
    socket.on('open', () => {
      resolve({ status: 101, headers: {} });
      socket.terminate();
    });
    socket.on('unexpected-response', (_request, answer) =>
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers }),
    );
  });
}

interface Operation {
  readonly security?: readonly unknown[];
  readonly 'x-websocket'?: object;
}

describe('somebody who has not logged in', () => {
  it('gets 401 for every operation and every WebSocket of the document but the login itself', async () => {
    const document = await fetch(`${full.url}/api/v1/openapi.json`, {
      headers: { authorization: `Bearer ${rig.tokens.nemo}` },
    });
    const { paths } = (await document.json()) as { paths: Record<string, Record<string, Operation>> };
    const all = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({ path, method, operation })),
    );
    const open = all.filter(({ operation }) => operation.security?.length === 0);
    expect(open.map(({ path, method }) => `${method} ${path}`).sort()).toEqual([
      'get /api/v1/login',
      'get /api/v1/login/oidc',
      'get /api/v1/login/oidc/callback',
      'post /api/v1/login',
      'post /api/v1/logout',
    ]);
    const closed = all.filter((each) => !open.includes(each));
    expect(closed.length).toBeGreaterThan(10);
    expect(closed.filter(({ operation }) => 'x-websocket' in operation)).toHaveLength(2);
    for (const { path, method, operation } of closed) {
      const real = path.replaceAll(/\{\w+\}/g, 'x');
      for (const cookie of ['', 'idlewild=forged', 'idlewild=2.forged; idlewild.1=more']) {
        const response = await fetch(full.url + real, {
          method: method.toUpperCase(),
          headers: { ...own(full.url), cookie },
        });
        expect([method, path, response.status]).toEqual([method, path, 401]);
        expect(response.headers.get('content-type')).toContain('application/problem+json');
        if ('x-websocket' in operation) expect((await refusal(full.url, real, { cookie })).status).toBe(401);
      }
    }
  });
});

describe('two replicas', () => {
  it('with the same keys take each other’s logins, and those with others do not', async () => {
    const cookie = await login(rig.portal.url, rig.tokens.ann);
    expect(await meWith(full.url, cookie)).toBe(200);
    const stranger = await rig.replica({ sessionKeys: [randomBytes(32)] });
    expect(await meWith(stranger.url, cookie)).toBe(401);
    await stranger.close();
  });

  it('change their keys one after the other without logging anybody out', async () => {
    const [before, after] = [randomBytes(32), randomBytes(32)];
    const first = await rig.replica({ sessionKeys: [before] });
    const cookie = await login(first.url, rig.tokens.ann);
    await first.close();
    const second = await rig.replica({ sessionKeys: [after, before] });
    expect(await meWith(second.url, cookie)).toBe(200);
    await second.close();
  });

  it('let a stream that lost the one go on at the other, where it was', async () => {
    const cookie = await login(rig.portal.url, rig.tokens.ann);
    const listen = async (url: string, request: object) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/stream`, { headers: { cookie, origin: url } });
      const heard: StreamMessage[] = [];
      socket.on('message', (data: Buffer) => heard.push(JSON.parse(data.toString()) as StreamMessage));
      await EventEmitter.once(socket, 'open');
      socket.send(JSON.stringify({ op: 'sub', id: 1, topic: 'jobs', ...request }));
      const first = await eventually(
        () => Promise.resolve(heard.find((message) => 'rev' in message)),
        (message) => message !== undefined,
      );
      socket.close();
      return first as Extract<StreamMessage, { type: 'snapshot' | 'delta' }>;
    };
    await rig.put(aJob('one').published().job, 'team-a');
    const { rev } = await eventually(
      () => listen(rig.portal.url, {}),
      ({ type, ...message }) => type === 'snapshot' && JSON.stringify(message).includes('"one"'),
    );
    await rig.put(aJob('two').published().job, 'team-a');
    const missed = await eventually(
      () => listen(full.url, { since: rev }),
      (message) => message.type === 'delta' && message.upserts.length > 0,
    );
    expect(missed).toMatchObject({ type: 'delta', upserts: [{ name: 'two' }] });
  });
});

describe('a session', () => {
  it('is renewed by its page, up to its end', async () => {
    const cookie = await login(full.url, rig.tokens.ann);
    const renewed = await fetch(`${full.url}/api/v1/login/renew`, {
      method: 'POST',
      headers: { ...own(full.url), cookie },
    });
    const { until, ends } = (await renewed.json()) as { until: string; ends: string };
    expect(Date.parse(ends)).toBeGreaterThanOrEqual(Date.parse(until));
    expect(renewed.headers.getSetCookie()[0]).toMatch(/^idlewild=/);
  });

  it('is over soon after its account is deleted', async () => {
    const path = '/api/v1/namespaces/idlewild-system/serviceaccounts';
    await rig.api.post(path, { metadata: { name: 'leaver' } });
    const { body } = await rig.api.post(`${path}/leaver/token`, { spec: { expirationSeconds: 7200 } });
    const cookie = await login(full.url, (body as unknown as { status: { token: string } }).status.token);
    expect(await meWith(full.url, cookie)).toBe(200);
    await rig.api.delete(`${path}/leaver`);
    const status = await eventually(
      () => meWith(full.url, cookie),
      (code) => code === 401,
    );
    expect(status).toBe(401);
  }, 60_000);
});

describe('somebody who asks without end', () => {
  const asked = async (times: number, act: () => Promise<Response>): Promise<Response> => {
    const answers = await Promise.all(Array.from({ length: times }, act));
    const late = answers.find(({ status }) => status === 429);
    expect(late).toBeDefined();
    return late!;
  };

  it('is told when to try again, at the API and at the login', async () => {
    const portal = await rig.replica();
    const headers = { authorization: `Bearer ${rig.tokens.nemo}` };
    const calls = await asked(160, () => fetch(`${portal.url}/api/v1/me`, { headers }));
    const logins = await asked(80, () =>
      fetch(`${portal.url}/api/v1/login`, {
        method: 'POST',
        headers: { ...own(portal.url), 'content-type': 'application/json' },
        body: '{"token":""}',
      }),
    );
    for (const { headers: told } of [calls, logins]) {
      expect(Number(told.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(told.get('content-type')).toContain('application/problem+json');
    }
    const sockets = await Promise.all(
      Array.from({ length: 130 }, () => refusal(portal.url, '/api/v1/stream', headers)),
    );
    expect(sockets.find(({ status }) => status === 429)?.headers['retry-after']).toBe('1');
    await portal.close();
  }, 60_000);

  it('cannot make the portal read more than a megabyte', async () => {
    const response = await fetch(`${full.url}/api/v1/namespaces/team-a/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${rig.tokens.ann}`, 'content-type': 'application/json' },
      body: JSON.stringify({ metadata: { name: 'x' }, spec: { script: 'x'.repeat(1_100_000) } }),
    });
    expect(response.status).toBe(413);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });
});
