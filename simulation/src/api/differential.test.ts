// The API in memory answers as the lab's API server does: the same requests are sent to both, and statuses, bodies and watch
// events compared, but for uids, versions and times.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { parse } from 'yaml';
import * as resources from '@idlewild/operator/api/resources.ts';
import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { isNotFound, KubeError } from '@idlewild/operator/kube/errors.ts';
import type { KubeObject } from '@idlewild/operator/kube/object.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { installKinds } from '@idlewild/lab/virt/manifests/install.ts';
import { VirtualClock } from '../clock/virtual-clock.ts';
import { readJobSchema } from './job-schema.ts';
import { MemoryApi } from './memory-api.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface Step {
  readonly method: Method;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: unknown;
  readonly type?: string;
}

/** A body may be made of the answers to the steps before. */
type Sequence = readonly (Step | ((answers: readonly Answer[]) => Step))[];

interface Answer {
  readonly status: number;
  readonly body: Body;
}

type Body = { metadata?: { uid?: string; resourceVersion?: string; continue?: string } } & Record<string, unknown>;

const jobs = '/apis/idlewild.dev/v1alpha1/namespaces/NS/computejobs';
const vmis = '/apis/kubevirt.io/v1/namespaces/NS/virtualmachineinstances';
const vms = '/apis/kubevirt.io/v1/namespaces/NS/virtualmachines';
const secrets = '/api/v1/namespaces/NS/secrets';
const pods = '/api/v1/namespaces/NS/pods';

const get = (path: string, query = {}): Step => ({ method: 'GET', path, query });
const post = (path: string, body: unknown): Step => ({ method: 'POST', path, body });
const merge = (path: string, body: unknown): Step => ({ method: 'PATCH', path, body, type: 'merge-patch' });
const json = (path: string, body: unknown): Step => ({ method: 'PATCH', path, body, type: 'json-patch' });
const del = (path: string, body?: unknown): Step => ({ method: 'DELETE', path, body });

const job = (name: string, metadata = {}, spec = {}) => ({
  apiVersion: 'idlewild.dev/v1alpha1',
  kind: 'ComputeJob',
  metadata: { name, ...metadata },
  spec: { image: { containerDisk: 'sim/a' }, script: 'true', ...spec },
});
const vmi = (name: string, metadata = {}) => ({
  metadata: { name, ...metadata },
  spec: { domain: { devices: {} } },
  status: { phase: 'Scheduling' },
});
const pod = (name: string, spec = {}, metadata = {}) => ({
  metadata: { name, ...metadata },
  spec: { containers: [{ name: 'compute', image: 'launcher' }], ...spec },
});
const secret = (name: string, metadata = {}) => ({ metadata: { name, ...metadata }, data: { a: 'YQ==' } });
const versionOf = (answer: Answer | undefined): string => answer?.body.metadata?.resourceVersion ?? '';
const uidOf = (answer: Answer | undefined): string => answer?.body.metadata?.uid ?? '';

const sequences: Record<string, Sequence> = {
  'a job gets its defaults and loses a status that it brings along': [
    post(jobs, { ...job('a'), status: { phase: 'Running' } }),
    post(jobs, job('b', {}, { resources: { cores: 2 }, files: [{ path: '/x', content: 'y' }], placement: {} })),
    get(`${jobs}/b`),
  ],
  'data without an entry is none': [
    merge(`${secrets}/s`, { data: {} }),
    post(secrets, secret('s')),
    merge(`${secrets}/s`, { data: { a: null } }),
    get(`${secrets}/s`),
  ],
  'names are taken once, generated ones always free': [
    post(jobs, job('a')),
    post(jobs, job('a')),
    post(secrets, { metadata: { generateName: 'a-' }, data: {} }),
    post(secrets, { metadata: {} }),
  ],
  'what is not there is not found': [
    get(`${jobs}/none`),
    merge(`${jobs}/none`, { spec: {} }),
    del(`${secrets}/none`),
    merge(`${vms}/none/status`, { status: {} }),
    get('/apis/idlewild.dev/v1alpha1/namespaces/NS/nothings'),
    post('/api/v1/namespaces/nowhere/secrets', secret('a')),
  ],
  'a status is written apart from the rest': [
    post(jobs, job('a', { labels: { x: '1' } })),
    merge(`${jobs}/a/status`, {
      metadata: { labels: { x: '2' } },
      spec: { script: 'no' },
      status: { phase: 'Waiting' },
    }),
    merge(`${jobs}/a`, { metadata: { labels: { y: '3' } }, status: { phase: 'Other' } }),
    merge(`${jobs}/a`, { spec: { ttlSecondsAfterFinished: 5 } }),
    merge(`${jobs}/a/status`, { status: { phase: null, attempts: [{ number: 1, node: 'n', virtualMachine: 'a-1' }] } }),
  ],
  'an instance has its status in one piece with the rest, and every change counts': [
    post(vmis, vmi('a')),
    merge(`${vmis}/a`, { status: { phase: 'Running', nodeName: 'pc-1' } }),
    merge(`${vmis}/a/status`, { status: { phase: 'Failed' } }),
    merge(`${vmis}/a`, { metadata: { labels: { a: 'b' } } }),
  ],
  'an old version and another uid are conflicts': [
    post(jobs, job('a')),
    merge(`${jobs}/a`, { metadata: { labels: { x: '1' } } }),
    (answers) =>
      merge(`${jobs}/a/status`, { metadata: { resourceVersion: versionOf(answers[0]) }, status: { phase: 'A' } }),
    (answers) =>
      merge(`${jobs}/a/status`, { metadata: { resourceVersion: versionOf(answers[1]) }, status: { phase: 'B' } }),
    merge(`${jobs}/a/status`, { metadata: { uid: 'another' }, status: { phase: 'C' } }),
    (answers) => ({ method: 'PUT', path: `${jobs}/a`, body: { ...answers[0]?.body, spec: job('a').spec } }),
    (answers) => del(`${jobs}/a`, { preconditions: { resourceVersion: versionOf(answers[0]) } }),
    del(`${jobs}/a`, { preconditions: { uid: 'another' } }),
    (answers) => del(`${jobs}/a`, { preconditions: { uid: uidOf(answers[0]) } }),
    get(`${jobs}/a`),
  ],
  'a write that changes nothing is none': [
    post(jobs, job('a')),
    merge(`${jobs}/a`, { spec: { script: 'true' } }),
    merge(`${jobs}/a/status`, { status: { phase: 'A', conditions: [] } }),
    merge(`${jobs}/a/status`, { status: { phase: 'A', conditions: [] } }),
    get(`${jobs}/a`),
  ],
  'finalizers hold a deletion back': [
    post(vms, {
      metadata: { name: 'a', finalizers: ['x.dev/a', 'x.dev/b'] },
      spec: { template: { spec: vmi('a').spec } },
    }),
    del(`${vms}/a`),
    del(`${vms}/a`),
    merge(`${vms}/a`, { metadata: { finalizers: ['x.dev/a', 'x.dev/c'] } }),
    merge(`${vms}/a`, { metadata: { finalizers: ['x.dev/b'] } }),
    merge(`${vms}/a`, { metadata: { finalizers: null } }),
    get(`${vms}/a`),
  ],
  'the propagation of a deletion is kept in finalizers': [
    post(secrets, secret('a')),
    del(`${secrets}/a`, { propagationPolicy: 'Foreground' }),
    post(secrets, secret('b', { finalizers: ['x.dev/a'] })),
    del(`${secrets}/b`, { propagationPolicy: 'Orphan' }),
    del(`${secrets}/b`, { propagationPolicy: 'Background' }),
  ],
  'a pod on a machine is given its grace': [
    post(pods, pod('a')),
    post(pods, pod('b', { nodeName: 'pc-1' })),
    merge(`${pods}/b/status`, { status: { phase: 'Running' } }),
    del(`${pods}/b`),
    del(`${pods}/b`, { gracePeriodSeconds: 40 }),
    del(`${pods}/b`, { gracePeriodSeconds: 5 }),
    del(`${pods}/b`, { gracePeriodSeconds: 0 }),
    post(pods, pod('c', { nodeName: 'pc-1' })),
    merge(`${pods}/c/status`, { status: { phase: 'Succeeded' } }),
    del(`${pods}/c`),
    del(`${pods}/a`),
  ],
  'lists select by labels and fields, and come in pages': [
    post(pods, pod('a', { nodeName: 'pc-1' }, { labels: { app: 'x', tier: 'one' } })),
    post(pods, pod('b', { nodeName: 'pc-2' }, { labels: { app: 'x' } })),
    post(pods, pod('c', {}, { labels: { app: 'y' } })),
    get(pods, { labelSelector: 'app=x' }),
    get(pods, { labelSelector: 'app=x,tier' }),
    get(pods, { labelSelector: 'app in (y,z),!tier' }),
    get(pods, { labelSelector: 'app notin (y),tier!=one' }),
    get(pods, { fieldSelector: 'spec.nodeName=pc-1' }),
    get(pods, { fieldSelector: 'metadata.name!=a' }),
    get(pods, { limit: 2 }),
    (answers) => get(pods, { limit: 2, continue: answers.at(-1)?.body.metadata?.continue ?? '' }),
  ],
  'a JSON patch is carried out whole or not at all': [
    post(vmis, vmi('a', { annotations: { 'x/y': '1' } })),
    json(`${vmis}/a`, [
      { op: 'test', path: '/metadata/annotations/x~1y', value: '1' },
      { op: 'replace', path: '/metadata/annotations/x~1y', value: '2' },
      { op: 'add', path: '/status/conditions', value: [{ type: 'A', status: 'True' }] },
      { op: 'add', path: '/status/conditions/0', value: { type: 'B', status: 'True' } },
      { op: 'copy', from: '/status/conditions/0', path: '/status/conditions/-' },
      { op: 'remove', path: '/status/conditions/1' },
    ]),
    json(`${vmis}/a`, [
      { op: 'replace', path: '/status/phase', value: 'Lost' },
      { op: 'test', path: '/metadata/annotations/x~1y', value: '1' },
    ]),
    get(`${vmis}/a`),
  ],
  'a node keeps the status it is made with': [
    // With the taint that admission would give it, and a node controller would take away.
    post('/api/v1/nodes', {
      metadata: { name: 'NS-pc' },
      spec: { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] },
      status: { allocatable: { cpu: '4' } },
    }),
    merge('/api/v1/nodes/NS-pc', { spec: { unschedulable: true }, status: { allocatable: { cpu: '8' } } }),
    merge('/api/v1/nodes/NS-pc/status', { status: { conditions: [{ type: 'Ready', status: 'True' }] } }),
    merge('/api/v1/nodes/NS-pc', { spec: { unschedulable: null, taints: [{ key: 'a', effect: 'NoSchedule' }] } }),
    merge('/api/v1/nodes/NS-pc', { spec: { taints: [] } }),
    merge('/api/v1/nodes/NS-pc', { spec: { taints: null } }),
    del('/api/v1/nodes/NS-pc'),
  ],
};

let server: TestServer;
let lab: Transport;
let memory: Transport;
const stop = new AbortController();
const clock = new VirtualClock();

beforeAll(async () => {
  server = await TestServer.start();
  lab = transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' });
  const client = new KubeClient(lab);
  await installKinds({ client, log: pino({ level: 'silent' }), clock: systemClock, signal: stop.signal });
  const crd = readFileSync(join(import.meta.dirname, '../../../crds/idlewild.dev_computejobs.yaml'), 'utf8');
  await client.create(resources.customResourceDefinitions, parse(crd) as never);
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      await client.list(resources.computeJobs);
      break;
    } catch (error) {
      if (!isNotFound(error) || performance.now() > deadline) throw error;
      await systemClock.sleep(20);
    }
  }
  memory = new MemoryApi({ clock, jobSchema: readJobSchema(), garbageDelayMs: 3_600_000 }).transport();
}, 60_000);

afterAll(async () => {
  stop.abort();
  await lab.close();
  await server.stop();
}, 60_000);

async function prepare(transport: Transport, namespace: string): Promise<void> {
  const client = new KubeClient(transport);
  await client.create(resources.namespaces, { metadata: { name: namespace } });
  await client.create(resources.serviceAccounts, { metadata: { namespace, name: 'default' } });
}

async function run(transport: Transport, namespace: string, sequence: Sequence): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const next of sequence) {
    const step = typeof next === 'function' ? next(answers) : next;
    const { method, query, type } = step;
    try {
      const answer = await transport.request({
        ...{ method, query, body: step.body, path: step.path.replaceAll('NS', namespace) },
        ...(JSON.stringify(step.body ?? '').includes('NS') ? { body: replaced(step.body, namespace) } : {}),
        ...(type === undefined ? {} : { headers: { 'content-type': `application/${type}+json` } }),
      });
      answers.push({ status: answer.status, body: answer.body as Body });
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      answers.push({ status: error.status ?? 0, body: error.body as unknown as Body });
    }
  }
  return answers;
}

function replaced(body: unknown, namespace: string): unknown {
  return JSON.parse(JSON.stringify(body).replaceAll('NS', namespace)) as unknown;
}

const volatile = new Set(['uid', 'resourceVersion', 'creationTimestamp', 'managedFields', 'continue', 'timeAdded']);

/** Without what may differ; the spec of a pod without what only the other server fills in. */
function comparable(value: unknown, within = ''): unknown {
  if (typeof value === 'string') {
    return value
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'UID')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(/(ResourceVersion in (?:precondition|record) )\(\d+\)/g, '$1(N)')
      .replaceAll(/^(the ResourceVersion.*)$/g, '$1')
      .replaceAll(/\((\d+)\)/g, '(N)')
      .replace(/^a-[bcdfghjklmnpqrstvwxz2456789]{5}$/, 'a-GENERATED');
  }
  if (Array.isArray(value)) return value.map((item) => comparable(item, within === 'items' ? '' : within));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Record<string, unknown>).filter(
    ([name, member]) => !volatile.has(name) && member !== undefined,
  );
  const isPod = (value as { spec?: { containers?: unknown } }).spec?.containers !== undefined;
  return Object.fromEntries(
    entries
      // Members of a built-in kind's list go without, and nobody reads them there.
      .filter(([name]) => !((name === 'apiVersion' || name === 'kind') && 'spec' in value))
      .map(([name, member]) => {
        if (isPod && name === 'spec') return [name, { nodeName: (member as { nodeName?: string }).nodeName }];
        return [name, comparable(member, name)];
      }),
  );
}

const watched = [resources.computeJobs, resources.virtualMachineInstances, resources.secrets, resources.pods];

/** What happened in the namespace since a version. */
async function watch(transport: Transport, type: ResourceType, namespace: string, since: string): Promise<unknown[]> {
  const seen: unknown[] = [];
  const client = new KubeClient(transport, { clock });
  await client.watch<KubeObject>(type, {
    ...{ namespace, resourceVersion: since, timeoutSeconds: 1, signal: stop.signal },
    onEvent: (event) => {
      if (event.type !== 'BOOKMARK') seen.push(comparable(event));
    },
  });
  return seen;
}

let count = 0;

async function compare(sequence: Sequence): Promise<[unknown, unknown]> {
  const namespace = `n${++count}`;
  const outcome = async (transport: Transport): Promise<unknown> => {
    await prepare(transport, namespace);
    const before = await new KubeClient(transport).list(resources.secrets, { namespace });
    const answers = await run(transport, namespace, sequence);
    const watches = watched.map((type) => watch(transport, type, namespace, before.metadata.resourceVersion));
    await clock.advance(1_000);
    const seen = await Promise.all(watches);
    return { answers: comparable(answers), seen };
  };
  return [await outcome(memory), await outcome(lab)];
}

describe('the API in memory and the lab’s API server agree', () => {
  it.each(Object.entries(sequences))(
    '%s',
    async (_name, sequence) => {
      const [ours, theirs] = await compare(sequence);
      expect(ours).toEqual(theirs);
    },
    30_000,
  );
});
