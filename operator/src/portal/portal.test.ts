// The portal's API, asked over real HTTP and WebSockets by users with real rights.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { eventually } from '@idlewild/lab/apiserver/test-server.ts';
import { WebSocket, WebSocketServer } from 'ws';
import { aJob } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { startRig, type Rig, type RigUser } from '../../../test/portal/rig.ts';
import type { JobRow, Me, StreamMessage } from './schemas.ts';

let rig: Rig;
let guests: WebSocketServer;
/** Paths under which guests were reached. */
const dialled: string[] = [];

beforeAll(async () => {
  guests = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  guests.on('connection', (socket) => socket.on('message', (data) => socket.send(data, { binary: true })));
  await EventEmitter.once(guests, 'listening');
  const { port } = guests.address() as { port: number };
  const dial = async ({ path }: { path: string }): Promise<WebSocket> => {
    dialled.push(path);
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    await EventEmitter.once(socket, 'open');
    socket.pause();
    return socket;
  };
  rig = await startRig({ dial });
  await rig.put(aJob('render').published().claimedBy('pc-1').created(1).started(2).job, 'team-a');
  await rig.put(aJob('train').published().job, 'team-b');
  await rig.putMachine(aMachine('pc-1'));
  await rig.putMachine(aMachine('pc-2', { cores: 8, memoryMiB: 16384 }));
}, 60_000);
afterAll(async () => {
  await rig.stop();
  guests.close();
});

interface Ask {
  readonly as?: RigUser | undefined;
  readonly cookie?: string | undefined;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

const own = () => ({ origin: rig.portal.url, 'x-idlewild': '1' });

async function ask(path: string, { as, cookie, method = 'GET', body, headers = {} }: Ask = {}) {
  const response = await fetch(rig.portal.url + path, {
    method,
    headers: {
      ...(as === undefined ? {} : { authorization: `Bearer ${rig.tokens[as]}` }),
      ...(cookie === undefined ? {} : { cookie }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text.startsWith('{') ? (JSON.parse(text) as never) : {},
  };
}

async function login(user: RigUser): Promise<string> {
  const answer = await ask('/api/v1/login', { method: 'POST', body: { token: rig.tokens[user] }, headers: own() });
  expect(answer.status).toBe(200);
  return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

const spec = { image: { containerDisk: 'lab/tiny' }, resources: { memory: '128Mi' }, script: 'echo hi' };

describe('a login', () => {
  it('turns a token into a cookie that scripts and other sites cannot use', async () => {
    const answer = await ask('/api/v1/login', { method: 'POST', body: { token: rig.tokens.ann }, headers: own() });
    const cookie = answer.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^idlewild=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Expires=/);
    expect(cookie).not.toContain(rig.tokens.ann);
    const me = (await ask('/api/v1/me', { cookie: cookie.split(';')[0] })).body as Me;
    expect(me.name).toBe('system:serviceaccount:idlewild-system:ann');
    expect(me.namespaces).toEqual([{ name: 'team-a', create: true, stop: true, delete: true }]);
    expect(me.machines).toEqual({ list: false, change: false, switches: false });
    expect(Date.parse(me.until ?? '') - Date.now()).toBeLessThanOrEqual(7_200_000);
  });

  it('is refused for what is no token, and from a page of another origin', async () => {
    const wrong = await ask('/api/v1/login', { method: 'POST', body: { token: 'guess' }, headers: own() });
    expect(wrong.status).toBe(401);
    const body = { token: rig.tokens.ann };
    const foreign = { ...own(), origin: 'http://evil.example' };
    expect((await ask('/api/v1/login', { method: 'POST', body, headers: foreign })).status).toBe(403);
    expect((await ask('/api/v1/login', { method: 'POST', body })).status).toBe(403);
  });

  it('ends with a logout', async () => {
    const answer = await ask('/api/v1/logout', { method: 'POST', headers: own() });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({});
    expect(answer.headers.get('set-cookie')).toMatch(/^idlewild=; .*Expires=Thu, 01 Jan 1970/);
  });
});

describe('somebody who has not logged in', () => {
  it.each([
    ['GET', '/api/v1/me'],
    ['GET', '/api/v1/jobs'],
    ['GET', '/api/v1/machines'],
    ['GET', '/api/v1/openapi.json'],
    ['GET', '/api/v1/nothing'],
    ['POST', '/api/v1/namespaces/team-a/jobs'],
    ['GET', '/api/v1/namespaces/team-a/jobs/render'],
    ['DELETE', '/api/v1/namespaces/team-a/jobs/render'],
    ['POST', '/api/v1/namespaces/team-a/jobs/render/consoles'],
    ['PATCH', '/api/v1/machines/pc-1'],
  ])('gets 401 for %s %s', async (method, path) => {
    const answer = await ask(path, { method, headers: own() });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect((await ask(path, { method, cookie: 'idlewild=forged', headers: own() })).status).toBe(401);
  });

  it.each(['/api/v1/stream', '/api/v1/consoles', '/nothing'])('gets 401 for the WebSocket %s', async (path) => {
    expect(await refusedWith(path, {})).toBe(401);
    expect(await refusedWith(path, { cookie: 'idlewild=forged', origin: rig.portal.url })).toBe(401);
  });
});

describe('a page', () => {
  it('may change something only from our own origin, with our own header', async () => {
    const cookie = await login('ann');
    const path = '/api/v1/namespaces/team-a/jobs?dryRun=true';
    const body = { metadata: { name: 'mine' }, spec };
    const post = async (headers: Record<string, string>) =>
      (await ask(path, { method: 'POST', cookie, body, headers })).status;
    expect(await post(own())).toBe(201);
    expect(await post({})).toBe(403);
    expect(await post({ origin: rig.portal.url })).toBe(403);
    expect(await post({ ...own(), origin: 'http://127.0.0.1:1' })).toBe(403);
  });

  it('gets a stream only from our own origin', async () => {
    const cookie = await login('ann');
    expect(await refusedWith('/api/v1/stream', { cookie })).toBe(403);
    expect(await refusedWith('/api/v1/stream', { cookie, origin: 'http://evil.example' })).toBe(403);
  });
});

describe('a user', () => {
  it('sees the jobs of their own namespaces only', async () => {
    const names = async (as: RigUser) =>
      ((await ask('/api/v1/jobs', { as })).body as { items: JobRow[] }).items.map(({ name }) => name).sort();
    expect(await names('ann')).toEqual(['render']);
    expect(await names('ben')).toEqual(['train']);
    expect(await names('root')).toEqual(['render', 'train']);
    expect(await names('nemo')).toEqual([]);
  });

  it.each<[RigUser, string, string, number]>([
    ['ann', 'GET', '/api/v1/namespaces/team-a/jobs/render', 200],
    ['ann', 'GET', '/api/v1/namespaces/team-b/jobs/train', 403],
    ['ann', 'GET', '/api/v1/jobs?namespace=team-b', 403],
    ['ann', 'DELETE', '/api/v1/namespaces/team-b/jobs/train', 403],
    ['viv', 'DELETE', '/api/v1/namespaces/team-a/jobs/render', 403],
    ['ann', 'GET', '/api/v1/machines', 403],
    ['root', 'GET', '/api/v1/machines', 200],
    ['root', 'GET', '/api/v1/namespaces/team-a/jobs/none', 404],
  ])('%s who asks %s %s gets %i', async (as, method, path, status) => {
    expect((await ask(path, { as, method })).status).toBe(status);
  });

  it('may not change a machine unless the cluster lets them', async () => {
    const change = (as: RigUser, body: unknown) => ask('/api/v1/machines/pc-2', { as, method: 'PATCH', body });
    expect((await change('ann', { cordoned: true })).status).toBe(403);
    expect((await change('root', {})).status).toBe(400);
    expect((await change('root', { cordoned: true, approved: false })).status).toBe(204);
    const { body } = await rig.api.get('/api/v1/nodes/pc-2');
    expect(body.spec).toMatchObject({ unschedulable: true });
    expect(body.metadata?.labels?.['node-restriction.kubernetes.io/idlewild-approved']).toBe('revoked');
    expect((await change('root', { cordoned: false, approved: true })).status).toBe(204);
  });

  it('is told the field that is wrong in the words of the cluster, and how many machines could take the job', async () => {
    const path = '/api/v1/namespaces/team-a/jobs?dryRun=true';
    const wrong = { ...spec, resources: { memory: '1Mi' } };
    const refused = await ask(path, { as: 'ann', method: 'POST', body: { metadata: { name: 'x' }, spec: wrong } });
    expect(refused.status).toBe(422);
    expect(refused.body).toMatchObject({
      parameters: [{ parameter: 'spec.resources.memory', message: expect.stringContaining('between 64Mi and 1Ti') }],
    });
    const big = { ...spec, resources: { cores: 4, memory: '4Gi' } };
    // What was changed a moment ago is heard of a moment later.
    const tried = await eventually(
      () => ask(path, { as: 'ann', method: 'POST', body: { metadata: { name: 'x' }, spec: big } }),
      ({ body }) => (body as { fit: { now: number } }).fit.now === 1,
    );
    expect(tried.body).toMatchObject({ fit: { now: 1, never: 1, reasons: { InsufficientCores: 1 } } });
    expect((await ask('/api/v1/namespaces/team-a/jobs/x', { as: 'ann' })).status).toBe(404);
  });

  it('submits a job that carries their name, and deletes it', async () => {
    const body = { metadata: { name: 'mine' }, spec };
    const made = await ask('/api/v1/namespaces/team-a/jobs', { as: 'ann', method: 'POST', body });
    expect(made.status).toBe(201);
    const path = '/api/v1/namespaces/team-a/jobs/mine';
    expect((await ask(path, { as: 'ann' })).body).toMatchObject({
      metadata: { annotations: { 'idlewild.dev/submitted-by': 'system:serviceaccount:idlewild-system:ann' } },
    });
    expect((await ask('/api/v1/namespaces/team-a/jobs', { as: 'ann', method: 'POST', body })).status).toBe(409);
    expect((await ask(path, { as: 'ann', method: 'DELETE' })).status).toBe(204);
    expect((await ask(path, { as: 'ann' })).status).toBe(404);
  });

  it('is told what no schema knows', async () => {
    const body = { metadata: { name: 'x', namespace: 'team-b' }, spec };
    const answer = await ask('/api/v1/namespaces/team-a/jobs', { as: 'ann', method: 'POST', body });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ parameters: [{ parameter: 'metadata.namespace' }] });
    const broken = await fetch(`${rig.portal.url}/api/v1/namespaces/team-a/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${rig.tokens.ann}`, 'content-type': 'application/json' },
      body: '{',
    });
    expect(broken.status).toBe(400);
  });
});

describe('the document of the API', () => {
  it('names every path with its operations, and refers to nothing that is not there', async () => {
    const { body, text } = await ask('/api/v1/openapi.json', { as: 'nemo' });
    const { openapi, paths } = body as { openapi: string; paths: Record<string, object> };
    expect(openapi).toBe('3.1.0');
    expect(Object.keys(paths)).toContain('/api/v1/namespaces/{namespace}/jobs/{name}');
    for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) expect(name).toBe('Problem');
  });
});

function refusedWith(path: string, headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(rig.portal.url.replace('http', 'ws') + path, { headers });
  return new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.on('open', () => resolve(101));
    socket.on('unexpected-response', (_request, { statusCode = 0 }) => resolve(statusCode));
  });
}

class Listener {
  readonly heard: StreamMessage[] = [];
  readonly socket: WebSocket;
  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => this.heard.push(JSON.parse(data.toString()) as StreamMessage));
  }
  static async open(as: RigUser): Promise<Listener> {
    const cookie = await login(as);
    const url = `${rig.portal.url.replace('http', 'ws')}/api/v1/stream`;
    const listener = new Listener(new WebSocket(url, { headers: { cookie, origin: rig.portal.url } }));
    await EventEmitter.once(listener.socket, 'open');
    return listener;
  }
  ask(message: object): void {
    this.socket.send(JSON.stringify(message));
  }
  async until<T extends StreamMessage['type']>(
    type: T,
    good: (message: Extract<StreamMessage, { type: T }>) => boolean = () => true,
  ): Promise<Extract<StreamMessage, { type: T }>> {
    const deadline = performance.now() + 15_000;
    for (;;) {
      const found = this.heard.find((each) => each.type === type && good(each as never));
      if (found) return found as never;
      if (performance.now() > deadline) throw new Error(`no ${type} in ${JSON.stringify(this.heard)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe('the stream', () => {
  it('tells the jobs that there are and what becomes of them, of the own namespaces only', async () => {
    const ann = await Listener.open('ann');
    ann.ask({ op: 'sub', id: 1, topic: 'jobs' });
    const { items, rev } = await ann.until('snapshot');
    expect(items).toMatchObject([{ name: 'render', phase: 'Running', node: 'pc-1' }]);
    await rig.put(aJob('other').published().job, 'team-b');
    await rig.put(aJob('next').published().job, 'team-a');
    const { upserts, rev: later } = await ann.until('delta', (delta) => delta.upserts.length > 0);
    expect(upserts).toMatchObject([{ name: 'next', namespace: 'team-a' }]);
    expect(JSON.stringify(ann.heard)).not.toContain('team-b');
    ann.socket.close();

    const again = await Listener.open('ann');
    again.ask({ op: 'sub', id: 1, topic: 'jobs', since: rev });
    const missed = await again.until('delta');
    expect(missed.upserts).toMatchObject([{ name: 'next' }]);
    expect(Number(later)).toBeGreaterThan(Number(rev));
    again.ask({ op: 'sub', id: 2, topic: 'jobs', since: '99999999' });
    await again.until('snapshot', ({ id }) => id === 2);
    await rig.api.delete('/apis/idlewild.dev/v1alpha1/namespaces/team-a/computejobs/next');
    await again.until('delta', ({ deletes }) => deletes.length === 1);
    again.socket.close();
  });

  it('tells one job whole, and that there is none any more', async () => {
    const ann = await Listener.open('ann');
    ann.ask({ op: 'sub', id: 1, topic: 'job', namespace: 'team-a', name: 'render' });
    const { object } = await ann.until('object');
    expect(object).toMatchObject({ spec: { script: 'echo hello' }, status: { phase: 'Running' } });
    ann.ask({ op: 'sub', id: 2, topic: 'job', namespace: 'team-b', name: 'train' });
    const { problem } = await ann.until('error');
    expect(problem).toMatchObject({ status: 403 });
    ann.ask({ op: 'sub', id: 3, topic: 'machines' });
    await ann.until('error', ({ id }) => id === 3);
    ann.ask({ op: 'nonsense' });
    const [code] = (await EventEmitter.once(ann.socket, 'close')) as [number];
    expect(code).toBe(4400);
  });

  it('tells machines to those who may list nodes, with what is used of them', async () => {
    const root = await Listener.open('root');
    root.ask({ op: 'sub', id: 1, topic: 'machines' });
    const { items } = await root.until('snapshot');
    expect(items).toContainEqual(
      expect.objectContaining({ name: 'pc-1', used: { cores: 1, memoryMiB: 128, guests: 1 } }),
    );
    root.socket.close();
  });
});

describe('a console', () => {
  const path = '/api/v1/namespaces/team-a/jobs/render/consoles';
  const ticketOf = async (cookie: string): Promise<string> => {
    const { body } = await ask(path, { cookie, method: 'POST', body: { protocol: 'serial' }, headers: own() });
    return (body as { ticket: string }).ticket;
  };
  const open = (cookie: string, ticket: string): WebSocket =>
    new WebSocket(
      `${rig.portal.url.replace('http', 'ws')}/api/v1/consoles`,
      ['plain.kubevirt.io', `ticket.${ticket}`],
      {
        headers: { cookie, origin: rig.portal.url },
      },
    );
  const outcome = (socket: WebSocket): Promise<number> =>
    new Promise((resolve) => {
      socket.on('error', () => undefined);
      socket.on('open', () => resolve(101));
      socket.on('unexpected-response', (_request, { statusCode = 0 }) => resolve(statusCode));
    });

  it('carries bytes both ways to the guest that the job has now, once per ticket', async () => {
    const cookie = await login('ann');
    const ticket = await ticketOf(cookie);
    const socket = open(cookie, ticket);
    expect(await outcome(socket)).toBe(101);
    expect(socket.protocol).toBe('plain.kubevirt.io');
    socket.send(Buffer.from([0, 255, 10]));
    const [data, isBinary] = (await EventEmitter.once(socket, 'message')) as [Buffer, boolean];
    expect([...data]).toEqual([0, 255, 10]);
    expect(isBinary).toBe(true);
    expect(dialled.at(-1)).toBe(
      '/apis/subresources.kubevirt.io/v1/namespaces/team-a/virtualmachineinstances/render-1/console',
    );
    expect(await outcome(open(cookie, ticket))).toBe(403);
    for (const guest of guests.clients) guest.terminate();
    const [code] = (await EventEmitter.once(socket, 'close')) as [number];
    expect(code).toBe(4412);
  });

  it('is not for those without the right, nor for another session', async () => {
    const viv = await login('viv');
    const refused = await ask(path, { cookie: viv, method: 'POST', body: { protocol: 'vnc' }, headers: own() });
    expect(refused.status).toBe(403);
    const ticket = await ticketOf(await login('ann'));
    expect(await outcome(open(await login('ann'), ticket))).toBe(403);
    expect(await outcome(open(viv, ticket))).toBe(403);
  });

  it('is answered with 409 while the job has no guest', async () => {
    await rig.put(aJob('waits').published().job, 'team-a');
    const none = await ask(path.replace('render', 'waits'), { as: 'ann', method: 'POST', body: { protocol: 'vnc' } });
    expect(none.status).toBe(409);
  });
});

describe('what the portal answers', () => {
  it('carries headers that keep it in its own frame and origin', async () => {
    const { headers } = await ask('/api/v1/me');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-powered-by')).toBeNull();
  });
});
