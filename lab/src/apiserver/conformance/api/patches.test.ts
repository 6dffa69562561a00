// Patches: what each type makes of an object, and what it is refused.
import { describe, expect, it } from '@jest/globals';
import { expectRefusal } from './refusals.ts';
import { testSubject, type PatchKind, type Space } from './subject.ts';
import { configMap, pod, thing } from './thing.ts';

const subject = testSubject({ defines: true });

async function one(): Promise<Space> {
  const space = await subject.space();
  const spec = {
    size: 3,
    label: 'one',
    tags: ['x'],
    parts: [{ name: 'a', count: 1 }, { name: 'b' }],
    free: { a: 1, b: { c: 2 } },
  };
  await subject.made(subject.post(space.things, thing(subject.group, 'a', spec)));
  await subject.made(subject.post(space.configMaps, configMap('a', { one: '1', two: '2' })));
  return space;
}

describe('a patch of a thing', () => {
  it.each<[string, PatchKind, unknown, Record<string, unknown>]>([
    [
      'a merge sets, adds and removes',
      'merge',
      { spec: { size: 4, label: null, free: { b: { d: 3 } } } },
      { size: 4, label: undefined, free: { a: 1, b: { c: 2, d: 3 } } },
    ],
    ['a merge replaces lists', 'merge', { spec: { parts: [{ name: 'c' }] } }, { parts: [{ name: 'c' }] }],
    ['a merge with null for a default gives the default', 'merge', { spec: { mode: null } }, { mode: 'Slow' }],
    [
      'operations are done in order',
      'json',
      [
        { op: 'test', path: '/spec/size', value: 3 },
        { op: 'replace', path: '/spec/size', value: 4 },
        { op: 'copy', from: '/spec/size', path: '/spec/free/size' },
        { op: 'remove', path: '/spec/label' },
      ],
      { size: 4, label: undefined, free: { a: 1, b: { c: 2 }, size: 4 } },
    ],
    ['an operation appends to a list', 'json', [{ op: 'add', path: '/spec/tags/-', value: 'y' }], { tags: ['x', 'y'] }],
    [
      'an operation moves',
      'json',
      [{ op: 'move', from: '/spec/free/a', path: '/spec/free/z' }],
      { free: { z: 1, b: { c: 2 } } },
    ],
  ])('%s', async (_what, kind, body, expected) => {
    const { things } = await one();
    const { spec } = await subject.made(subject.patch(kind, `${things}/a`, body));
    for (const [field, value] of Object.entries(expected)) expect([field, spec[field]]).toEqual([field, value]);
  });

  it.each<[string, PatchKind, unknown, number, string, string | RegExp]>([
    [
      'an operation on nothing',
      'json',
      [{ op: 'remove', path: '/spec/nope' }],
      422,
      'Invalid',
      'the server rejected our request due to an error in our request',
    ],
    [
      'a test that fails',
      'json',
      [{ op: 'test', path: '/spec/size', value: 99 }],
      422,
      'Invalid',
      'the server rejected our request due to an error in our request',
    ],
    [
      'operations that are no list',
      'json',
      { op: 'remove', path: '/spec/label' },
      400,
      'BadRequest',
      /cannot unmarshal object into Go value/,
    ],
    [
      'a strategic merge of a custom kind',
      'strategic-merge',
      { spec: { size: 4 } },
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json',
    ],
    [
      'a merge that makes it invalid',
      'merge',
      { spec: { size: 65 } },
      422,
      'Invalid',
      'spec.size: Invalid value: 65: spec.size in body should be less than or equal to 64',
    ],
    [
      'a merge that removes what is required',
      'merge',
      { spec: { size: null } },
      422,
      'Invalid',
      'spec.size: Required value',
    ],
    [
      'a merge of a stale version',
      'merge',
      { metadata: { resourceVersion: '1' } },
      409,
      'Conflict',
      'the object has been modified',
    ],
    [
      'a merge of another uid',
      'merge',
      { metadata: { uid: '00000000-0000-0000-0000-000000000000' } },
      422,
      'Invalid',
      'metadata.uid: Invalid value: "00000000-0000-0000-0000-000000000000": field is immutable',
    ],
  ])('is refused: %s', async (_what, kind, body, code, reason, message) => {
    const { things } = await one();
    const before = await subject.made(subject.get(`${things}/a`));
    expectRefusal(await subject.patch(kind, `${things}/a`, body), { code, reason, message });
    expect(await subject.made(subject.get(`${things}/a`))).toEqual(before);
  });

  it('may not be forced unless it applies', async () => {
    const { things } = await one();
    expectRefusal(await subject.patch('merge', `${things}/a?force=true`, { spec: { size: 6 } }), {
      code: 422,
      reason: 'Invalid',
      message: 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
      causes: [{ field: 'force', reason: 'FieldValueForbidden' }],
    });
  });
});

describe('a strategic merge', () => {
  it('merges lists by their keys, deletes members and replaces where told', async () => {
    const space = await subject.space();
    const containers = [{ name: 'main', image: 'conformance.test/a:1', env: [{ name: 'A', value: '1' }] }];
    await subject.made(subject.post(space.pods, pod('p', { containers })));
    const image = { spec: { containers: [{ name: 'main', image: 'conformance.test/b:2' }] } };
    const { spec } = await subject.made(subject.patch('strategic-merge', `${space.pods}/p`, image));
    expect(spec['containers']).toEqual([
      expect.objectContaining({ name: 'main', image: 'conformance.test/b:2', env: [{ name: 'A', value: '1' }] }),
    ]);
    const finalizers = (list: string[]) =>
      subject.made(subject.patch('strategic-merge', `${space.pods}/p`, { metadata: { finalizers: list } }));
    await finalizers(['conformance.test/a']);
    expect((await finalizers(['conformance.test/b'])).metadata.finalizers).toEqual(
      expect.arrayContaining(['conformance.test/a', 'conformance.test/b']),
    );
    const without = {
      metadata: { '$deleteFromPrimitiveList/finalizers': ['conformance.test/a', 'conformance.test/b'] },
    };
    expect(
      (await subject.made(subject.patch('strategic-merge', `${space.pods}/p`, without))).metadata.finalizers ?? [],
    ).toEqual([]);
    const labels = await subject.made(
      subject.patch('strategic-merge', `${space.pods}/p`, {
        metadata: { labels: { $patch: 'replace', only: 'this' } },
      }),
    );
    expect(labels.metadata.labels).toEqual({ only: 'this' });
  });

  it('may not change what a pod is', async () => {
    const space = await subject.space();
    await subject.made(subject.post(space.pods, pod('p')));
    expectRefusal(await subject.patch('strategic-merge', `${space.pods}/p`, { spec: { hostname: 'other' } }), {
      code: 422,
      reason: 'Invalid',
      message: 'spec: Forbidden: pod updates may not change fields other than',
      causes: [{ field: 'spec', reason: 'FieldValueForbidden' }],
    });
  });

  it('removes keys of a map', async () => {
    const { configMaps } = await one();
    const after = await subject.made(
      subject.patch('strategic-merge', `${configMaps}/a`, { data: { two: null, three: '3' } }),
    );
    expect(after['data']).toEqual({ one: '1', three: '3' });
  });
});
