// Who may read the history, asked of a real API server with real users and rules.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Writable } from 'node:stream';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { chartRights } from '@idlewild/lab/manifests/chart.ts';
import { pino, type Logger } from 'pino';
import { Registry } from 'prom-client';
import { aJob, at } from '../../../test/builders/job.ts';
import { KubeClient, type RequestInfo } from '../kube/client.ts';
import { FakeClock } from '../kube/clock.ts';
import { transportFrom } from '../kube/credentials.ts';
import type { Transport } from '../kube/transport.ts';
import { ledgerEntry, type LedgerEntry } from '../ledger/entry.ts';
import { MemoryHistory } from '../ledger/memory-history.ts';
import { Authentication } from './authentication.ts';
import { Authorization } from './authorization.ts';
import { historyRoutes } from './history.ts';
import { startServer, type RunningServer } from './server.ts';

const rolesPath = '/apis/rbac.authorization.k8s.io/v1';
const collectionOf = (kind: string, namespace = ''): string | undefined =>
  ({
    ServiceAccount: `/api/v1/namespaces/${namespace}/serviceaccounts`,
    ClusterRole: `${rolesPath}/clusterroles`,
    ClusterRoleBinding: `${rolesPath}/clusterrolebindings`,
    Role: `${rolesPath}/namespaces/${namespace}/roles`,
    RoleBinding: `${rolesPath}/namespaces/${namespace}/rolebindings`,
  })[kind];

let api: TestServer;
let transport: Transport;
const tokens: Record<'operator' | 'ann' | 'auditor', string> = { operator: '', ann: '', auditor: '' };

async function tokenOf(namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await api.post(path, { metadata: { name } });
  const answer = await api.post(`${path}/${name}/token`, { spec: {} });
  return (answer.body as unknown as { status: { token: string } }).status.token;
}

beforeAll(async () => {
  api = await TestServer.start();
  for (const name of ['idlewild-system', 'idlewild-machines', 'team-a', 'team-b'])
    await api.post('/api/v1/namespaces', { metadata: { name } });
  for (const manifest of await chartRights()) {
    const own = manifest.metadata.name === 'operator' || manifest.metadata.name === 'idlewild:operator';
    if (!own) continue;
    const path = collectionOf(manifest.kind, manifest.metadata.namespace) ?? '';
    const { status, text } = await api.post(path, manifest);
    if (status !== 201) throw new Error(text);
  }
  tokens.operator = await tokenOf('idlewild-system', 'operator');
  tokens.ann = await tokenOf('team-a', 'ann');
  tokens.auditor = await tokenOf('team-b', 'auditor');
  const rule = { apiGroups: ['idlewild.dev'], resources: ['computejobs'] };
  await api.post(`${rolesPath}/namespaces/team-a/roles`, {
    metadata: { name: 'user' },
    rules: [{ ...rule, verbs: ['get', 'create'] }],
  });
  await api.post(`${rolesPath}/namespaces/team-a/rolebindings`, {
    metadata: { name: 'user' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'user' },
    subjects: [{ kind: 'ServiceAccount', name: 'ann', namespace: 'team-a' }],
  });
  await api.post(`${rolesPath}/clusterroles`, {
    metadata: { name: 'auditor' },
    rules: [{ ...rule, verbs: ['get', 'list'] }],
  });
  await api.post(`${rolesPath}/clusterrolebindings`, {
    metadata: { name: 'auditor' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'auditor' },
    subjects: [{ kind: 'ServiceAccount', name: 'auditor', namespace: 'team-b' }],
  });
  transport = transportFrom({ server: api.url, caPem: api.pki.caPem, token: tokens.operator });
});
afterAll(async () => {
  await transport.close();
  await api.stop();
});

let server: RunningServer;
let clock: FakeClock;
let logged: string;
let reviews: RequestInfo[];
let leads: boolean;

const line = (namespace: string, name: string, seconds: number, node?: string): LedgerEntry => {
  const { job } = aJob(name);
  const note = { at: at(seconds), reason: 'Waiting', cause: 'OwnerPresent', node, message: `line ${seconds}` } as const;
  return ledgerEntry({ ...job, metadata: { ...job.metadata, namespace } }, note);
};

function serve(client: KubeClient, history: MemoryHistory, log: Logger): Promise<RunningServer> {
  const authentication = new Authentication(client, clock);
  const authorization = new Authorization(client, clock);
  const routes = historyRoutes({ history, authentication, authorization, clock, leads: () => leads });
  const address = { port: 0, host: '127.0.0.1' };
  return startServer({ ...address, registry: new Registry(), log, notReady: () => [], routes: [routes] });
}

beforeEach(async () => {
  clock = new FakeClock();
  logged = '';
  leads = true;
  reviews = [];
  const log = pino({ level: 'trace' }, new Writable({ write: (text, _encoding, done) => ((logged += text), done()) }));
  const client = new KubeClient(transport, { onRequest: (info) => reviews.push(info) });
  const history = new MemoryHistory();
  history.append([line('team-a', 'render', 1), line('team-b', 'train', 2, 'pc-1'), line('team-a', 'sweep', 3)], []);
  server = await serve(client, history, log);
});
afterEach(async () => {
  await server.close();
  for (const token of Object.values(tokens)) expect(logged).not.toContain(token);
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: { items?: LedgerEntry[]; next?: string; detail?: string; parameters?: { parameter: string }[] };
}

async function ask(query: string, o: { as?: string; accept?: string; method?: string } = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${server.port}/api/v1/history${query}`, {
    method: o.method ?? 'GET',
    headers: {
      ...(o.as === undefined ? {} : { authorization: `Bearer ${o.as}` }),
      ...(o.accept === undefined ? {} : { accept: o.accept }),
    },
  });
  const text = await response.text();
  const isLines = response.headers.get('content-type')?.includes('ndjson') === true;
  const body = isLines || text === '' ? {} : (JSON.parse(text) as Answer['body']);
  return { status: response.status, headers: response.headers, text, body };
}
const messages = ({ body }: Answer): string[] => (body.items ?? []).map(({ message }) => message);

describe('the history', () => {
  it('is answered to a user about their own namespace, newest first', async () => {
    const answer = await ask('?namespace=team-a', { as: tokens.ann });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({ items: [line('team-a', 'sweep', 3), line('team-a', 'render', 1)] });
  });

  it('is answered about one job, and from a time on', async () => {
    expect(messages(await ask('?namespace=team-a&job=render', { as: tokens.ann }))).toEqual(['line 1']);
    expect(messages(await ask(`?namespace=team-a&since=${at(2)}`, { as: tokens.ann }))).toEqual(['line 3']);
  });

  it('of all namespaces is for those who may list jobs everywhere', async () => {
    expect(messages(await ask('', { as: tokens.auditor }))).toEqual(['line 3', 'line 2', 'line 1']);
    const refused = await ask('', { as: tokens.ann });
    expect(refused.status).toBe(403);
    expect(refused.body.detail).toContain('may not list ComputeJobs in all namespaces');
  });

  it.each(['?namespace=team-b', '?namespace=team-b&job=train', '?namespace=nowhere'])(
    'of a foreign namespace is refused, whether it exists or not (%s)',
    async (query) => {
      const refused = await ask(query, { as: tokens.ann });
      expect(refused.status).toBe(403);
      expect(refused.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
      expect(refused.text).not.toContain('line 2');
    },
  );

  it('is answered about a machine, and about several namespaces to who may see each of them', async () => {
    expect(messages(await ask('?machine=pc-1', { as: tokens.auditor }))).toEqual(['line 2']);
    expect(messages(await ask('?machine=pc-1&namespace=team-a', { as: tokens.ann }))).toEqual([]);
    const both = '?namespace=team-a&namespace=team-b';
    const first = await ask(`${both}&limit=2`, { as: tokens.auditor });
    expect(messages(first)).toEqual(['line 3', 'line 2']);
    const link = /<[^?]*(\?[^>]*)>/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    expect(messages(await ask(link, { as: tokens.auditor }))).toEqual(['line 1']);
    expect((await ask(both, { as: tokens.ann })).status).toBe(403);
  });

  it('is with the replica that leads', async () => {
    leads = false;
    const answer = await ask('', { as: tokens.auditor });
    expect(answer.status).toBe(503);
    expect(answer.body.detail).toBe('another replica leads, and has the history');
    expect((await ask('')).status).toBe(401);
  });

  it('comes in pages that follow each other, in the body and in the Link header', async () => {
    const first = await ask('?limit=2', { as: tokens.auditor });
    expect(messages(first)).toEqual(['line 3', 'line 2']);
    const link = /^<\/api\/v1\/history(\?[^>]*)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    expect(new URLSearchParams(link).get('cursor')).toBe(first.body.next);
    const second = await ask(link, { as: tokens.auditor });
    expect(messages(second)).toEqual(['line 1']);
    expect(second.body.next).toBeUndefined();
    expect(second.headers.get('link')).toBeNull();
  });

  it('comes as lines of JSON when asked so', async () => {
    const answer = await ask('', { as: tokens.auditor, accept: 'application/x-ndjson' });
    expect(answer.headers.get('content-type')).toContain('application/x-ndjson');
    const entries = answer.text.trimEnd().split('\n');
    expect(entries.map((text) => (JSON.parse(text) as LedgerEntry).message)).toEqual(['line 3', 'line 2', 'line 1']);
  });

  it('is not there in other forms or by other methods', async () => {
    expect((await ask('', { as: tokens.auditor, accept: 'text/html' })).status).toBe(406);
    const post = await ask('', { as: tokens.auditor, method: 'POST' });
    expect(post.status).toBe(405);
    expect(post.headers.get('allow')).toBe('GET, HEAD');
  });
});

describe('a question that is wrong', () => {
  it.each([
    ['?limit=0', 'limit'],
    ['?limit=1001', 'limit'],
    ['?limit=1&limit=2', 'limit'],
    ['?limit=ten', 'limit'],
    ['?job=render', 'namespace'],
    ['?namespace=Team_A', 'namespace'],
    ['?namespace=team-a&namespace=team-b&job=render', 'namespace'],
    ['?machine=PC_1', 'machine'],
    ['?namespace=', 'namespace'],
    [`?namespace=${'a'.repeat(64)}`, 'namespace'],
    ['?namespace[x]=team-a', 'namespace[x]'],
    ['?since=yesterday', 'since'],
    ['?cursor=AAAA', 'cursor'],
    [`?cursor=${'A'.repeat(500)}`, 'cursor'],
    ['?owner=ann', 'owner'],
    ['?__proto__=1', '__proto__'],
  ])('%s is answered with what is wrong about %s', async (query, parameter) => {
    const answer = await ask(query, { as: tokens.auditor });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(answer.body.parameters?.map((each) => each.parameter)).toContain(parameter);
    expect(answer.body.detail).toContain(parameter);
  });
});

describe('somebody who', () => {
  it.each([
    ['is nobody', undefined],
    ['has a token that is none', 'guess'],
    ['has a token with a changed signature', 'operator'],
  ])('%s is not told anything', async (_who, as) => {
    const token = as === 'operator' ? `${tokens.operator.slice(0, -8)}AAAAAAAA` : as;
    const answer = await ask('?namespace=team-a', token === undefined ? {} : { as: token });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="idlewild"');
    expect(JSON.parse(answer.text)).toMatchObject({ status: 401, title: 'Not authenticated' });
    expect(answer.text).not.toContain('line');
  });

  it('keeps guessing is asked to wait, and the API server is left alone; those it knows are served on', async () => {
    await ask('', { as: tokens.auditor });
    const before = reviews.length;
    const statuses: number[] = [];
    for (let i = 0; i < 30; i++) statuses.push((await ask('', { as: `guess-${i}` })).status);
    expect(statuses.slice(0, 10).every((status) => status === 401)).toBe(true);
    expect(statuses.slice(-10).every((status) => status === 429)).toBe(true);
    expect(reviews.length - before).toBeLessThan(15);
    expect((await ask('', { as: tokens.auditor })).status).toBe(200);
    const wait = Number((await ask('', { as: 'guess' })).headers.get('retry-after'));
    expect(wait).toBeGreaterThan(0);
    await clock.advance(wait * 1000);
    expect((await ask('', { as: 'guess' })).status).toBe(401);
  });

  it('asks without end is asked to wait', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 45; i++) statuses.push((await ask('?limit=1', { as: tokens.auditor })).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(40);
    expect(statuses.at(-1)).toBe(429);
  });
});

describe('what the API server said', () => {
  it('is believed for ten seconds, and then asked again', async () => {
    for (let i = 0; i < 5; i++) await ask('?namespace=team-a', { as: tokens.ann });
    expect(reviews).toHaveLength(2);
    await clock.advance(10_000);
    await ask('?namespace=team-a', { as: tokens.ann });
    expect(reviews).toHaveLength(4);
  });

  it('is asked once for requests of the same moment', async () => {
    await Promise.all(Array.from({ length: 8 }, () => ask('?namespace=team-a', { as: tokens.ann })));
    expect(reviews).toHaveLength(2);
  });

  it('ends with a right that is taken away', async () => {
    const binding = `${rolesPath}/namespaces/team-b/rolebindings`;
    await api.post(binding, {
      metadata: { name: 'guest' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'auditor' },
      subjects: [{ kind: 'ServiceAccount', name: 'ann', namespace: 'team-a' }],
    });
    expect((await ask('?namespace=team-b', { as: tokens.ann })).status).toBe(200);
    await api.delete(`${binding}/guest`);
    await clock.advance(10_000);
    expect((await ask('?namespace=team-b', { as: tokens.ann })).status).toBe(403);
  });
});

describe('when the API server cannot be asked', () => {
  it('nobody is let in', async () => {
    const nowhere = transportFrom({ server: 'https://127.0.0.1:1', caPem: api.pki.caPem, token: 'x' });
    const client = new KubeClient(nowhere);
    await server.close();
    server = await serve(client, new MemoryHistory(), pino({ level: 'silent' }));
    const answer = await ask('?namespace=team-a', { as: tokens.ann });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toMatchObject({ detail: 'the API server could not be asked who you are' });
    await nowhere.close();
  });
});
