// The portal with the chart's account before a real API server, used for everything that it offers by somebody who may do all of it.

import type { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { startPortal } from '@idlewild/operator/portal/portal.ts';
import { pino } from 'pino';
import { aJob } from '../builders/job.ts';
import { aMachine } from '../builders/node.ts';
import { startRig } from '../portal/rig.ts';
import { until } from '../waiting.ts';
import type { AtWork } from './operator-at-work.ts';
import { RequestRecord } from './record.ts';

const system = 'idlewild-system';
/** Of a machine that has much else to do. */
const patienceMs = 90_000;
const job = '/api/v1/namespaces/team-a/jobs/desk';

/** Resolves when all of it has been used. The server and the account are still there. */
export async function portalAtWork(): Promise<AtWork> {
  const rig = await startRig();
  const { api } = rig;
  const { body } = await api.post(`/api/v1/namespaces/${system}/serviceaccounts/portal/token`, { spec: {} });
  const { token } = body['status'] as { token: string };
  const inner = transportFrom({ server: api.url, caPem: api.pki.caPem, token });
  const record = new RequestRecord();
  record.during = 'a portal that is used';
  const portal = await startPortal({
    transport: record.on(inner),
    clock: systemClock,
    log: pino({ level: 'silent' }),
    ...{ host: '127.0.0.1', port: 0, publicUrls: [], sessionKeys: [Buffer.alloc(32, 1)] },
  });
  await portal.ready();
  await rig.putMachine(aMachine('pc-1'));
  const desk = aJob('desk', { console: 'VNC' }).published().claimedBy('pc-1').created(1).started(2).job;
  await rig.put(desk, 'team-a');
  await launcher(api);
  const authorization = `Bearer ${rig.tokens.root}`;
  const ask = async (method: string, path: string, content?: unknown): Promise<unknown> => {
    const answer = await fetch(portal.url + path, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(content === undefined ? {} : { body: JSON.stringify(content) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  const dial = async (path: string, protocols: string[] = []): Promise<WebSocket> => {
    const url = portal.url.replace('http', 'ws') + path;
    const socket = new WebSocket(url, { protocols, headers: { authorization } });
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    return socket;
  };
  const asked = (words: string): Promise<unknown> =>
    until(
      () => record.all.some(({ attributes: { verb, resource } }) => `${verb} ${resource}` === words),
      words,
      patienceMs,
    );

  await until(
    async () => JSON.stringify(await ask('GET', '/api/v1/jobs')).includes('desk'),
    'the job is seen',
    patienceMs,
  );
  const spec = { image: { containerDisk: 'lab/tiny' }, script: 'true' };
  await ask('POST', '/api/v1/namespaces/team-a/jobs', { metadata: { name: 'new' }, spec });
  await ask('GET', '/api/v1/namespaces/team-a/jobs/new');
  await ask('PATCH', '/api/v1/namespaces/team-a/jobs/new', { stop: true });
  await ask('DELETE', '/api/v1/namespaces/team-a/jobs/new');
  await ask('GET', `${job}/resources`);
  const stream = await dial('/api/v1/stream');
  for (const [index, topic] of ['events', 'output', 'screen'].entries())
    stream.send(JSON.stringify({ op: 'sub', id: index + 1, topic, namespace: 'team-a', name: 'desk' }));
  for (const words of ['watch events', 'watch pods', 'get pods/log', 'get virtualmachineinstances/vnc/screenshot'])
    await asked(words);
  stream.close();
  for (const [protocol, subresource] of [
    ['vnc', 'vnc'],
    ['serial', 'console'],
  ] as const) {
    const { ticket } = (await ask('POST', `${job}/consoles`, { protocol })) as { ticket: string };
    const socket = await dial('/api/v1/consoles', ['plain.kubevirt.io', `ticket.${ticket}`]);
    await asked(`get virtualmachineinstances/${subresource}`);
    socket.close();
  }
  await ask('PATCH', '/api/v1/machines/pc-1', { cordoned: true });
  await ask('POST', '/api/v1/machines/pc-1/drain');
  await asked('list leases');
  await portal.close();
  await inner.close();
  const stop = (): Promise<void> => rig.stop();
  return { server: api, record, holder: { token, user: `system:serviceaccount:${system}:portal` }, stop };
}

/** The pod of the job's guest. */
async function launcher(api: TestServer): Promise<void> {
  await api.post('/api/v1/namespaces/team-a/serviceaccounts', { metadata: { name: 'default' } });
  const labels = { 'kubevirt.io': 'virt-launcher', 'idlewild.dev/job': 'desk', 'idlewild.dev/attempt': '1' };
  const pods = '/api/v1/namespaces/team-a/pods';
  const made = await api.post(pods, {
    metadata: { name: 'virt-launcher-desk-1', labels },
    spec: { nodeName: 'pc-1', containers: [{ name: 'compute', image: 'lab/launcher' }] },
  });
  if (made.status !== 201) throw new Error(made.text);
  await api.patch(`${pods}/virt-launcher-desk-1/status`, 'merge', { status: { phase: 'Running' } });
}
