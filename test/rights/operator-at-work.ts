// The operator as a program has it, with the chart's account, against a real API server on which KubeVirt is played: what virtual time
// leaves out, such as watches, logs, who leads, and who asks for the history.

import { join } from 'node:path';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { bootstrap } from '@idlewild/lab/daemon/bootstrap.ts';
import { installKinds } from '@idlewild/lab/virt/manifests/install.ts';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { computeJobs, namespaces, serviceAccounts } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { EventRecorder } from '@idlewild/operator/kube/events.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { runOperator } from '@idlewild/operator/operator.ts';
import { parseOptions } from '@idlewild/operator/options.ts';
import { pino } from 'pino';
import { PlayedKubeVirt } from '../../simulation/src/played/kubevirt.ts';
import { aMachine } from '../builders/node.ts';
import { until } from '../waiting.ts';
import { RequestRecord } from './record.ts';
import type { Holder } from './without.ts';

export interface AtWork {
  readonly server: TestServer;
  readonly holder: Holder;
  readonly record: RequestRecord;
  stop(): Promise<void>;
}

const namespace = 'team-a';
const system = 'idlewild-system';
const log = pino({ level: 'silent' });
/** Of a machine that has much else to do. */
const patienceMs = 90_000;
const crds = join(import.meta.dirname, '../../crds');

/** Resolves when it has worked for a while, has been asked, and has ended. The server and the account are still there. */
export async function operatorAtWork(): Promise<AtWork> {
  const server = await TestServer.start();
  const connect = (token: string): Transport => transportFrom({ server: server.url, caPem: server.pki.caPem, token });
  const admin = new KubeClient(connect('admin'));
  const end = new AbortController();
  await installKinds({ client: admin, log, clock: systemClock, signal: AbortSignal.timeout(60_000) });
  await bootstrap(admin, crds);
  await admin.create(namespaces, { metadata: { name: namespace } });
  await admin.create(serviceAccounts, { metadata: { namespace, name: 'default' } });
  const kubeVirt = new PlayedKubeVirt(admin, log);
  const playing = kubeVirt.run([aMachine('pc-1')], end.signal);
  const { body } = await server.post(`/api/v1/namespaces/${system}/serviceaccounts/operator/token`, { spec: {} });
  const { token } = body['status'] as { token: string };
  const inner = connect(token);
  const record = new RequestRecord();
  const transport = record.on({ ...inner, stream: consolesOf(kubeVirt, inner) });
  try {
    record.during = 'a job on a real API server';
    await work(admin, transport, server);
    record.during = 'an event that happens again';
    await tellTwice(transport);
  } finally {
    end.abort();
    await playing;
    await inner.close();
  }
  return {
    server,
    record,
    holder: { token, user: `system:serviceaccount:${system}:operator` },
    stop: async () => {
      await admin.raw.close();
      await server.stop();
    },
  };
}

/** One job to its end, and a question about it. */
async function work(admin: KubeClient, transport: Transport, server: TestServer): Promise<void> {
  const stop = new AbortController();
  const options = parseOptions(['--leader-elect', '--namespace', system, '--lost-after', '1m']);
  let port = 0;
  const life = runOperator({
    ...{ options, transport, log, signal: stop.signal },
    onReady: ({ metricsPort }) => (port = metricsPort),
  });
  try {
    await admin.create(computeJobs, {
      metadata: { namespace, name: 'a' },
      spec: {
        script: 'true',
        resources: { cores: 1, memory: '128Mi' },
        image: { containerDisk: 'sim/exit-0-after-10' },
      },
    });
    await until(
      async () => {
        const { status } = await admin.get<ComputeJob>(computeJobs, { namespace, name: 'a' });
        return status?.phase === 'Succeeded';
      },
      'the job succeeds',
      patienceMs,
    );
    const asked = await fetch(`http://127.0.0.1:${port}/api/v1/history?namespace=${namespace}`, {
      headers: { authorization: 'Bearer alice' },
    });
    // Who she is, and whether she may: both are asked of the API server, with the operator's rights.
    if (asked.status !== 403) throw new Error(`the history answers ${asked.status}: ${await asked.text()}`);
    await renewed(server);
  } finally {
    stop.abort();
    await life;
  }
}

/** The leader has renewed its lease, which takes another right than taking it. */
async function renewed(server: TestServer): Promise<void> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${system}/leases/idlewild-operator`;
  const versionNow = async (): Promise<string | undefined> => (await server.get(path)).metadata.resourceVersion;
  const first = await versionNow();
  await until(async () => (await versionNow()) !== first, 'the leader renews', patienceMs);
}

async function tellTwice(transport: Transport): Promise<void> {
  const client = new KubeClient(transport);
  const events = new EventRecorder({
    client,
    ...{ controller: 'idlewild.dev/operator', instance: 'test', clock: systemClock, log },
    newId: () => '0123456789abcdef',
  });
  const about = { apiVersion: 'v1', kind: 'Node', name: 'pc-1' };
  const text = { type: 'Warning', reason: 'MachineLost', action: 'Recover', message: 'silent' } as const;
  events.event(about, text);
  await events.flush(5_000);
  events.event(about, text);
  await events.flush(5_000);
}

/** The consoles of played guests are where they are played. */
function consolesOf(kubeVirt: PlayedKubeVirt, inner: Transport): Transport['stream'] {
  return async (request) => {
    const [, pods, name] = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/log$/.exec(request.path) ?? [];
    if (name === undefined) return inner.stream(request);
    const body = kubeVirt.guests.logs.follow(`${pods}/${name}`, request.query?.['follow'] === true, request.signal);
    return { status: 200, headers: {}, body };
  };
}
