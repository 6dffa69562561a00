// Server-side apply: who owns what, what a conflict says, what is removed when nobody asks for it any more.
import { describe, expect, it } from '@jest/globals';
import { expectRefusal, missing } from './refusals.ts';
import { testSubject, type Subject, type Asking, type Body, type ManagedField } from './subject.ts';
import { thing } from './thing.ts';

const subject = testSubject({ defines: true });

function apply(things: string, manager: string, spec: Record<string, unknown>, query = '', metadata = {}) {
  return subject.patch(
    'apply',
    `${things}/a?fieldManager=${manager}${query}`,
    thing(subject.group, 'a', spec, metadata),
  );
}
const managed = (object: Body, manager: string): ManagedField | undefined =>
  object.metadata.managedFields?.find((entry) => entry.manager === manager);

describe('an apply', () => {
  it('creates, then changes nothing when nothing changed', async () => {
    const { things } = await subject.space();
    const spec = { size: 3, parts: [{ name: 'x', count: 2 }], tags: ['t'] };
    const first = await apply(things, 'one', spec);
    expect(first.status).toBe(201);
    expect(managed(first.body, 'one')).toMatchObject({
      operation: 'Apply',
      apiVersion: `${subject.group}/v1`,
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:spec': {
          'f:size': {},
          'f:parts': { 'k:{"name":"x"}': { '.': {}, 'f:name': {}, 'f:count': {} } },
          'f:tags': { 'v:"t"': {} },
        },
      },
    });
    const again = await apply(things, 'one', spec);
    expect([again.status, again.body.metadata.resourceVersion]).toEqual([200, first.body.metadata.resourceVersion]);
  });

  it('is a conflict over what another owns, until it is forced', async () => {
    const { things } = await subject.space();
    await subject.made(apply(things, 'one', { size: 3, parts: [{ name: 'x', count: 2 }] }));
    expectRefusal(await apply(things, 'two', { size: 5 }), {
      code: 409,
      reason: 'Conflict',
      message: /^Apply failed with 1 conflict: conflict with "one": \.spec\.size$/,
      causes: [{ reason: 'FieldManagerConflict', field: '.spec.size' }],
    });
    expectRefusal(await apply(things, 'two', { size: 5, parts: [{ name: 'x', count: 9 }] }), {
      code: 409,
      reason: 'Conflict',
      message:
        /^Apply failed with 2 conflicts: conflicts with "one":\n- \.spec\.size\n- \.spec\.parts\[name="x"\]\.count$/,
      causes: [{ field: '.spec.size' }, { field: '.spec.parts[name="x"].count' }],
    });
    const forced = await subject.made(apply(things, 'two', { size: 5 }, '&force=true'));
    expect(forced.spec['size']).toBe(5);
    expect(managed(forced, 'two')?.fieldsV1).toEqual({ 'f:spec': { 'f:size': {} } });
    expect(managed(forced, 'one')?.fieldsV1).toMatchObject({ 'f:spec': { 'f:parts': {} } });
    expect(managed(forced, 'one')?.fieldsV1['f:spec']).not.toHaveProperty('f:size');
  });

  it('shares what two ask for alike, and merges lists by key', async () => {
    const { things } = await subject.space();
    await subject.made(apply(things, 'one', { size: 3, parts: [{ name: 'x', count: 1 }] }));
    const both = await subject.made(apply(things, 'two', { size: 3, parts: [{ name: 'y', count: 2 }] }));
    expect(both.spec['parts']).toEqual([
      { name: 'x', count: 1 },
      { name: 'y', count: 2 },
    ]);
    const left = await subject.made(apply(things, 'one', { size: 3 }));
    expect(left.spec['parts']).toEqual([{ name: 'y', count: 2 }]);
  });

  it('removes what its manager asks for no more, and nobody else does', async () => {
    const { things } = await subject.space();
    await subject.made(apply(things, 'one', { size: 3, label: 'mine', tags: ['a', 'b'] }));
    const after = await subject.made(apply(things, 'one', { size: 3, tags: ['b'] }));
    expect(after.spec).toEqual({ size: 3, mode: 'Slow', replicas: 1, tags: ['b'] });
  });

  it('owns its part of the status apart from the rest', async () => {
    const { things } = await subject.space();
    await subject.made(apply(things, 'one', { size: 3 }));
    const status = {
      apiVersion: `${subject.group}/v1`,
      kind: 'Thing',
      metadata: { name: 'a' },
      status: { phase: 'Up' },
    };
    const after = await subject.made(subject.patch('apply', `${things}/a/status?fieldManager=st`, status));
    expect(after.status).toEqual({ phase: 'Up' });
    expect(managed(after, 'st')).toMatchObject({
      operation: 'Apply',
      subresource: 'status',
      fieldsV1: { 'f:status': { 'f:phase': {} } },
    });
  });

  it('meets those who write without applying', async () => {
    const { things } = await subject.space();
    await subject.made(apply(things, 'one', { size: 3 }));
    const patched = await subject.made(
      subject.patch('merge', `${things}/a?fieldManager=editor`, { spec: { size: 4 } }),
    );
    expect(managed(patched, 'editor')).toMatchObject({ operation: 'Update', fieldsV1: { 'f:spec': { 'f:size': {} } } });
    expectRefusal(await apply(things, 'one', { size: 5 }), {
      code: 409,
      reason: 'Conflict',
      message:
        /Apply failed with 1 conflict: conflict with "editor" using \S+\/v1( at \S+)?: \.spec\.size|conflict with "editor": \.spec\.size/,
      causes: [{ reason: 'FieldManagerConflict', field: '.spec.size' }],
    });
  });

  it.each<[string, (things: string) => Promise<unknown>, number, string, string | RegExp]>([
    [
      'no manager',
      (things) => subject.patch('apply', `${things}/a`, thing(subject.group, 'a')),
      422,
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ],
    [
      'managed fields of its own',
      (things) => apply(things, 'one', { size: 3 }, '', { managedFields: [{ manager: 'x', operation: 'Apply' }] }),
      400,
      'BadRequest',
      'metadata.managedFields must be nil',
    ],
    [
      'a status of what is not there',
      (things) =>
        subject.patch('apply', `${things}/no/status?fieldManager=one`, {
          apiVersion: `${subject.group}/v1`,
          kind: 'Thing',
          metadata: { name: 'no' },
          status: {},
        }),
      404,
      'NotFound',
      '"no" not found',
    ],
    [
      'a manager with a name too long',
      (things) => apply(things, 'm'.repeat(129), { size: 3 }),
      422,
      'Invalid',
      'fieldManager: Too long: may not be more than 128 bytes',
    ],
  ])('is refused: %s', async (_what, ask, code, reason, message) => {
    const { things } = await subject.space();
    expectRefusal((await ask(things)) as Awaited<ReturnType<Subject['get']>>, { code, reason, message });
  });

  it('is refused: a field that is not in the schema', async () => {
    const { things } = await subject.space();
    const { status, body } = await apply(things, 'one', { size: 3, colour: 'red' });
    // Kubernetes calls this a failure of its own, which is a known defect of it.
    expect([400, 500]).toContain(status);
    expect(body).toMatchObject({
      kind: 'Status',
      status: 'Failure',
      code: status,
      message: expect.stringContaining('.spec.colour: field not declared in schema'),
    });
  });

  it('may be told in YAML', async () => {
    const { things } = await subject.space();
    const text = `apiVersion: ${subject.group}/v1\nkind: Thing\nmetadata: { name: a }\nspec:\n  size: 3\n  tags: [x]\n`;
    const made = await subject.made(subject.patch('apply', `${things}/a?fieldManager=one`, text));
    expect(made.spec).toEqual({ size: 3, mode: 'Slow', replicas: 1, tags: ['x'] });
    expect(managed(made, 'one')?.fieldsV1).toEqual({ 'f:spec': { 'f:size': {}, 'f:tags': { 'v:"x"': {} } } });
  });

  it('is tried without being done', async () => {
    const { things } = await subject.space();
    const tried = await apply(things, 'one', { size: 3 }, '&dryRun=All');
    expect([tried.status, tried.body.spec['mode']]).toEqual([201, 'Slow']);
    expectRefusal(await subject.get(`${things}/a`), missing);
    const made = await subject.made(apply(things, 'one', { size: 3 }));
    expect((await subject.made(apply(things, 'one', { size: 4 }, '&dryRun=All'))).spec['size']).toBe(4);
    expect(await subject.made(subject.get(`${things}/a`))).toEqual(made);
  });

  it('forgets all managers when told so', async () => {
    const { things } = await subject.space();
    await subject.made(apply(things, 'one', { size: 3 }));
    const after = await subject.made(subject.patch('merge', `${things}/a`, { metadata: { managedFields: [{}] } }));
    expect(after.metadata.managedFields ?? []).toEqual([]);
  });
});

describe('a write that names no manager', () => {
  it.each<[Asking, string]>([
    [{ headers: { 'user-agent': 'inspector/1.0 (linux)' } }, 'inspector'],
    [{ headers: { 'user-agent': 'plain' } }, 'plain'],
  ])('is known by its user agent (%j)', async (asking, manager) => {
    const { things } = await subject.space();
    const made = await subject.made(subject.post(things, thing(subject.group, 'a'), asking));
    expect(managed(made, manager)).toMatchObject({
      operation: 'Update',
      fieldsV1: { 'f:spec': { '.': {}, 'f:size': {} } },
    });
  });
});
