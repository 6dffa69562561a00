// How clients find what is served: groups and resources, one by one and all at once, tables, and the schemas behind
// `kubectl explain`.
import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ensureKubectl } from '../../../tools/kubectl.ts';
import { testSubject, type Answer } from './subject.ts';
import { configMap, thing } from './thing.ts';

const subject = testSubject({ defines: true });

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
const ofThings = () => ({
  name: 'things',
  singularName: 'thing',
  namespaced: true,
  kind: 'Thing',
  verbs: expect.arrayContaining(['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']),
  shortNames: ['tg'],
});
interface GroupVersion {
  readonly version: string;
  readonly freshness: string;
  readonly resources: unknown;
}
const find = (list: unknown, field: string, value: string): Record<string, unknown> | undefined =>
  (list as Record<string, unknown>[]).find((entry) => entry[field] === value);

const versions = ({ body }: Answer) =>
  (body.items.find(({ metadata }) => metadata.name === subject.group)?.['versions'] ?? []) as GroupVersion[];

/** All groups at once, when that of the things is among them: it is named, as Stale, before its resources have been asked for. */
const groupsOnceCurrent = () =>
  subject.eventually(
    () => subject.get('/apis', { headers: { accept: `${aggregated},application/json` } }),
    (told) => versions(told)[0]?.freshness === 'Current',
  );

function kubectl(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('close', () => resolve(output));
  });
}

describe('discovery', () => {
  it('names versions, groups and resources', async () => {
    expect(await subject.made(subject.get('/api'))).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const { body: groups } = await subject.eventually(
      () => subject.get('/apis'),
      ({ text }) => text.includes(`"${subject.group}"`),
    );
    expect(groups.kind).toBe('APIGroupList');
    const version = { groupVersion: `${subject.group}/v1`, version: 'v1' };
    const group = { name: subject.group, versions: [version], preferredVersion: version };
    expect(groups['groups']).toEqual(expect.arrayContaining([expect.objectContaining(group)]));
    // A group, its versions and the list of groups are told by controllers of their own.
    const one = await subject.eventually(
      () => subject.get(`/apis/${subject.group}`),
      ({ status }) => status === 200,
    );
    expect(one.body).toMatchObject({ kind: 'APIGroup', ...group });
    const { body: resources } = await subject.eventually(
      () => subject.get(`/apis/${subject.group}/v1`),
      ({ text }) => text.includes('"things/scale"'),
    );
    expect(resources).toMatchObject({ kind: 'APIResourceList', groupVersion: version.groupVersion });
    expect(find(resources['resources'], 'name', 'things')).toMatchObject(ofThings());
    expect(find(resources['resources'], 'name', 'things/status')).toMatchObject({ kind: 'Thing', namespaced: true });
    expect(find(resources['resources'], 'name', 'things/scale')).toMatchObject({
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
    });
  });

  it('names the core kinds and what can be done below them', async () => {
    const { resources } = await subject.made(subject.get('/api/v1'));
    expect(find(resources, 'name', 'pods')).toMatchObject({
      kind: 'Pod',
      namespaced: true,
      shortNames: ['po'],
      categories: ['all'],
    });
    expect(find(resources, 'name', 'pods/eviction')).toMatchObject({
      group: 'policy',
      version: 'v1',
      kind: 'Eviction',
      verbs: ['create'],
    });
    expect(find(resources, 'name', 'serviceaccounts/token')).toMatchObject({
      group: 'authentication.k8s.io',
      kind: 'TokenRequest',
      verbs: ['create'],
    });
    expect(find(resources, 'name', 'nodes')).toMatchObject({ kind: 'Node', namespaced: false });
  });

  it('tells all at once to who asks for that', async () => {
    const answer = await groupsOnceCurrent();
    expect(answer.headers['content-type']).toBe(aggregated);
    expect(answer.body).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2' });
    const [version] = versions(answer);
    expect(version).toMatchObject({ version: 'v1', freshness: 'Current' });
    expect(find(version?.resources, 'resource', 'things')).toMatchObject({
      scope: 'Namespaced',
      singularResource: 'thing',
      responseKind: { group: subject.group, version: 'v1', kind: 'Thing' },
      verbs: ofThings().verbs,
      shortNames: ['tg'],
      subresources: expect.arrayContaining([
        expect.objectContaining({ subresource: 'status' }),
        expect.objectContaining({ subresource: 'scale' }),
      ]),
    });
    const core = await subject.get('/api', { headers: { accept: aggregated } });
    expect(core.body.items.map(({ metadata }) => metadata.name ?? '')).toEqual(['']);
    expect(core.text).toContain('"resource":"pods"');
  });

  it('says its version and that it is ready', async () => {
    expect(await subject.made(subject.get('/version'))).toMatchObject({
      major: '1',
      gitVersion: expect.stringMatching(/^v1\.\d+\.\d+/),
    });
    for (const path of ['/readyz', '/livez']) expect((await subject.get(path)).text).toBe('ok');
    expect((await subject.get('/readyz?verbose')).text).toMatch(/^\[\+\]ping ok\n[^]*readyz check passed\n$/);
  });
});

describe('a schema', () => {
  it('is published, with defaults and descriptions', async () => {
    const key = `apis/${subject.group}/v1`;
    const index = () => subject.get('/openapi/v3');
    await subject.eventually(index, ({ text }) => text.includes(`"${key}"`));
    const document = await subject.made(
      // The address of a document that has just changed leads to another one.
      subject.eventually(
        async () => {
          const paths = (await index()).body['paths'] as Record<string, { serverRelativeURL: string }>;
          return subject.get(paths[key]!.serverRelativeURL);
        },
        ({ status }) => status === 200,
      ),
    );
    expect(document['openapi']).toMatch(/^3\.0/);
    const { schemas } = document['components'] as { schemas: Record<string, Record<string, unknown>> };
    const found = Object.values(schemas).find((schema) => {
      const kinds = (schema['x-kubernetes-group-version-kind'] ?? []) as { kind: string }[];
      return kinds.some(({ kind }) => kind === 'Thing');
    });
    expect(found).toMatchObject({
      type: 'object',
      required: ['spec'],
      'x-kubernetes-group-version-kind': [{ group: subject.group, version: 'v1', kind: 'Thing' }],
      properties: {
        spec: {
          properties: {
            size: { type: 'integer', description: 'how large the thing is' },
            mode: { enum: ['Fast', 'Slow'], default: 'Slow' },
          },
        },
        metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] },
      },
    });
    expect(Object.keys(document['paths'] as object)).toContain(
      `/apis/${subject.group}/v1/namespaces/{namespace}/things/{name}`,
    );
  });

  it('is good enough for kubectl explain', async () => {
    // kubectl looks the kind up among the groups, then asks for its schema, and waits for neither.
    await groupsOnceCurrent();
    await subject.eventually(
      () => subject.get('/openapi/v3'),
      ({ text }) => text.includes(`apis/${subject.group}/v1`),
    );
    const cache =
      process.env['IDLEWILD_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'idlewild');
    const programs = await ensureKubectl(join(cache, 'bin'));
    const explain = (field: string) =>
      kubectl(programs.kubectl, ['explain', field, '--kubeconfig', subject.kubeconfig]);
    expect(await explain(`things.${subject.group}.spec.size`)).toMatch(
      /KIND: +Thing\n[^]*FIELD: size <integer> -required-|FIELD: size <integer>[^]*how large the thing is/,
    );
    expect(await explain('pod.spec.containers.image')).toMatch(/FIELD: image <string>\n/);
    expect(await explain('pod.spec.nope')).toContain('field "nope" does not exist');
  });
});

describe('a table', () => {
  it('has the columns of the kind and a row for each object', async () => {
    const { things } = await subject.space();
    await subject.made(subject.post(things, thing(subject.group, 'a')));
    const shown = await subject.made(subject.get(things, { headers: { accept: table } }));
    expect(shown).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: expect.any(String) },
    });
    expect(shown['columnDefinitions']).toMatchObject([
      { name: 'Name', type: 'string', format: 'name', priority: 0 },
      { name: 'Size', type: 'integer', priority: 0 },
      { name: 'Phase', type: 'string', priority: 0 },
      { name: 'Mode', type: 'string', priority: 1 },
    ]);
    expect(shown['rows']).toMatchObject([
      {
        cells: ['a', 3, null, 'Slow'],
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'a' } },
      },
    ]);
  });

  it.each([
    ['None', null],
    ['Metadata', 'PartialObjectMetadata'],
    ['Object', 'Thing'],
  ])('carries %s of the object', async (include, kind) => {
    const { things } = await subject.space();
    await subject.made(subject.post(things, thing(subject.group, 'a')));
    const shown = await subject.made(
      subject.get(`${things}/a?includeObject=${include}`, { headers: { accept: table } }),
    );
    const [row] = shown['rows'] as { object: { kind: string } | null }[];
    expect(row?.object?.kind ?? null).toBe(kind);
  });

  it('of a core kind and of a page knows what kubectl shows', async () => {
    const { configMaps } = await subject.space();
    for (const name of ['a', 'b'])
      await subject.made(subject.post(configMaps, configMap(name, { one: '1', two: '2' }, { labels: { own: 'yes' } })));
    const page = await subject.made(
      subject.get(`${configMaps}?limit=1&labelSelector=own`, { headers: { accept: table } }),
    );
    expect((page['columnDefinitions'] as { name: string }[]).map(({ name }) => name)).toEqual(['Name', 'Data', 'Age']);
    expect(page['rows']).toMatchObject([{ cells: ['a', 2, expect.stringMatching(/^\d+s$/)] }]);
    expect(page.metadata.continue).toMatch(/.+/);
  });

  it('of a watch names its columns once', async () => {
    const { things } = await subject.space();
    for (const name of ['a', 'b']) await subject.made(subject.post(things, thing(subject.group, name)));
    const events = await subject.watch(
      `${things}?watch=1&resourceVersion=0&timeoutSeconds=5`,
      ({ length }) => length === 2,
      { accept: table },
    );
    expect(
      events.map(({ object }) => [object.kind, (object['columnDefinitions'] as unknown[] | null)?.length ?? 0]),
    ).toEqual([
      ['Table', 4],
      ['Table', 0],
    ]);
  });

  it('may be left for the metadata alone', async () => {
    const { things } = await subject.space();
    await subject.made(subject.post(things, thing(subject.group, 'a')));
    const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
    const list = await subject.made(subject.get(things, { headers: { accept } }));
    expect(list).toMatchObject({
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      items: [{ metadata: { name: 'a' } }],
    });
    expect(list.items[0]).not.toHaveProperty('spec');
  });
});
