// The history over the portal's API, asked by users with real rights; behind the portal the operator's own route for it, which the
// portal may ask with the rights that the chart gives it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { aJob, at } from '../../../test/builders/job.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { startRig, type Rig, type RigUser } from '../../../test/portal/rig.ts';
import { KubeClient } from '../kube/client.ts';
import { systemClock as clock } from '../kube/clock.ts';
import { transportFrom } from '../kube/credentials.ts';
import { ledgerEntry, type LedgerEntry, type LedgerNote } from '../ledger/entry.ts';
import { MemoryHistory } from '../ledger/memory-history.ts';
import { Authentication } from '../server/authentication.ts';
import { Authorization } from '../server/authorization.ts';
import { historyRoutes } from '../server/history.ts';
import { startServer, type RunningServer } from '../server/server.ts';
import type { HistoryAnswer } from './history-schemas.ts';
import { HistorySource } from './history-source.ts';
import type { RunningPortal } from './portal.ts';

const log = pino({ level: 'silent' });
const history = new MemoryHistory();
let rig: Rig;
let client: KubeClient;
let operator: RunningServer;
let portal: RunningPortal;
let token: string;
let leads = true;

const line = (namespace: string, name: string, note: Partial<LedgerNote>): LedgerEntry => {
  const { job } = aJob(name);
  const there = { ...job, metadata: { ...job.metadata, namespace, uid: `${namespace}-${name}` } };
  return ledgerEntry(there, { at: at(0), reason: 'Waiting', message: 'waits', ...note });
};

function startOperator(leading: () => boolean, port = 0, host = '127.0.0.1'): Promise<RunningServer> {
  const authentication = new Authentication(client, clock);
  const authorization = new Authorization(client, clock);
  const routes = [historyRoutes({ history, authentication, authorization, clock, leads: leading })];
  return startServer({ port, host, registry: new Registry(), log, notReady: () => [], routes });
}

beforeAll(async () => {
  rig = await startRig();
  await rig.putMachine(aMachine('pc-1'));
  const here = aJob('here').published(-30).claimedBy('pc-1', { at: -20 }).created(-19).started(-10);
  await rig.put(here.job, 'team-a');
  const accounts = '/api/v1/namespaces/idlewild-system/serviceaccounts';
  const { body } = await rig.api.post(`${accounts}/portal/token`, { spec: { expirationSeconds: 7200 } });
  ({ token } = (body as unknown as { status: { token: string } }).status);
  client = new KubeClient(transportFrom({ server: rig.api.url, caPem: rig.api.pki.caPem, token: rig.tokens.root }));
  operator = await startOperator(() => leads);
  portal = await rig.replica({ operator: { url: `http://127.0.0.1:${operator.port}`, token } });
  history.append(
    [
      line('team-a', 'render', { at: at(1), reason: 'Claimed', attempt: 1, node: 'pc-1' }),
      line('team-b', 'train', { at: at(2), reason: 'Claimed', attempt: 1, node: 'pc-1' }),
      line('team-a', 'render', { at: at(3), reason: 'Migrated', migration: 'm', node: 'pc-1', toNode: 'pc-2' }),
      line('team-a', 'sweep', { at: at(4), reason: 'MachineLost', attempt: 1, node: 'pc-2', secondsLost: 40 }),
      line('team-a', 'render', { at: at(5), reason: 'Deleted' }),
    ],
    [],
  );
}, 60_000);
afterAll(async () => {
  await portal.close();
  await operator.close();
  await client.raw.close();
  await rig.stop();
});

async function ask(as: RigUser, query: string, of = portal): Promise<{ status: number; body: HistoryAnswer }> {
  const headers = { authorization: `Bearer ${rig.tokens[as]}` };
  const response = await fetch(`${of.url}/api/v1/history${query}`, { headers });
  return { status: response.status, body: (await response.json()) as HistoryAnswer };
}
const told = ({ body }: { body: HistoryAnswer }): string[] =>
  body.items.map(({ job, reason }) => `${job.namespace}/${job.name} ${reason}`);

describe('the history', () => {
  it('of a machine is told to its admin, of deleted jobs as well', async () => {
    const answer = await ask('root', '?machine=pc-1');
    expect(told(answer)).toEqual(['team-a/render Migrated', 'team-b/train Claimed', 'team-a/render Claimed']);
    expect(answer.body).toMatchObject({ from: 'history', items: [{ toNode: 'pc-2', warning: false }, {}, {}] });
    expect(answer.body.why).toBeUndefined();
  });

  it('of a machine is not for who may not see machines', async () => {
    expect((await ask('ann', '?machine=pc-1')).status).toBe(403);
  });

  it('is told to a user as far as the namespaces go whose jobs they may list', async () => {
    expect(told(await ask('ann', ''))).toEqual([
      ...['team-a/render Deleted', 'team-a/sweep MachineLost', 'team-a/render Migrated', 'team-a/render Claimed'],
    ]);
    expect(told(await ask('ben', ''))).toEqual(['team-b/train Claimed']);
    expect(await ask('nemo', '')).toEqual({ status: 200, body: { items: [], from: 'history' } });
    expect((await ask('ben', '?namespace=team-a')).status).toBe(403);
    expect((await ask('ben', '?namespace=team-a&job=render')).status).toBe(403);
  });

  it('is told about one job, from a time on, and in pages', async () => {
    expect(told(await ask('ann', '?namespace=team-a&job=sweep'))).toEqual(['team-a/sweep MachineLost']);
    expect((await ask('ann', '?namespace=team-a&job=sweep')).body.items).toMatchObject([
      { secondsLost: 40, warning: true },
    ]);
    expect(told(await ask('ann', `?since=${at(4)}`))).toHaveLength(2);
    const first = await ask('ann', '?limit=3');
    expect(first.body.items).toHaveLength(3);
    const second = await ask('ann', `?limit=3&cursor=${first.body.next}`);
    expect(told(second)).toEqual(['team-a/render Claimed']);
    expect(second.body.next).toBeUndefined();
  });

  it.each(['?limit=0', '?limit=201', '?job=render', '?machine=PC_1', '?since=today', '?cursor=AAAA', '?owner=ann'])(
    'asked wrongly (%s) is refused',
    async (query) => {
      expect((await ask('root', query)).status).toBe(400);
    },
  );

  it('is told to one user however often another asks: the operator answers the portal only so often', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask('nemo', '')));
    expect(answers.map(({ status }) => status)).toEqual(expect.arrayContaining([200, 429]));
    expect((await ask('viv', '')).status).toBe(200);
  });
});

describe('where no operator tells its history', () => {
  it.each([
    ['a portal that knows of none', undefined, 'this portal was not told where its operator is'],
    ['an operator that does not answer', 'http://127.0.0.1:1', 'the operator does not answer just now'],
  ])(
    'with %s, jobs that are still there tell theirs, and the answer says so',
    async (_, url, why) => {
      const other = await rig.replica(url === undefined ? {} : { operator: { url, token } });
      try {
        const answer = await ask('root', '?machine=pc-1', other);
        expect(told(answer)).toEqual([
          ...['team-a/here Started', 'team-a/here VirtualMachineCreated', 'team-a/here Claimed'],
        ]);
        expect(answer.body).toMatchObject({ from: 'jobs', why });
        expect(told(await ask('ben', '', other))).toEqual([]);
        expect(told(await ask('ann', '?limit=1', other))).toEqual(['team-a/here Started']);
      } finally {
        await other.close();
      }
    },
    30_000,
  );

  it('a page in the middle is refused rather than answered from elsewhere', async () => {
    const { body } = await ask('root', '?limit=1');
    leads = false;
    try {
      expect((await ask('root', `?limit=1&cursor=${body.next}`)).status).toBe(503);
      expect((await ask('root', '?limit=1')).body.from).toBe('jobs');
    } finally {
      leads = true;
    }
  });
});

describe('among several replicas of the operator', () => {
  it('the one that leads is found, and found again when another one leads', async () => {
    const asked: string[] = [];
    let firstLeads = false;
    const first = await startOperator(() => (asked.push('first'), firstLeads));
    const second = await startOperator(() => (asked.push('second'), !firstLeads), first.port, '127.0.0.2');
    const resolve = (): Promise<string[]> => Promise.resolve(['127.0.0.1', '127.0.0.2']);
    const source = new HistorySource({ url: `http://operator:${first.port}`, token, resolve });
    try {
      expect((await source.query({ limit: 1 })).items).toHaveLength(1);
      expect(asked.splice(0)).toEqual(['first', 'second']);
      await source.query({ limit: 1 });
      expect(asked.splice(0)).toEqual(['second']);
      firstLeads = true;
      await source.query({ limit: 1 });
      expect(asked.splice(0)).toEqual(['second', 'first']);
    } finally {
      await source.close();
      await first.close();
      await second.close();
    }
  });
});
