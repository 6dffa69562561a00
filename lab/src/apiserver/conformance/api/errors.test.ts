// Refusals that every client meets sooner or later: the code, the reason and what is said.
import { describe, expect, it } from '@jest/globals';
import { requestCases, type ErrorCase } from './error-cases.ts';
import { objectCases } from './object-error-cases.ts';
import { expectRefusal } from './refusals.ts';
import { testSubject } from './subject.ts';
import { configMap, thing } from './thing.ts';

const subject = testSubject({ defines: true });

describe('a refusal', () => {
  /** Each finds a thing and a config map `a` in a namespace of its own. */
  it.each<ErrorCase>([...requestCases, ...objectCases])(
    'of $what is $code $reason',
    async ({ method, path, body, asking, ...refusal }) => {
      const space = await subject.space();
      await subject.made(subject.post(space.things, thing(subject.group, 'a')));
      await subject.made(subject.post(space.configMaps, configMap('a', { key: 'value' })));
      const sent = typeof body === 'function' ? (body as (group: string) => unknown)(subject.group) : body;
      expectRefusal(
        await subject.ask(method, path(space), { ...(sent === undefined ? {} : { body: sent }), ...asking }),
        refusal,
      );
    },
  );

  it.each([
    ['an unknown group', () => '/apis/nope.conformance.test/v1'],
    ['an unknown resource', () => `/apis/${subject.group}/v1/gadgets`],
  ])('of %s is a page that is not found', async (_what, path) => {
    const { status, text } = await subject.get(path());
    expect([status, text]).toEqual([404, '404 page not found\n']);
  });

  it('of new objects in a namespace that ends says why', async () => {
    const space = await subject.space();
    await subject.made(
      subject.post(space.configMaps, configMap('held', {}, { finalizers: ['conformance.test/hold'] })),
    );
    await subject.made(subject.delete(space.path));
    // One of several servers may not have heard of the deletion yet.
    const late = await subject.eventually(
      () => subject.post(`${space.configMaps}?dryRun=All`, configMap('late')),
      ({ status }) => status >= 400,
    );
    await subject.made(subject.patch('merge', `${space.configMaps}/held`, { metadata: { finalizers: null } }));
    expectRefusal(late, {
      code: 403,
      reason: 'Forbidden',
      message: `configmaps "late" is forbidden: unable to create new content in namespace ${space.name} because it is being terminated`,
      causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }],
    });
  });
});
