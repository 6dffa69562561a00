// What the policies of the chart say to jobs that ask for more than their namespace is allowed, and what the operator may do to
// isolate guests.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { TestServer, type TestAnswer } from '../apiserver/test-server.ts';
import { bootstrap } from '../daemon/bootstrap.ts';

const account = '/api/v1/namespaces/idlewild-system/serviceaccounts/operator';
const policies = (namespace: string): string => `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;

let server: TestServer;
let admin: KubeClient;
let operator = '';

beforeAll(async () => {
  server = await TestServer.start();
  admin = new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' }));
  await bootstrap(admin, join(import.meta.dirname, '../../../crds'));
  const { body } = await server.post(`${account}/token`, { spec: {} });
  operator = (body['status'] as { token: string }).token;
  const labels = { 'idlewild.dev/allow-open-network': 'true', 'idlewild.dev/max-gpus': '2' };
  await server.post('/api/v1/namespaces', { metadata: { name: 'trusted', labels } });
  await server.post('/api/v1/namespaces', { metadata: { name: 'plain' } });
  const odd = { 'idlewild.dev/allow-open-network': 'yes', 'idlewild.dev/max-gpus': 'some' };
  await server.post('/api/v1/namespaces', { metadata: { name: 'odd', labels: odd } });
}, 120_000);
afterAll(async () => {
  await admin.raw.close();
  await server.stop();
});

let jobs = 0;
const submit = (namespace: string, spec: object): Promise<TestAnswer> =>
  server.post(`/apis/idlewild.dev/v1alpha1/namespaces/${namespace}/computejobs`, {
    metadata: { name: `job-${++jobs}` },
    spec: { image: { containerDisk: 'lab/tiny' }, script: 'true', ...spec },
  });
const gpus = (count: number) => ({ resources: { gpus: count } });

describe('a job', () => {
  it('is isolated unless it says otherwise', async () => {
    const { status, body } = await submit('plain', {});
    expect([status, (body['spec'] as { network?: string }).network]).toEqual([201, 'Isolated']);
  });

  it.each<[string, string, object]>([
    ['without a network', 'plain', { network: 'None' }],
    ['in the open where an admin allows it', 'trusted', { network: 'Open' }],
    ['with as many graphics processors as its namespace may have', 'trusted', gpus(2)],
    ['with graphics processors where nobody says how many', 'plain', gpus(4)],
    ['without graphics processors whatever is said of them', 'odd', gpus(0)],
  ])('%s is taken', async (_which, namespace, spec) => {
    expect(await submit(namespace, spec)).toMatchObject({ status: 201 });
  });

  it.each<[string, string, object, number, RegExp]>([
    [
      'in the open',
      'plain',
      { network: 'Open' },
      403,
      /spec\.network Open is not allowed in namespace plain \(allowed: None, Isolated\); .* kubectl label namespace plain idlewild\.dev\/allow-open-network=true$/,
    ],
    ['in the open after a word that is not true', 'odd', { network: 'Open' }, 403, /spec\.network Open is not allowed/],
    ['of another network', 'trusted', { network: 'Host' }, 422, /spec\.network: .*"None", "Isolated", "Open"/],
    [
      'of too many graphics processors',
      'trusted',
      gpus(3),
      403,
      /spec\.resources\.gpus is more than namespace trusted is allowed; .*max-gpus, by an admin, says "2"$/,
    ],
    ['of graphics processors where what is said of them is no number', 'odd', gpus(1), 403, /says "some"$/],
  ])('%s is refused, with the field’s name', async (_which, namespace, spec, status, message) => {
    const answer = await submit(namespace, spec);
    expect([answer.status, answer.body.message]).toEqual([status, expect.stringMatching(message)]);
  });

  it.each<[string, object, string]>([
    ['script', { script: '#!/bin/sh\r\necho hello\r\n' }, 'spec.script'],
    ['script of one line', { script: '#!/usr/bin/env python3\r' }, 'spec.script'],
    [
      'checkpoint script',
      { interruption: { checkpoint: { script: '#!/bin/sh\r\nsync\r\n' } } },
      'spec.interruption.checkpoint.script',
    ],
  ])('whose %s came from Windows is refused before a guest boots for nothing', async (_which, spec, field) => {
    const { status, body } = await submit('plain', spec);
    expect([status, body.message]).toEqual([422, expect.stringContaining(`${field} has Windows line ends (CRLF)`)]);
  });

  it('may print Windows line ends, and have them after its first line', async () => {
    expect(await submit('plain', { script: '#!/bin/sh\nprintf "a\r\n"\r\n' })).toMatchObject({ status: 201 });
    expect(await submit('plain', { script: 'echo "#!\r"\n' })).toMatchObject({ status: 201 });
  });

  it.each<[string, object, string]>([
    ['a path of the machine', { volumes: [{ name: 'v', hostPath: { path: '/' } }] }, 'volumes'],
    ['a disk of the machine', { hostDisk: { path: '/dev/sda', type: 'Disk' } }, 'hostDisk'],
    ['a device of the machine', { hostDevices: [{ deviceName: 'vendor.com/camera', name: 'c' }] }, 'hostDevices'],
    ['a device by its name', { resources: { hostDevices: ['vendor.com/camera'] } }, 'resources.hostDevices'],
    ['a processor by the name of its device', { resources: { gpuDevice: 'nvidia.com/A100' } }, 'resources.gpuDevice'],
    ['rights', { securityContext: { privileged: true } }, 'securityContext'],
    ['a machine by its name', { nodeName: 'pc-1' }, 'nodeName'],
    ['machines that others keep to themselves', { placement: { tolerations: [] } }, 'placement.tolerations'],
    ['an account', { serviceAccountName: 'operator' }, 'serviceAccountName'],
    ["the machine's network", { hostNetwork: true }, 'hostNetwork'],
    [
      'a Secret of somebody else',
      { files: [{ path: '/etc/key', secretKeyRef: { namespace: 'kube-system', name: 's', key: 'k' } }] },
      'files[0].secretKeyRef.namespace',
    ],
  ])(
    'that asks for %s is refused by whoever checks fields, and otherwise does not have it',
    async (_what, spec, field) => {
      const asked = {
        metadata: { name: `job-${++jobs}` },
        spec: { image: { containerDisk: 'lab/tiny' }, script: 'true', ...spec },
      };
      const path = '/apis/idlewild.dev/v1alpha1/namespaces/trusted/computejobs';
      const strict = await server.post(`${path}?fieldValidation=Strict`, asked);
      expect([strict.status, strict.body.message]).toEqual([
        400,
        expect.stringContaining(`unknown field "spec.${field}"`),
      ]);
      const plain = await server.post(path, asked);
      expect(plain.status).toBe(201);
      expect(JSON.stringify(plain.body['spec'])).not.toContain(JSON.stringify(field.split('.').at(-1)));
    },
  );

  it('keeps its network, and is none the worse when a label is taken away', async () => {
    const { metadata } = await submit('trusted', { network: 'Open' });
    const path = `/apis/idlewild.dev/v1alpha1/namespaces/trusted/computejobs/${metadata.name}`;
    const changed = await server.patch(path, 'merge', { spec: { network: 'Isolated' } });
    expect([changed.status, changed.body.message]).toEqual([
      422,
      expect.stringContaining('spec.network cannot be changed; delete the job and create it again'),
    ]);
    const label = (value: string | null) =>
      server.patch('/api/v1/namespaces/trusted', 'merge', {
        metadata: { labels: { 'idlewild.dev/allow-open-network': value } },
      });
    await label(null);
    expect(await server.patch(path, 'merge', { metadata: { annotations: { a: 'b' } } })).toMatchObject({ status: 200 });
    await label('true');
  });

  it('that was stopped stays so, and says how to go on to whoever wants it back; the rest of it can be changed', async () => {
    const { metadata } = await submit('plain', { walltime: '1h' });
    const path = `/apis/idlewild.dev/v1alpha1/namespaces/plain/computejobs/${metadata.name}`;
    const patch = (spec: object) => server.patch(path, 'merge', { spec });
    for (const stop of [false, true, true]) expect(await patch({ stop })).toMatchObject({ status: 200 });
    for (const stop of [false, null]) {
      const answer = await patch({ stop });
      expect([answer.status, answer.body.message]).toEqual([
        422,
        expect.stringContaining(
          'spec.stop cannot be taken back once it is true; create the job again under another name',
        ),
      ]);
    }
    expect((await patch({ stop: 'yes' })).body.message).toContain('spec.stop');
    const changed = await patch({ walltime: '2h' });
    expect([changed.status, changed.body['spec']]).toEqual([
      200,
      expect.objectContaining({ walltime: '2h', stop: true }),
    ]);
  });

  it('that may run twice may do so for good: its guest is not told of a change of mind', async () => {
    const { metadata } = await submit('plain', {});
    const path = `/apis/idlewild.dev/v1alpha1/namespaces/plain/computejobs/${metadata.name}`;
    const patch = (exclusive: boolean | null) => server.patch(path, 'merge', { spec: { interruption: { exclusive } } });
    for (const exclusive of [true, null, false, false]) expect(await patch(exclusive)).toMatchObject({ status: 200 });
    for (const exclusive of [true, null]) {
      const answer = await patch(exclusive);
      expect([answer.status, answer.body.message]).toEqual([
        422,
        expect.stringContaining('spec.interruption.exclusive cannot be made true again'),
      ]);
    }
    expect(await server.patch(path, 'merge', { spec: { walltime: '2h' } })).toMatchObject({ status: 200 });
  });

  it('may be made as one that is stopped already', async () => {
    expect(await submit('plain', { stop: true })).toMatchObject({ status: 201 });
  });
});

describe('the operator', () => {
  const as = (): { as: string } => ({ as: operator });
  const policy = (name: string) => ({ metadata: { name }, spec: { podSelector: {}, policyTypes: ['Ingress'] } });

  it('may make, watch and mend the policies that isolate guests', async () => {
    const path = policies('plain');
    expect(await server.ask('POST', path, { ...as(), body: policy('idlewild-guests') })).toMatchObject({ status: 201 });
    const all = '/apis/networking.k8s.io/v1/networkpolicies?fieldSelector=metadata.name%3Didlewild-guests';
    const { body } = await server.ask('GET', all, as());
    expect(body.items?.map(({ metadata }) => metadata?.namespace)).toEqual(['plain']);
    const mended = await server.ask('PATCH', `${path}/idlewild-guests`, {
      ...as(),
      body: [{ op: 'add', path: '/spec', value: { podSelector: {}, policyTypes: ['Egress'] } }],
      type: 'application/json-patch+json',
    });
    expect(mended).toMatchObject({ status: 200, body: { spec: { policyTypes: ['Egress'] } } });
  });

  it('may neither change nor remove what others made', async () => {
    await server.post(policies('plain'), policy('theirs'));
    const type = 'application/merge-patch+json';
    const path = `${policies('plain')}/theirs`;
    expect(await server.ask('PATCH', path, { ...as(), body: {}, type })).toMatchObject({ status: 403 });
    expect(await server.ask('DELETE', path, as())).toMatchObject({ status: 403 });
    expect(await server.ask('DELETE', `${policies('plain')}/idlewild-guests`, as())).toMatchObject({ status: 403 });
  });
});
