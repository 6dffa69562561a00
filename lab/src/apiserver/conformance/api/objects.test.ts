// What a server does with an object before it keeps it: dry runs, unknown fields, made names, defaults, pruning, rules, and a
// status that is nobody's but its own.
import { describe, expect, it } from '@jest/globals';
import { expectRefusal, missing } from './refusals.ts';
import { testSubject } from './subject.ts';
import { configMap, pod, thing } from './thing.ts';

const subject = testSubject({ defines: true });

describe('a dry run', () => {
  it('answers as if it were done, and does nothing', async () => {
    const { things } = await subject.space();
    const tried = await subject.post(`${things}?dryRun=All`, thing(subject.group, 'a'));
    expect([tried.status, tried.body]).toMatchObject([
      201,
      { metadata: { uid: expect.stringMatching(/.+/) }, spec: { mode: 'Slow' } },
    ]);
    expect(tried.body.metadata.resourceVersion || '').toBe('');
    expectRefusal(await subject.get(`${things}/a`), missing);
    const made = await subject.made(subject.post(things, thing(subject.group, 'a')));
    const patched = await subject.made(subject.patch('merge', `${things}/a?dryRun=All`, { spec: { size: 9 } }));
    expect(patched.spec['size']).toBe(9);
    const put = await subject.made(subject.put(`${things}/a?dryRun=All`, { ...made, spec: { ...made.spec, size: 8 } }));
    expect(put.spec['size']).toBe(8);
    await subject.made(subject.delete(`${things}/a?dryRun=All`));
    expect(await subject.made(subject.get(`${things}/a`))).toEqual(made);
  });

  it('is refused what a write would be refused', async () => {
    const { things } = await subject.space();
    await subject.made(subject.post(things, thing(subject.group, 'a')));
    expectRefusal(await subject.post(`${things}?dryRun=All`, thing(subject.group, 'a')), {
      code: 409,
      reason: 'AlreadyExists',
      message: '"a" already exists',
    });
    expectRefusal(await subject.patch('merge', `${things}/a?dryRun=All`, { spec: { size: 1 } }), {
      code: 422,
      reason: 'Invalid',
      message: 'size may not shrink',
    });
    expectRefusal(await subject.post(`${things}?dryRun=Some`, thing(subject.group, 'b')), {
      code: 422,
      reason: 'Invalid',
      message:
        /CreateOptions\.meta\.k8s\.io "" is invalid: dryRun: Unsupported value: (\[\]string\{"Some"\}|\["Some"\]): supported values: "All"/,
      causes: [{ field: 'dryRun', reason: 'FieldValueNotSupported' }],
    });
  });
});

describe('an unknown field', () => {
  const odd = () => ({
    ...thing(subject.group, 'a', { size: 1, colour: 'red', free: { any: { thing: 1 } } }),
    dada: 1,
  });

  it('is refused when validation is Strict, doubled ones as well', async () => {
    const { things, configMaps } = await subject.space();
    expectRefusal(await subject.post(`${things}?fieldValidation=Strict`, odd()), {
      code: 400,
      reason: 'BadRequest',
      message:
        /Thing in version "v1" cannot be handled as a Thing: strict decoding error: .*unknown field "spec\.colour"/,
    });
    const twice = JSON.stringify(thing(subject.group, 'a', { size: 1 })).replace('"size":1', '"size":1,"size":2');
    expectRefusal(await subject.post(`${things}?fieldValidation=Strict`, twice), {
      code: 400,
      reason: 'BadRequest',
      message: 'strict decoding error: duplicate field "spec.size"',
    });
    expectRefusal(
      await subject.post(`${configMaps}?fieldValidation=Strict`, { ...(configMap('a') as object), dada: {} }),
      {
        code: 400,
        reason: 'BadRequest',
        message: 'strict decoding error: unknown field "dada"',
      },
    );
    expectRefusal(await subject.get(`${things}/a`), missing);
  });

  it.each(['Warn', ''])('is dropped with a warning when validation is %j', async (validation) => {
    const { things, configMaps } = await subject.space();
    const query = validation === '' ? '' : `?fieldValidation=${validation}`;
    const { status, headers, body } = await subject.post(`${things}${query}`, odd());
    expect(status).toBe(201);
    expect(String(headers['warning'])).toContain('299 - "unknown field \\"spec.colour\\""');
    expect(body.spec).toEqual({ size: 1, mode: 'Slow', replicas: 1, free: { any: { thing: 1 } } });
    expect(body).not.toHaveProperty('dada');
    const core = await subject.post(`${configMaps}${query}`, { ...(configMap('a') as object), dada: {} });
    expect([core.status, String(core.headers['warning'])]).toEqual([201, '299 - "unknown field \\"dada\\""']);
  });

  it('is dropped in silence when validation is Ignore', async () => {
    const { things } = await subject.space();
    const { status, headers, body } = await subject.post(`${things}?fieldValidation=Ignore`, odd());
    expect([status, headers['warning']]).toEqual([201, undefined]);
    expect(body.spec).not.toHaveProperty('colour');
  });

  it('is validated in one of three ways', async () => {
    const { things } = await subject.space();
    expectRefusal(await subject.post(`${things}?fieldValidation=Maybe`, odd()), {
      code: 422,
      reason: 'Invalid',
      message: 'fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"',
    });
  });
});

describe('a name', () => {
  it('is made of what is asked to be its beginning', async () => {
    const { configMaps } = await subject.space();
    const make = () => subject.made(subject.post(configMaps, { metadata: { generateName: 'made-' } }));
    const [one, two] = [await make(), await make()];
    expect(one.metadata.name).toMatch(/^made-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(one.metadata['generateName']).toBe('made-');
    expect(two.metadata.name).not.toBe(one.metadata.name);
    const long = await subject.made(subject.post(configMaps, { metadata: { generateName: 'm'.repeat(253) } }));
    expect(long.metadata.name).toMatch(/^m{58}[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    const named = await subject.made(subject.post(configMaps, { metadata: { generateName: 'made-', name: 'mine' } }));
    expect(named.metadata.name).toBe('mine');
  });
});

describe('a schema', () => {
  it('gives defaults where nothing is said, and where null is', async () => {
    const { things } = await subject.space();
    const { spec } = await subject.made(subject.post(things, thing(subject.group, 'a', { size: 3, mode: null })));
    expect(spec).toEqual({ size: 3, mode: 'Slow', replicas: 1 });
  });

  it('gives a core kind its defaults', async () => {
    const { pods } = await subject.space();
    const { spec, status } = await subject.made(subject.post(pods, pod('p')));
    expect([spec, status]).toMatchObject([
      {
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        dnsPolicy: 'ClusterFirst',
        schedulerName: 'default-scheduler',
        serviceAccountName: 'default',
        containers: [{ imagePullPolicy: 'IfNotPresent' }],
      },
      { phase: 'Pending', qosClass: 'BestEffort' },
    ]);
  });

  const unchecked =
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
  it.each<[string, Record<string, unknown>, string | RegExp, string, string]>([
    ['nothing where something is required', {}, 'spec.size: Required value', 'spec.size', 'FieldValueRequired'],
    [
      'a number too small',
      { size: 0 },
      'spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1',
      'spec.size',
      'FieldValueInvalid',
    ],
    [
      'a text for a number',
      { size: 'three' },
      'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
      'spec.size',
      'FieldValueTypeInvalid',
    ],
    [
      'none of the choices',
      { size: 1, mode: 'Medium' },
      'spec.mode: Unsupported value: "Medium": supported values: "Fast", "Slow"',
      'spec.mode',
      'FieldValueNotSupported',
    ],
    [
      'a text too short',
      { size: 1, label: 'a' },
      'spec.label: Invalid value: "a": spec.label in body should be at least 2 chars long',
      'spec.label',
      'FieldValueInvalid',
    ],
    [
      'a text too long',
      { size: 1, label: 'abcdefghi' },
      /spec\.label: Too long: may not be more than 8 bytes/,
      'spec.label',
      'FieldValueTooLong',
    ],
    [
      'too many',
      { size: 1, tags: ['a', 'b', 'c', 'd'] },
      'spec.tags: Too many: 4: must have at most 3 items',
      'spec.tags',
      'FieldValueTooMany',
    ],
    [
      'one twice in a set',
      { size: 1, tags: ['a', 'a'] },
      'spec.tags[1]: Duplicate value: "a"',
      'spec.tags[1]',
      'FieldValueDuplicate',
    ],
    [
      'a key twice',
      { size: 1, parts: [{ name: 'x' }, { name: 'x' }] },
      /spec\.parts\[1\]: Duplicate value: (map\[string\]interface \{\})?\{"name":"x"\}/,
      'spec.parts[1]',
      'FieldValueDuplicate',
    ],
    [
      'what a rule forbids',
      { size: 40 },
      /spec: Invalid value: ("object": )?a Slow thing holds at most 32/,
      'spec',
      'FieldValueInvalid',
    ],
    [
      'what a rule forbids with words of its own',
      { size: 1, label: 'taken' },
      'spec.label: Forbidden: label taken is not free',
      'spec.label',
      'FieldValueForbidden',
    ],
    [
      'what leaves rules unchecked',
      { size: 'three' },
      new RegExp(`<nil>: Invalid value: "?null"?: ${unchecked}`),
      '<nil>',
      'FieldValueInvalid',
    ],
  ])('refuses %s', async (_what, spec, message, field, reason) => {
    const { things } = await subject.space();
    expectRefusal(await subject.post(things, thing(subject.group, 'a', spec)), {
      code: 422,
      reason: 'Invalid',
      message,
      causes: [{ field, reason }],
    });
  });

  it('compares with what was there', async () => {
    const { things } = await subject.space();
    await subject.made(subject.post(things, thing(subject.group, 'a', { size: 5 })));
    expectRefusal(await subject.patch('merge', `${things}/a`, { spec: { size: 4 } }), {
      code: 422,
      reason: 'Invalid',
      message: /^Thing\.\S+ "a" is invalid: spec\.size: Invalid value: ("integer": )?size may not shrink$/,
      causes: [{ field: 'spec.size', reason: 'FieldValueInvalid' }],
    });
    expect((await subject.made(subject.patch('merge', `${things}/a`, { spec: { size: 6 } }))).spec['size']).toBe(6);
  });
});

describe('a status', () => {
  it('is not set by those who write the object, nor the object by those who write the status', async () => {
    const { things } = await subject.space();
    const made = await subject.made(subject.post(things, { ...thing(subject.group, 'a'), status: { phase: 'Mine' } }));
    expect(made.status).toEqual({});
    const ignored = await subject.made(subject.patch('merge', `${things}/a`, { status: { phase: 'Mine' } }));
    expect(ignored.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    const body = {
      ...made,
      spec: { size: 9 },
      metadata: { ...made.metadata, labels: { mine: 'yes' } },
      status: { phase: 'Up' },
    };
    const set = await subject.made(subject.put(`${things}/a/status`, body));
    expect([set.spec['size'], set.status, set.metadata.generation, set.metadata.labels]).toEqual([
      3,
      { phase: 'Up' },
      1,
      undefined,
    ]);
    const grown = await subject.made(subject.patch('merge', `${things}/a`, { spec: { size: 4 }, status: null }));
    expect([grown.spec['size'], grown.status, grown.metadata.generation]).toEqual([4, { phase: 'Up' }, 2]);
  });

  it('is validated by the same schema', async () => {
    const { things } = await subject.space();
    await subject.made(subject.post(things, thing(subject.group, 'a')));
    expectRefusal(await subject.patch('merge', `${things}/a/status`, { status: { phase: 5 } }), {
      code: 422,
      reason: 'Invalid',
      message: /status\.phase: Invalid value: "integer": (status\.)?phase in body must be of type string: "integer"/,
      causes: [{ field: 'status.phase', reason: 'FieldValueTypeInvalid' }],
    });
  });

  it('and the scale show the counts', async () => {
    const { things } = await subject.space();
    await subject.made(subject.post(things, thing(subject.group, 'a')));
    await subject.made(subject.patch('merge', `${things}/a/status`, { status: { replicas: 1 } }));
    const scaled = await subject.made(subject.patch('merge', `${things}/a/scale`, { spec: { replicas: 4 } }));
    expect(scaled).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'a' },
      spec: { replicas: 4 },
      status: { replicas: 1 },
    });
    expect((await subject.made(subject.get(`${things}/a`))).spec['replicas']).toBe(4);
  });
});
