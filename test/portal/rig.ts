// For tests: a portal over an API server of its own with real users and rules, and whatever jobs and machines a test puts there.
// Users: `ann` may do everything with jobs in team-a (and open consoles), `viv` only look at them, `ben` the same as ann in team-b,
// `root` everything anywhere, `nemo` nothing.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { definitions } from '@idlewild/lab/virt/manifests/kinds.ts';
import { eventually, TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { chartRights } from '@idlewild/lab/manifests/chart.ts';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import type { Transport, TransportRequest, TransportResponse } from '@idlewild/operator/kube/transport.ts';
import type { OidcOptions } from '@idlewild/operator/portal/oidc.ts';
import { startPortal, type RunningPortal } from '@idlewild/operator/portal/portal.ts';
import { pino } from 'pino';
import { parse } from 'yaml';
import { noon } from '../builders/job.ts';

const file = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const rbac = '/apis/rbac.authorization.k8s.io/v1';

const users = ['ann', 'viv', 'ben', 'root', 'nemo'] as const;
export type RigUser = (typeof users)[number];

export interface Rig {
  readonly api: TestServer;
  readonly portal: RunningPortal;
  readonly tokens: Readonly<Record<RigUser, string>>;
  /** Puts a job there with its status; times around noon of the builders become times around now. */
  put(job: ComputeJob, namespace?: string): Promise<void>;
  putMachine(node: Node): Promise<void>;
  /** Another portal over the same API server; the caller closes it. */
  replica(o?: ReplicaOptions): Promise<RunningPortal>;
  stop(): Promise<void>;
}

interface ReplicaOptions {
  /** The rig's own unless given. */
  readonly sessionKeys?: readonly Uint8Array[];
  readonly oidc?: OidcOptions;
  /** Where an operator tells its history, to whoever has this token. */
  readonly operator?: { readonly url: string; readonly token: string };
}

export interface RigOptions {
  /** The built pages. */
  readonly web?: string;
  /** What the portal reaches guests with, instead of the API server. */
  readonly dial?: Transport['dial'];
  /** Answers some requests of the portal instead of the API server. */
  readonly answer?: (request: TransportRequest) => TransportResponse | undefined;
  /** What the serial line of a guest has printed, or how asking for it fails, by the name of its launcher pod: no kubelet runs here. */
  readonly printed?: Readonly<Record<string, string | Error>>;
  /** Where a lab takes its orders. */
  readonly labControlSocket?: string;
}

export async function startRig(o: RigOptions = {}): Promise<Rig> {
  const api = await TestServer.start();
  const created = async (path: string, body: unknown): Promise<void> => {
    const { status, text } = await api.post(path, body);
    if (status !== 201) throw new Error(`${path}: ${text}`);
  };
  for (const name of ['idlewild-system', 'idlewild-machines', 'team-a', 'team-b'])
    await created('/api/v1/namespaces', { metadata: { name } });
  const own = parse(file('crds/idlewild.dev_computejobs.yaml')) as unknown;
  for (const definition of [...definitions, own]) {
    await created('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
  }
  await eventually(
    () => api.get('/apis/idlewild.dev/v1alpha1/computejobs'),
    ({ status }) => status === 200,
  );
  for (const manifest of await chartRights()) {
    if (manifest.metadata.name !== 'portal' && manifest.metadata.name !== 'idlewild:portal') continue;
    const collections: Record<string, string> = {
      ServiceAccount: '/api/v1/namespaces/idlewild-system/serviceaccounts',
      ClusterRole: `${rbac}/clusterroles`,
      ClusterRoleBinding: `${rbac}/clusterrolebindings`,
      Role: `${rbac}/namespaces/${manifest.metadata.namespace ?? ''}/roles`,
      RoleBinding: `${rbac}/namespaces/${manifest.metadata.namespace ?? ''}/rolebindings`,
    };
    await created(collections[manifest.kind] ?? '', manifest);
  }
  const tokenOf = async (name: string): Promise<string> => {
    const path = '/api/v1/namespaces/idlewild-system/serviceaccounts';
    await api.post(path, { metadata: { name } });
    const { body } = await api.post(`${path}/${name}/token`, { spec: { expirationSeconds: 7200 } });
    return (body as unknown as { status: { token: string } }).status.token;
  };
  const jobs = { apiGroups: ['idlewild.dev'], resources: ['computejobs'] };
  const looks = [
    { ...jobs, verbs: ['get', 'list', 'watch'] },
    { apiGroups: [''], resources: ['events', 'pods', 'pods/log'], verbs: ['get', 'list'] },
    { apiGroups: ['kubevirt.io'], resources: ['virtualmachineinstances'], verbs: ['get'] },
    { apiGroups: ['metrics.k8s.io'], resources: ['pods'], verbs: ['get'] },
  ];
  const screens = ['virtualmachineinstances/vnc', 'virtualmachineinstances/vnc/screenshot'];
  const consoles = [...screens, 'virtualmachineinstances/console'];
  const roles = {
    viewer: looks,
    worker: [
      ...looks,
      { ...jobs, verbs: ['create', 'patch', 'delete'] },
      { apiGroups: ['subresources.kubevirt.io'], resources: consoles, verbs: ['get'] },
    ],
  };
  for (const [name, rules] of Object.entries(roles))
    await created(`${rbac}/clusterroles`, { metadata: { name }, rules });
  const bind = (user: string, role: string, namespace?: string): Promise<void> =>
    created(namespace === undefined ? `${rbac}/clusterrolebindings` : `${rbac}/namespaces/${namespace}/rolebindings`, {
      metadata: { name: `${user}-${role}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'ServiceAccount', name: user, namespace: 'idlewild-system' }],
    });
  await bind('ann', 'worker', 'team-a');
  await bind('viv', 'viewer', 'team-a');
  await bind('ben', 'worker', 'team-b');
  await bind('root', 'cluster-admin');
  const tokens = Object.fromEntries(
    await Promise.all(users.map(async (name) => [name, await tokenOf(name)] as const)),
  ) as Record<RigUser, string>;

  const connected = transportFrom({ server: api.url, caPem: api.pki.caPem, token: await tokenOf('portal') });
  const transport: Transport = {
    ...connected,
    ...(o.dial === undefined ? {} : { dial: o.dial }),
    request: async (request) => o.answer?.(request) ?? connected.request(request),
    stream: async (request) => {
      const [, pod = ''] = /\/pods\/([^/]+)\/log$/.exec(request.path) ?? [];
      const text = o.printed?.[pod];
      if (text instanceof Error) throw text;
      return text === undefined ? connected.stream(request) : { status: 200, headers: {}, body: bytesOf(text) };
    },
  };
  const keys = [randomBytes(32)];
  const started = ({ sessionKeys = keys, oidc, operator }: ReplicaOptions = {}): Promise<RunningPortal> =>
    startPortal({
      transport,
      clock: systemClock,
      log: pino({ level: process.env['RIG_LOG'] ?? 'silent' }),
      host: '127.0.0.1',
      port: 0,
      publicUrls: [],
      sessionKeys,
      oidc,
      web: o.web,
      operator,
      labControlSocket: o.labControlSocket,
    });
  const portal = await started();
  await portal.ready();
  const began = Date.now();
  return {
    api,
    portal,
    tokens,
    put: async (job, namespace = job.metadata.namespace ?? '') => {
      const { name } = job.metadata;
      const path = `/apis/idlewild.dev/v1alpha1/namespaces/${namespace}/computejobs`;
      await api.delete(`${path}/${name}`);
      await created(path, { ...job, metadata: { name, namespace } });
      if (job.status === undefined) return;
      const status = around(job.status, began);
      const answer = await api.patch(`${path}/${name}/status`, 'merge', { status });
      if (answer.status !== 200) throw new Error(answer.text);
    },
    putMachine: async ({ metadata, spec, status }) => {
      const { name, labels, annotations } = metadata;
      await created('/api/v1/nodes', {
        metadata: { name, labels, annotations },
        ...(spec === undefined ? {} : { spec }),
      });
      // A fresh node is tainted as not ready by the API server, for nobody else has looked at it.
      await api.patch(`/api/v1/nodes/${name}`, 'merge', { spec: { taints: spec?.taints ?? null } });
      const answer = await api.patch(`/api/v1/nodes/${name}/status`, 'merge', { status });
      if (answer.status !== 200) throw new Error(answer.text);
    },
    replica: async (options) => {
      const replica = await started(options);
      await replica.ready();
      return replica;
    },
    stop: async () => {
      await portal.close();
      await transport.close();
      await api.stop();
    },
  };
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

/** Moves every time of the builders to one beside `began`. */
function around(status: unknown, began: number): unknown {
  const text = JSON.stringify(status).replaceAll(/"(\d{4}-\d\d-\d\dT[\d:.]+Z)"/g, (_, time: string) =>
    JSON.stringify(new Date(Date.parse(time) - noon + began).toISOString()),
  );
  return JSON.parse(text);
}
