// Single sign-on at a real issuer, from the login page to the rights that the cluster gives, and out again.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { aJob } from '../../../test/builders/job.ts';
import { startIssuer, Visitor, type Issuer } from '../../../test/portal/issuer.ts';
import { startRig, type Rig } from '../../../test/portal/rig.ts';
import { FakeClock } from '../kube/clock.ts';
import { loginTroubles, type LoginTrouble } from './login-troubles.ts';
import { Oidc } from './oidc.ts';
import type { RunningPortal } from './portal.ts';
import type { Me } from './schemas.ts';

let rig: Rig;
let issuer: Issuer;
let portal: RunningPortal;
let visitor: Visitor;

beforeAll(async () => {
  [rig, issuer] = await Promise.all([startRig(), startIssuer()]);
  portal = await rig.replica({ oidc: issuer.options });
  issuer.trust(portal.url);
  await rig.put(aJob('render').published().job, 'team-a');
  await rig.put(aJob('train').published().job, 'team-b');
  const { status } = await rig.api.post('/apis/rbac.authorization.k8s.io/v1/namespaces/team-a/rolebindings', {
    metadata: { name: 'group-team-a' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'worker' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'team-a' }],
  });
  expect(status).toBe(201);
}, 60_000);
afterAll(async () => {
  await portal.close();
  await rig.stop();
  await issuer.stop();
});
beforeEach(() => {
  visitor = new Visitor();
});

const own = () => ({ origin: portal.url, 'x-idlewild': '1' });
const go = (path: string, init?: RequestInit) => visitor.go(portal.url + path, init);

async function toIssuer(to = '/jobs'): Promise<string> {
  const response = await go(`/api/v1/login/oidc?to=${encodeURIComponent(to)}`);
  expect(response.status).toBe(302);
  return response.headers.get('location') ?? '';
}

/** Where the portal sends the browser that comes back. */
async function back(url: string): Promise<URL> {
  const response = await visitor.go(url);
  expect(response.status).toBe(302);
  return new URL(response.headers.get('location') ?? '', portal.url);
}

async function login(account = 'ann'): Promise<void> {
  const place = await back(await visitor.consent(await toIssuer(), account));
  expect(place.searchParams.get('trouble')).toBeNull();
}

function expectTrouble(place: URL, trouble: LoginTrouble): void {
  expect(place.pathname).toBe('/login');
  expect(place.searchParams.get('trouble')).toBe(trouble);
  expect(loginTroubles[trouble]).toMatch(/\.$/);
}

describe('a login by single sign-on', () => {
  it('is offered where it is configured, under the lab’s name for it', async () => {
    expect(await (await go('/api/v1/login')).json()).toEqual({
      oidc: { label: 'The Lab’s login', path: '/api/v1/login/oidc' },
    });
    expect(await (await fetch(`${rig.portal.url}/api/v1/login`)).json()).toEqual({});
  });

  it('asks for a code with PKCE, state and nonce', async () => {
    const { searchParams } = new URL(await toIssuer());
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      redirect_uri: `${portal.url}/api/v1/login/oidc/callback`,
    });
    for (const name of ['state', 'nonce', 'code_challenge']) expect(searchParams.get(name)?.length).toBeGreaterThan(30);
  });

  it('gives the rights that the cluster gives to the same name and groups, and leads back', async () => {
    const place = await back(await visitor.consent(await toIssuer('/jobs?state=Running'), 'ann'));
    expect(place.pathname + place.search).toBe('/login?done=1&to=%2Fjobs%3Fstate%3DRunning');
    const me = (await (await go('/api/v1/me')).json()) as Me;
    expect(me).toMatchObject({
      name: 'sso:ann',
      groups: ['team-a', 'system:authenticated'],
      namespaces: [{ name: 'team-a', create: true }],
      machines: { list: false },
    });
    expect(Date.parse(me.ends ?? '')).toBeGreaterThan(Date.parse(me.until ?? ''));
    const { items } = (await (await go('/api/v1/jobs')).json()) as { items: { name: string }[] };
    expect(items.map(({ name }) => name)).toEqual(['render']);
    expect((await go('/api/v1/namespaces/team-b/jobs/train')).status).toBe(403);
    const spec = { image: { containerDisk: 'lab/tiny' }, resources: { memory: '128Mi' }, script: 'echo hi' };
    const made = await go('/api/v1/namespaces/team-a/jobs', {
      method: 'POST',
      headers: { ...own(), 'content-type': 'application/json' },
      body: JSON.stringify({ metadata: { name: 'by-sso' }, spec }),
    });
    expect(await made.json()).toMatchObject({
      job: { metadata: { annotations: { 'idlewild.dev/submitted-by': 'sso:ann' } } },
    });
  });

  it('gives nothing to somebody whom no binding names', async () => {
    await login('stranger');
    expect(await (await go('/api/v1/me')).json()).toMatchObject({ name: 'sso:stranger', namespaces: [] });
  });

  it('is none for somebody who says to be in a group of the cluster', async () => {
    expectTrouble(await back(await visitor.consent(await toIssuer(), 'evil')), 'nobody');
    expect((await go('/api/v1/me')).status).toBe(401);
  });

  it('leads to no other site', async () => {
    const place = await back(await visitor.consent(await toIssuer('//evil.example/x'), 'ann'));
    expect(place.searchParams.get('to')).toBe('/');
  });
});

describe('an answer of the issuer', () => {
  it('with another state is not taken', async () => {
    const url = new URL(await visitor.consent(await toIssuer(), 'ann'));
    url.searchParams.set('state', 'x'.repeat(43));
    expectTrouble(await back(url.href), 'mismatch');
    expect((await go('/api/v1/me')).status).toBe(401);
  });

  it('with another nonce is not taken', async () => {
    const url = new URL(await toIssuer());
    url.searchParams.set('nonce', 'another');
    expectTrouble(await back(await visitor.consent(url.href, 'ann')), 'unsound');
  });

  it('in a browser that never asked is not taken', async () => {
    const url = await visitor.consent(await toIssuer(), 'ann');
    visitor = new Visitor();
    expectTrouble(await back(url), 'lost');
  });

  it('is taken once', async () => {
    const there = await toIssuer();
    const url = await visitor.consent(there, 'ann');
    const copy = visitor.cookiesOf(url);
    await back(url);
    expectTrouble(await back(url), 'lost');
    const stolen = await fetch(url, { redirect: 'manual', headers: { cookie: copy } });
    expectTrouble(new URL(stolen.headers.get('location') ?? '', portal.url), 'expired');
  });

  it('that says no is told as a no', async () => {
    const { searchParams } = new URL(await toIssuer());
    const state = searchParams.get('state') ?? '';
    const place = await back(
      `${portal.url}/api/v1/login/oidc/callback?error=access_denied&state=${state}&iss=${encodeURIComponent(issuer.options.rules.issuer)}`,
    );
    expectTrouble(place, 'refused');
  });
});

describe('a session by single sign-on', () => {
  it('of somebody in very many groups is kept in several cookies', async () => {
    await login('crowd');
    const cookies = visitor.cookiesOf(portal.url).split('; ');
    expect(cookies.length).toBeGreaterThan(1);
    for (const cookie of cookies) expect(cookie.length).toBeLessThan(4_000);
    const me = (await (await go('/api/v1/me')).json()) as Me;
    expect(me.groups).toHaveLength(201);
    const socket = new WebSocket(`${portal.url.replace('http', 'ws')}/api/v1/stream`, {
      headers: { cookie: cookies.join('; '), origin: portal.url },
    });
    await EventEmitter.once(socket, 'open');
    socket.terminate();
  });

  it('is renewed with a new word of the issuer, and stays the same session', async () => {
    await login();
    const before = visitor.cookiesOf(portal.url);
    const renewed = await go('/api/v1/login/renew', { method: 'POST', headers: own() });
    expect(renewed.status).toBe(200);
    expect(visitor.cookiesOf(portal.url)).not.toBe(before);
    expect((await go('/api/v1/me')).status).toBe(200);
    expect((await go('/api/v1/login/renew', { method: 'POST' })).status).toBe(403);
  });

  it('ends with a logout here and at the issuer, in every copy of the cookie', async () => {
    await login();
    const cookie = visitor.cookiesOf(portal.url);
    const answer = await go('/api/v1/logout', { method: 'POST', headers: own() });
    const { location = '' } = (await answer.json()) as { location?: string };
    expect(location).toMatch(`${issuer.options.rules.issuer}/session/end`);
    expect(new URL(location).searchParams.get('post_logout_redirect_uri')).toBe(`${portal.url}/login`);
    expect((await visitor.go(location)).status).toBe(200);
    expect((await go('/api/v1/me')).status).toBe(401);
    expect((await fetch(`${portal.url}/api/v1/me`, { headers: { cookie } })).status).toBe(401);
    const other = await rig.replica({ oidc: issuer.options });
    // The issuer has forgotten the tokens, so that a replica which did not hear of the logout refuses the copy too.
    expect((await fetch(`${other.url}/api/v1/me`, { headers: { cookie } })).status).toBe(401);
    await other.close();
  });

  it('is over a minute after the issuer has withdrawn it, and outlives an issuer that is away', async () => {
    const clock = new FakeClock(Date.now());
    const oidc = new Oidc(issuer.options, clock, pino({ level: 'silent' }));
    const { url, begun } = await oidc.begin(`${portal.url}/api/v1/login/oidc/callback`);
    const proof = await oidc.finish(new URL(await visitor.consent(url.href, 'ann')), begun);
    expect(await oidc.stillGood(proof)).toBe(true);
    await issuer.stop();
    await clock.advance(61_000);
    expect(await oidc.stillGood(proof)).toBe(true);
    await issuer.start();
    await (await issuer.provider.AccessToken.find(proof.access))?.destroy();
    expect(await oidc.stillGood(proof)).toBe(true);
    await clock.advance(61_000);
    expect(await oidc.stillGood(proof)).toBe(false);
    expect(await oidc.stillGood({ ...proof, goodUntilMs: clock.now() })).toBe(false);
  });
});

describe('an issuer that is away', () => {
  it('is told in words, and asked again by the next login', async () => {
    const url = await visitor.consent(await toIssuer(), 'ann');
    await issuer.stop();
    expectTrouble(await back(url), 'down');
    const fresh = await rig.replica({ oidc: issuer.options });
    const there = async () => {
      const response = await visitor.go(`${fresh.url}/api/v1/login/oidc?to=/jobs`);
      return new URL(response.headers.get('location') ?? '', fresh.url);
    };
    expectTrouble(await there(), 'down');
    await issuer.start();
    expect((await there()).origin).toBe(issuer.options.rules.issuer);
    await fresh.close();
  });
});
