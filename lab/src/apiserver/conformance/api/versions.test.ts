// Versions of objects and of lists: who may write over what, and which state a list shows.
import { describe, expect, it } from '@jest/globals';
import { expectRefusal } from './refusals.ts';
import { testSubject } from './subject.ts';
import { configMap, thing } from './thing.ts';

const subject = testSubject({ defines: true });

const stale = 'the object has been modified; please apply your changes to the latest version and try again';
const names = (items: readonly { readonly metadata: { readonly name: string } }[]) =>
  items.map(({ metadata }) => metadata.name);

describe('the version of an object', () => {
  it('moves with a change, and not with a write that changes nothing', async () => {
    const space = await subject.space();
    const first = await subject.made(subject.post(space.things, thing(subject.group, 'a')));
    const same = await subject.made(subject.put(`${space.things}/a`, first));
    expect(same.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const nothing = await subject.made(subject.patch('merge', `${space.things}/a`, { spec: { size: 3 } }));
    expect(nothing.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const next = await subject.made(subject.patch('merge', `${space.things}/a`, { spec: { size: 4 } }));
    expect(next.metadata).toMatchObject({ generation: 2, uid: first.metadata.uid });
    expect(next.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
  });

  it('keeps an update, a patch and a deletion from what they did not see', async () => {
    const space = await subject.space();
    const old = await subject.made(subject.post(space.things, thing(subject.group, 'a')));
    await subject.made(subject.patch('merge', `${space.things}/a`, { spec: { size: 4 } }));
    const conflict = {
      code: 409,
      reason: 'Conflict',
      message: `Operation cannot be fulfilled on things.${subject.group} "a": ${stale}`,
    };
    expectRefusal(await subject.put(`${space.things}/a`, { ...old, spec: { size: 5 } }), conflict);
    const { resourceVersion } = old.metadata;
    expectRefusal(
      await subject.patch('merge', `${space.things}/a`, { metadata: { resourceVersion }, spec: { size: 5 } }),
      conflict,
    );
    expectRefusal(await subject.delete(`${space.things}/a`, { preconditions: { resourceVersion } }), {
      code: 409,
      reason: 'Conflict',
      message: new RegExp(
        `the ResourceVersion in the precondition \\(${resourceVersion}\\) does not match the ResourceVersion in record \\(\\d+\\)`,
        'i',
      ),
    });
  });

  it('need not be told for an update of a core kind', async () => {
    const space = await subject.space();
    await subject.made(subject.post(space.configMaps, configMap('a', { key: 'one' })));
    const after = await subject.made(subject.put(`${space.configMaps}/a`, configMap('a', { key: 'two' })));
    expect(after['data']).toEqual({ key: 'two' });
  });
});

describe('a list', () => {
  it('shows the newest state, or exactly that of a version', async () => {
    const space = await subject.space();
    // Controllers put config maps of theirs into every namespace.
    const labels = { own: 'yes' };
    await subject.made(subject.post(space.configMaps, configMap('a', {}, { labels })));
    const { metadata } = await subject.made(subject.get(space.configMaps));
    await subject.made(subject.post(space.configMaps, configMap('b', {}, { labels })));
    const of = (query: string) => subject.made(subject.get(`${space.configMaps}?${query}`));
    const own = 'labelSelector=own%3Dyes,!nobody';
    expect(names((await of(own)).items)).toEqual(['a', 'b']);
    const exact = await of(`${own}&resourceVersion=${metadata.resourceVersion}&resourceVersionMatch=Exact`);
    expect([names(exact.items), exact.metadata.resourceVersion]).toEqual([['a'], metadata.resourceVersion]);
    const notOlder = await of(`${own}&resourceVersion=${metadata.resourceVersion}&resourceVersionMatch=NotOlderThan`);
    expect(Number(notOlder.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(metadata.resourceVersion));
    expect(names(notOlder.items)).toContain('a');
    // Any version will do, of a cache that may be behind.
    const any = await subject.eventually(
      () => subject.get(`${space.configMaps}?${own}&resourceVersion=0`),
      ({ body }) => names(body.items).includes('b'),
    );
    expect(names(any.body.items)).toEqual(['a', 'b']);
  });

  it.each([
    [
      'a version of the future',
      'resourceVersion=9000000000000000',
      504,
      'Timeout',
      /^Timeout: Too large resource version: 9000000000000000, current: \d+$/,
    ],
    [
      'a version that is no number',
      'resourceVersion=abc',
      400,
      'BadRequest',
      'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    ],
    [
      'a match without a version',
      'resourceVersionMatch=Exact',
      422,
      'Invalid',
      'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
    [
      'exactly version 0',
      'resourceVersion=0&resourceVersionMatch=Exact',
      422,
      'Invalid',
      'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    [
      'an unknown match',
      'resourceVersion=1&resourceVersionMatch=Sometimes',
      422,
      'Invalid',
      'resourceVersionMatch: Unsupported value: "Sometimes": supported values: "Exact", "NotOlderThan"',
    ],
  ])('is refused %s', async (_what, query, code, reason, message) => {
    const { things } = await subject.space();
    expectRefusal(await subject.get(`${things}?${query}`), { code, reason, message });
  });

  it('is Expired when nobody knows its version any more', async () => {
    const space = await subject.space();
    for (let i = 0; subject.forgetsSoon && i < 130; i += 1) {
      await subject.made(subject.post(space.configMaps, configMap(`m${i}`)));
    }
    const answer = await subject.get(`${space.configMaps}?resourceVersion=1&resourceVersionMatch=Exact`);
    // A young server may still know its first version.
    if (!subject.forgetsSoon && answer.status === 200) expect(answer.body.items).toEqual([]);
    else
      expectRefusal(answer, {
        code: 410,
        reason: 'Expired',
        message: 'The resourceVersion for the provided list is too old.',
      });
  });
});
