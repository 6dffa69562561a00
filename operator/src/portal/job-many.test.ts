// Ending jobs, many at once, and what a job's guest uses, asked over real HTTP by users with real rights.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@idlewild/lab/apiserver/test-server.ts';
import { aJob } from '../../../test/builders/job.ts';
import { startRig, type Rig, type RigUser } from '../../../test/portal/rig.ts';
import type { TransportRequest, TransportResponse } from '../kube/transport.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import { usedOf } from './job-resources.ts';
import type { Endings, JobResources, JobRow } from './schemas.ts';

let rig: Rig;
/** What the cluster says beside the API server's own answers, by path. */
const played = new Map<string, TransportResponse>();
const answered = (body: object, status = 200): TransportResponse => ({ status, headers: {}, body });

beforeAll(async () => {
  rig = await startRig({ answer: ({ path }: TransportRequest) => played.get(path) });
}, 60_000);
afterAll(() => rig.stop());

async function ask(as: RigUser, method: string, path: string, body?: unknown) {
  const response = await fetch(rig.portal.url + path, {
    method,
    headers: { authorization: `Bearer ${rig.tokens[as]}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as unknown };
}

async function put(namespace: string, ...names: string[]) {
  const made = [];
  for (const name of names) {
    await rig.put(aJob(name).published().job, namespace);
    const { body } = await rig.api.get(`/apis/idlewild.dev/v1alpha1/namespaces/${namespace}/computejobs/${name}`);
    made.push({ namespace, name, uid: body.metadata?.uid ?? '' });
  }
  return made;
}

const left = async (namespace: string): Promise<string[]> => {
  const { body } = await rig.api.get(`/apis/idlewild.dev/v1alpha1/namespaces/${namespace}/computejobs`);
  return (body as unknown as { items: ComputeJob[] }).items.map(({ metadata }) => metadata.name).sort();
};

const path = '/api/v1/jobs/deletions';

describe('deleting many jobs', () => {
  it('deletes those that the user may delete and that are still the same, and says of each other one why not', async () => {
    const mine = await put('team-a', 'one', 'two', 'three', 'four');
    const [theirs] = await put('team-b', 'train');
    const jobs = [...mine.map((job) => (job.name === 'three' ? { ...job, uid: 'another' } : job)), theirs];
    const { status, body } = await ask('ann', 'POST', path, { jobs });
    expect(status).toBe(200);
    const { done, refused } = body as Endings;
    expect(done).toBe(3);
    expect(refused.sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      { namespace: 'team-a', name: 'three', status: 409, detail: expect.stringContaining('another') },
      { namespace: 'team-b', name: 'train', status: 403, detail: expect.stringContaining('may not delete') },
    ]);
    expect(await left('team-a')).toEqual(['three']);
    expect(await left('team-b')).toEqual(['train']);
  });

  it('deletes nothing for those who may only look', async () => {
    const jobs = await put('team-a', 'five', 'six');
    const { body } = await ask('viv', 'POST', path, { jobs });
    expect(body).toMatchObject({ done: 0, refused: [{ status: 403 }, { status: 403 }] });
    expect(await left('team-a')).toEqual(expect.arrayContaining(['five', 'six']));
  });

  it('is for whoever does not ask without end, since one call asks the cluster a hundred times', async () => {
    const jobs = [{ namespace: 'team-b', name: 'x', uid: 'y' }];
    const answers = await Promise.all(Array.from({ length: 90 }, () => ask('nemo', 'POST', path, { jobs })));
    expect(answers.map(({ status }) => status)).toEqual(expect.arrayContaining([200, 429]));
    expect((await ask('viv', 'POST', path, { jobs })).status).toBe(200);
  });

  it('refuses a call that names no job, or too many', async () => {
    const job = { namespace: 'team-a', name: 'x', uid: 'y' };
    expect((await ask('ann', 'POST', path, { jobs: [] })).status).toBe(400);
    expect((await ask('ann', 'POST', path, { jobs: Array(101).fill(job) })).body).toMatchObject({
      detail: expect.stringContaining('at most 100'),
    });
  });
});

describe('stopping jobs', () => {
  const stops = '/api/v1/jobs/stops';
  const read = async (namespace: string, name: string): Promise<ComputeJob> => {
    const { body } = await rig.api.get(`/apis/idlewild.dev/v1alpha1/namespaces/${namespace}/computejobs/${name}`);
    return body as unknown as ComputeJob;
  };

  it('stops those that the user may change and that are still the same, and keeps them all', async () => {
    const mine = await put('team-a', 'stop-1', 'stop-2', 'stop-3');
    const [theirs] = await put('team-b', 'stop-4');
    const jobs = [...mine.map((job) => (job.name === 'stop-3' ? { ...job, uid: 'another' } : job)), theirs];
    const { status, body } = await ask('ann', 'POST', stops, { jobs });
    const { done, refused } = body as Endings;
    expect([status, done]).toEqual([200, 2]);
    expect(refused.sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      { namespace: 'team-a', name: 'stop-3', status: 409, detail: expect.stringContaining('another job by now') },
      { namespace: 'team-b', name: 'stop-4', status: 403, detail: expect.stringContaining('may not patch') },
    ]);
    const spec = async (name: string, namespace = 'team-a') => (await read(namespace, name)).spec.stop;
    expect([await spec('stop-1'), await spec('stop-2'), await spec('stop-3')]).toEqual([true, true, undefined]);
    expect(await spec('stop-4', 'team-b')).toBeUndefined();
  });

  it('stops one by its own path, only that one and as often as it is asked', async () => {
    const [job] = await put('team-a', 'stop-5');
    const one = '/api/v1/namespaces/team-a/jobs/stop-5';
    expect(await ask('ann', 'PATCH', `${one}?uid=another`, { stop: true })).toMatchObject({ status: 409 });
    expect(await ask('viv', 'PATCH', one, { stop: true })).toMatchObject({ status: 403 });
    for (const body of [{}, { stop: false }, { stop: true, spec: {} }])
      expect(await ask('ann', 'PATCH', one, body)).toMatchObject({ status: 400 });
    expect((await read('team-a', 'stop-5')).spec.stop).toBeUndefined();
    for (const path of [one, `${one}?uid=${job?.uid}`])
      expect((await ask('ann', 'PATCH', path, { stop: true })).status).toBe(204);
    expect((await read('team-a', 'stop-5')).spec.stop).toBe(true);
    expect(await ask('ann', 'PATCH', '/api/v1/namespaces/team-a/jobs/nobody', { stop: true })).toMatchObject({
      status: 404,
    });
  });

  it('is seen in the list while it is not over yet', async () => {
    await put('team-a', 'stop-6');
    await ask('ann', 'PATCH', '/api/v1/namespaces/team-a/jobs/stop-6', { stop: true });
    const rows = await eventually(
      () => ask('ann', 'GET', '/api/v1/jobs?namespace=team-a'),
      ({ body }) => (body as { items: JobRow[] }).items.some(({ name, stopping }) => name === 'stop-6' && stopping),
    );
    expect(rows.status).toBe(200);
  });
});

describe('what a job uses', () => {
  const resources = '/api/v1/namespaces/team-a/jobs/render/resources';
  const instance = '/apis/kubevirt.io/v1/namespaces/team-a/virtualmachineinstances/render-1';
  const launcher = {
    metadata: { name: 'virt-launcher-render-1', uid: 'p', namespace: 'team-a' },
    spec: { nodeName: 'pc-1' },
    status: { phase: 'Running' },
  };

  /** A moment later than the API server the portal knows. */
  const running = () =>
    eventually(
      () => ask('ann', 'GET', resources),
      ({ body }) => (body as JobResources).machine === 'pc-1',
    );

  it('is said to be unknown, and why, where nobody tells', async () => {
    await put('team-a', 'render');
    const waiting = await eventually(
      () => ask('ann', 'GET', resources),
      ({ status }) => status === 200,
    );
    const none = 'the job has no guest at this moment';
    expect(waiting.body).toEqual({ unknown: { given: none, used: none } });
    await rig.put(aJob('render').published().claimedBy('pc-1').created(1).started(2).job, 'team-a');
    const { body } = await running();
    expect(body).toEqual({
      machine: 'pc-1',
      unknown: {
        given: 'the guest is not there yet, or not any more',
        used: 'the guest does not run yet',
      },
    });
    played.set('/api/v1/namespaces/team-a/pods', answered({ items: [launcher], metadata: {} }));
    expect((await running()).body).toMatchObject({
      unknown: { used: 'the cluster has no metrics server, or it has not measured this guest yet' },
    });
  });

  it('is what KubeVirt and the metrics API say of the guest', async () => {
    const status = {
      currentCPUTopology: { cores: 2, sockets: 2, threads: 1 },
      memory: { guestAtBoot: '1Gi', guestCurrent: '1Gi', memoryOverhead: '250Mi' },
    };
    played.set(instance, answered({ metadata: { name: 'render-1' }, status }));
    const measured = {
      timestamp: '2026-01-01T12:00:00Z',
      window: '15.2s',
      containers: [
        { name: 'guest-console-log', usage: { cpu: '9', memory: '9Gi' } },
        { name: 'compute', usage: { cpu: '1499500001n', memory: '700Mi' } },
      ],
    };
    played.set(
      '/apis/metrics.k8s.io/v1beta1/namespaces/team-a/pods/virt-launcher-render-1',
      answered({ metadata: { name: 'virt-launcher-render-1' }, ...measured }),
    );
    expect((await running()).body).toEqual({
      machine: 'pc-1',
      given: { cores: 4, memoryMiB: 1024, overheadMiB: 250 },
      used: { cores: 1.5, memoryMiB: 700, at: '2026-01-01T12:00:00Z', windowSeconds: 15.2 },
      unknown: {},
    });
  });

  it('is for those who may see the job', async () => {
    expect((await ask('ben', 'GET', resources)).status).toBe(403);
  });

  it.each([
    ['nothing of the guest itself', [{ name: 'guest-console-log', usage: { cpu: '1', memory: '1Gi' } }]],
    ['half of it', [{ name: 'compute', usage: { cpu: '1' } }]],
    ['no container', undefined],
  ])('is no figure where %s was measured', (_what, containers) => {
    const metadata = { name: 'p' };
    expect(usedOf({ metadata, timestamp: '2026-01-01T12:00:00Z', ...(containers && { containers }) })).toBeUndefined();
  });
});
