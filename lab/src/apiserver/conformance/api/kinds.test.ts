// What is peculiar to kinds that every server has, and to how their objects are asked for: leases, config maps, secrets, pods,
// namespaces; across namespaces, and in another notation.
import { describe, expect, it } from '@jest/globals';
import { expectRefusal } from './refusals.ts';
import { testSubject, type Space } from './subject.ts';
import { configMap, pod } from './thing.ts';

const subject = testSubject({ defines: false });

const leasesOf = ({ name }: Space) => `/apis/coordination.k8s.io/v1/namespaces/${name}/leases`;
const lease = (spec: Record<string, unknown>) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'l' },
  spec,
});

describe('a lease', () => {
  it('may be made by an update, and is then updated in a known version only', async () => {
    const leases = leasesOf(await subject.space());
    const made = await subject.put(`${leases}/l`, lease({ holderIdentity: 'one' }));
    expect([made.status, made.body.spec]).toMatchObject([201, { holderIdentity: 'one' }]);
    expectRefusal(await subject.put(`${leases}/l`, lease({ holderIdentity: 'two' })), {
      code: 422,
      reason: 'Invalid',
      message: /metadata\.resourceVersion: Invalid value: 0(x0)?: must be specified for an update/,
    });
    const next = await subject.put(`${leases}/l`, { ...made.body, spec: { holderIdentity: 'two' } });
    expect([next.status, next.body.spec]).toMatchObject([200, { holderIdentity: 'two' }]);
  });

  it('tells times in six digits', async () => {
    const leases = leasesOf(await subject.space());
    expectRefusal(await subject.post(leases, lease({ renewTime: '2026-01-02T03:04:05.006Z' })), {
      code: 400,
      reason: 'BadRequest',
      message: /Lease in version "v1" cannot be handled as a Lease: parsing time "?\\?"?2026-01-02T03:04:05\.006Z/,
    });
    const renewTime = '2026-01-02T03:04:05.006007Z';
    expect((await subject.made(subject.post(leases, lease({ renewTime })))).spec).toEqual({ renewTime });
  });

  it('lasts at least a second', async () => {
    const leases = leasesOf(await subject.space());
    expectRefusal(await subject.post(leases, lease({ leaseDurationSeconds: 0 })), {
      code: 422,
      reason: 'Invalid',
      message: 'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
      causes: [{ field: 'spec.leaseDurationSeconds', reason: 'FieldValueInvalid' }],
    });
  });
});

describe('an empty list or map', () => {
  it('of a kind that every server has is the same as none', async () => {
    const { configMaps, pods } = await subject.space();
    const bare = { ...(configMap('bare', {}) as object), binaryData: {} };
    expect(await subject.made(subject.post(configMaps, bare))).not.toHaveProperty('data');
    const object = pod('bare') as { spec: { containers: object[] } };
    const containers = object.spec.containers.map((container) => ({ ...container, env: [] }));
    const volumes = [{ name: 'scratch', emptyDir: {} }];
    const made = await subject.made(
      subject.post(pods, { ...object, spec: { ...object.spec, containers, volumes, nodeSelector: {} } }),
    );
    const spec = made.spec as { containers: object[]; volumes: object[] };
    expect(spec).not.toHaveProperty('nodeSelector');
    expect(spec.containers[0]).not.toHaveProperty('env');
    expect(spec.volumes[0]).toEqual({ name: 'scratch', emptyDir: {} });
  });
});

describe('a config map', () => {
  it('that is immutable stays as it is, but for its labels', async () => {
    const { configMaps } = await subject.space();
    const object = { ...(configMap('a', { key: 'value' }) as object), immutable: true };
    await subject.made(subject.post(configMaps, object));
    const why = 'Forbidden: field is immutable when `immutable` is set';
    for (const [change, field] of [
      [{ data: { key: 'other' } }, 'data'],
      [{ immutable: null }, 'immutable'],
    ] as const) {
      expectRefusal(await subject.patch('merge', `${configMaps}/a`, change), {
        code: 422,
        reason: 'Invalid',
        message: `${field}: ${why}`,
        causes: [{ field, reason: 'FieldValueForbidden' }],
      });
    }
    await subject.made(subject.patch('merge', `${configMaps}/a`, { metadata: { labels: { new: 'yes' } } }));
  });

  it('has keys that can be names of files', async () => {
    const { configMaps } = await subject.space();
    expectRefusal(await subject.post(configMaps, configMap('a', { 'a b': '' })), {
      code: 422,
      reason: 'Invalid',
      message: 'data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters',
      causes: [{ field: 'data[a b]', reason: 'FieldValueInvalid' }],
    });
  });
});

describe('a secret', () => {
  it('takes plain texts, and keeps its type', async () => {
    const { path } = await subject.space();
    const secrets = `${path}/secrets`;
    const data = { b: Buffer.from('two').toString('base64') };
    const made = await subject.made(
      subject.post(secrets, { metadata: { name: 's' }, data, stringData: { a: 'one', b: 'three' } }),
    );
    const kept = { a: Buffer.from('one').toString('base64'), b: Buffer.from('three').toString('base64') };
    expect(made).toMatchObject({ type: 'Opaque', data: kept });
    expect(made).not.toHaveProperty('stringData');
    expectRefusal(await subject.patch('merge', `${secrets}/s`, { type: 'conformance.test/other' }), {
      code: 422,
      reason: 'Invalid',
      message: 'type: Invalid value: "conformance.test/other": field is immutable',
      causes: [{ field: 'type', reason: 'FieldValueInvalid' }],
    });
  });
});

describe('a pod', () => {
  it('is bound to a machine once', async () => {
    const { pods } = await subject.space();
    // A scheduler that runs here would say at the same time that the pod has no place, perhaps after it was bound.
    await subject.made(subject.post(pods, pod('p', { schedulerName: 'conformance.test' })));
    const bind = (name: string) =>
      subject.post(`${pods}/p/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'p' },
        target: { apiVersion: 'v1', kind: 'Node', name },
      });
    const bound = await bind('conformance-nowhere');
    expect([bound.status, bound.body]).toMatchObject([201, { kind: 'Status', status: 'Success' }]);
    const { spec, status } = await subject.made(subject.get(`${pods}/p`));
    expect([spec, status]).toMatchObject([
      { nodeName: 'conformance-nowhere' },
      { conditions: expect.arrayContaining([expect.objectContaining({ type: 'PodScheduled', status: 'True' })]) },
    ]);
    expectRefusal(await bind('elsewhere'), {
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "conformance-nowhere"',
    });
    await subject.made(subject.delete(`${pods}/p`, { gracePeriodSeconds: 0 }));
  });

  it('has a status that only its subresource writes', async () => {
    const { pods } = await subject.space();
    await subject.made(subject.post(pods, { ...(pod('p') as object), status: { phase: 'Running' } }));
    const patched = await subject.made(
      subject.patch('strategic-merge', `${pods}/p`, { status: { phase: 'Running', message: 'mine' } }),
    );
    expect(patched.status).toMatchObject({ phase: 'Pending' });
    expect(patched.status).not.toHaveProperty('message');
    const told = await subject.made(
      subject.patch('strategic-merge', `${pods}/p/status`, {
        status: { message: 'told' },
        spec: { hostname: 'other' },
      }),
    );
    expect(told.status).toMatchObject({ phase: 'Pending', message: 'told' });
    expect(told.spec).not.toHaveProperty('hostname');
  });
});

describe('a namespace', () => {
  it('is active, and labelled with its name', async () => {
    const space = await subject.space();
    expect(await subject.made(subject.get(space.path))).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': space.name } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  });

  it('has a name without dots, and may be one that nobody deletes', async () => {
    expectRefusal(await subject.post('/api/v1/namespaces', { metadata: { name: 'a.b' } }), {
      code: 422,
      reason: 'Invalid',
      message: 'metadata.name: Invalid value: "a.b": a lowercase RFC 1123 label must consist of',
      causes: [{ field: 'metadata.name', reason: 'FieldValueInvalid' }],
    });
    expectRefusal(await subject.delete('/api/v1/namespaces/default?dryRun=All'), {
      code: 403,
      reason: 'Forbidden',
      message: 'namespaces "default" is forbidden: this namespace may not be deleted',
    });
  });
});

describe('objects of many namespaces', () => {
  it('are listed and watched together, and neither made nor deleted so', async () => {
    const [one, two] = [await subject.space(), await subject.space()];
    const labels = { across: subject.group.split('.')[0]! };
    const selector = `labelSelector=across%3D${labels.across}`;
    for (const space of [one, two]) await subject.made(subject.post(space.configMaps, configMap('a', {}, { labels })));
    const { items, metadata } = await subject.made(subject.get(`/api/v1/configmaps?${selector}`));
    expect(items.map((item) => item.metadata['namespace']).sort()).toEqual([one.name, two.name].sort());
    for (const space of [one, two]) await subject.made(subject.delete(`${space.configMaps}/a`));
    const events = await subject.watch(
      `/api/v1/configmaps?watch=1&${selector}&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=5`,
      ({ length }) => length === 2,
    );
    expect(events.map(({ type, object }) => `${type} ${String(object.metadata['namespace'])}`)).toEqual([
      `DELETED ${one.name}`,
      `DELETED ${two.name}`,
    ]);
    const refusal = {
      code: 405,
      reason: 'MethodNotAllowed',
      message: 'the server does not allow this method on the requested resource',
    };
    expectRefusal(await subject.post('/api/v1/configmaps', configMap('a')), refusal);
    expectRefusal(await subject.delete(`/api/v1/configmaps?${selector}`), refusal);
  });
});

describe('a request', () => {
  it('may be made and answered in YAML', async () => {
    const { configMaps } = await subject.space();
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  key: |\n    value\n';
    await subject.made(subject.post(configMaps, text, { type: 'application/yaml' }));
    expect((await subject.made(subject.get(`${configMaps}/a`)))['data']).toEqual({ key: 'value\n' });
    const told = await subject.get(`${configMaps}/a`, { headers: { accept: 'application/yaml' } });
    expect([told.status, told.headers['content-type']]).toEqual([200, 'application/yaml']);
    expect(told.text).toMatch(/^kind: ConfigMap$/m);
  });
});
