// Deletion: at once, with grace, held by finalizers, with conditions, and what becomes of what is owned.
import { describe, expect, it } from '@jest/globals';
import { expectRefusal, missing } from './refusals.ts';
import { testSubject } from './subject.ts';
import { configMap, pod, thing } from './thing.ts';

const subject = testSubject({ defines: true });

describe('a deletion', () => {
  it('without anything to wait for answers what is gone', async () => {
    const { things } = await subject.space();
    const { metadata } = await subject.made(subject.post(things, thing(subject.group, 'a')));
    const { status, body } = await subject.delete(`${things}/a`);
    expect([status, body]).toMatchObject([
      200,
      {
        kind: 'Status',
        status: 'Success',
        details: { name: 'a', group: subject.group, kind: 'things', uid: metadata.uid },
      },
    ]);
    expectRefusal(await subject.get(`${things}/a`), missing);
  });

  it('waits for finalizers, takes no new ones, and may be asked for again', async () => {
    const { things } = await subject.space();
    const finalizers = ['conformance.test/a', 'conformance.test/b'];
    const made = await subject.made(subject.post(things, thing(subject.group, 'a', { size: 3 }, { finalizers })));
    const deleting = await subject.made(subject.delete(`${things}/a`));
    expect(deleting.metadata).toMatchObject({
      deletionTimestamp: expect.any(String),
      deletionGracePeriodSeconds: 0,
      finalizers,
      uid: made.metadata.uid,
      generation: 2,
    });
    const again = await subject.made(subject.delete(`${things}/a`));
    expect(again.metadata['deletionTimestamp']).toBe(deleting.metadata['deletionTimestamp']);
    expectRefusal(
      await subject.patch('merge', `${things}/a`, { metadata: { finalizers: [...finalizers, 'conformance.test/c'] } }),
      {
        code: 422,
        reason: 'Invalid',
        message:
          /metadata\.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers .*"conformance\.test\/c"/,
        causes: [{ field: 'metadata.finalizers' }],
      },
    );
    const one = await subject.made(
      subject.patch('merge', `${things}/a`, { metadata: { finalizers: ['conformance.test/b'] } }),
    );
    expect(one.metadata.finalizers).toEqual(['conformance.test/b']);
    await subject.made(subject.patch('merge', `${things}/a`, { metadata: { finalizers: null } }));
    expectRefusal(await subject.get(`${things}/a`), missing);
  });

  it('gives a pod on a machine its grace, which may be shortened and not lengthened', async () => {
    const { pods } = await subject.space();
    const spec = { nodeName: 'conformance-nowhere', terminationGracePeriodSeconds: 25 };
    await subject.made(subject.post(pods, pod('p', spec)));
    const grace = (body?: unknown) =>
      subject.made(subject.delete(`${pods}/p`, body)).then(({ metadata }) => metadata['deletionGracePeriodSeconds']);
    expect(await grace()).toBe(25);
    expect(await grace({ gracePeriodSeconds: 10 })).toBe(10);
    expect(await grace({ gracePeriodSeconds: 20 })).toBe(10);
    await subject.made(subject.delete(`${pods}/p`, { gracePeriodSeconds: 0 }));
    expectRefusal(await subject.get(`${pods}/p`), missing);
  });

  it('takes a pod on no machine at once', async () => {
    const { pods } = await subject.space();
    await subject.made(subject.post(pods, pod('p', { terminationGracePeriodSeconds: 25 })));
    await subject.made(subject.delete(`${pods}/p`));
    expectRefusal(await subject.get(`${pods}/p`), missing);
  });

  it('may depend on the object being the one that was seen', async () => {
    const { things } = await subject.space();
    const { metadata } = await subject.made(subject.post(things, thing(subject.group, 'a')));
    const uid = '00000000-0000-0000-0000-000000000000';
    expectRefusal(await subject.delete(`${things}/a`, { preconditions: { uid } }), {
      code: 409,
      reason: 'Conflict',
      message: `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    });
    const { resourceVersion } = metadata;
    await subject.made(subject.delete(`${things}/a`, { preconditions: { uid: metadata.uid, resourceVersion } }));
    expectRefusal(await subject.get(`${things}/a`), missing);
  });

  it.each([
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ])('with propagation %s leaves the rest to the garbage collector', async (policy, finalizer) => {
    const { configMaps } = await subject.space();
    await subject.made(subject.post(configMaps, configMap('a')));
    const { metadata } = await subject.made(subject.delete(`${configMaps}/a`, { propagationPolicy: policy }));
    expect(metadata).toMatchObject({ deletionTimestamp: expect.any(String), finalizers: [finalizer] });
    const query = await subject.space();
    await subject.made(subject.post(query.configMaps, configMap('b')));
    const asked = await subject.made(subject.delete(`${query.configMaps}/b?propagationPolicy=${policy}`));
    expect(asked.metadata.finalizers).toEqual([finalizer]);
  });

  it('with propagation Background is done at once', async () => {
    const { configMaps } = await subject.space();
    await subject.made(subject.post(configMaps, configMap('a')));
    await subject.made(subject.delete(`${configMaps}/a`, { propagationPolicy: 'Background' }));
    expectRefusal(await subject.get(`${configMaps}/a`), missing);
  });

  it.each<[string, Record<string, unknown>, string | RegExp]>([
    [
      'an unknown propagation',
      { propagationPolicy: 'Sometimes' },
      'propagationPolicy: Unsupported value: "Sometimes": supported values:',
    ],
    [
      'two ways to say it',
      { propagationPolicy: 'Orphan', orphanDependents: true },
      'orphanDependents and deletionPropagation cannot be both set',
    ],
    [
      'an unknown dry run',
      { dryRun: ['Some'] },
      /dryRun: Unsupported value: (\[\]string\{"Some"\}|\["Some"\]): supported values: "All"/,
    ],
  ])('is refused: %s', async (_what, options, message) => {
    const { configMaps } = await subject.space();
    await subject.made(subject.post(configMaps, configMap('a')));
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...options };
    expectRefusal(await subject.delete(`${configMaps}/a`, body), { code: 422, reason: 'Invalid', message });
    expect((await subject.get(`${configMaps}/a`)).status).toBe(200);
  });

  it('of a namespace lets its finalizer work', async () => {
    const space = await subject.space();
    await subject.made(
      subject.post(space.configMaps, configMap('held', {}, { finalizers: ['conformance.test/hold'] })),
    );
    const deleting = await subject.made(subject.delete(space.path));
    expect(deleting).toMatchObject({ spec: { finalizers: ['kubernetes'] }, status: { phase: 'Terminating' } });
    await subject.made(subject.patch('merge', `${space.configMaps}/held`, { metadata: { finalizers: null } }));
  });
});
