// Server-side apply and ownership, on a schema with every kind of place: granular and atomic maps, keyed lists, sets.

import { describe, expect, it } from '@jest/globals';
import type { ApiObject, FieldsV1, Schema } from '../registry/types.ts';
import { applyConfiguration, ownershipAfterUpdate, type Actor } from './apply.ts';
import { fromFieldsV1, toFieldsV1 } from './field-set.ts';
import { objectShape } from './shape.ts';

const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer' },
        mode: { type: 'string' },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', properties: { name: { type: 'string' }, count: { type: 'integer' } } },
        },
        whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: { type: 'string' } },
        list: { type: 'array', items: { type: 'string' } },
        free: { type: 'object', additionalProperties: { type: 'string' } },
      },
    },
    status: { type: 'object', properties: { phase: { type: 'string' } } },
  },
};
const shape = objectShape(schema, { custom: true });
const time = '2030-01-01T00:00:00Z';
const actor = (manager: string, subresource = ''): Actor => ({
  manager,
  apiVersion: 'x/v1',
  subresource,
  time,
  reset: [],
});
const config = (spec: Record<string, unknown>): ApiObject => ({
  apiVersion: 'x/v1',
  kind: 'X',
  metadata: { name: 'a' },
  spec,
});

function apply(live: ApiObject | undefined, manager: string, spec: Record<string, unknown>, force = false): ApiObject {
  return applyConfiguration(shape, live, config(spec), actor(manager), { force });
}
function update(
  live: ApiObject,
  manager: string,
  change: (spec: Record<string, unknown>) => Record<string, unknown>,
): ApiObject {
  const next = { ...live, spec: change(live['spec'] as Record<string, unknown>) };
  return ownershipAfterUpdate(shape, live, next, actor(manager));
}
function owned(object: ApiObject): Record<string, FieldsV1> {
  return Object.fromEntries(
    (object.metadata?.managedFields ?? []).map((entry) => [`${entry.operation} ${entry.manager}`, entry.fieldsV1]),
  );
}

describe('an applied configuration', () => {
  it('owns its leaves, list items and set values', () => {
    const object = apply(undefined, 'one', {
      size: 1,
      tags: ['t'],
      parts: [{ name: 'x', count: 2 }],
      whole: { a: 'b' },
    });
    expect(owned(object)).toEqual({
      'Apply one': {
        'f:spec': {
          'f:parts': { 'k:{"name":"x"}': { '.': {}, 'f:count': {}, 'f:name': {} } },
          'f:size': {},
          'f:tags': { 'v:"t"': {} },
          'f:whole': {},
        },
      },
    });
  });

  it('changes nothing when applied again', () => {
    const first = apply(undefined, 'one', { size: 1, tags: ['a'] });
    expect(apply(first, 'one', { size: 1, tags: ['a'] })).toEqual(first);
  });

  it('conflicts with the owner of a field that it changes, and names the fields, leaves first', () => {
    const first = apply(undefined, 'one', { size: 3, parts: [{ name: 'x', count: 2 }] });
    expect(() => apply(first, 'two', { size: 5, parts: [{ name: 'x', count: 9 }] })).toThrow(
      'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.size\n- .spec.parts[name="x"].count',
    );
  });

  it('names an updating owner with its version and time', () => {
    const first = update(config({}), 'kubectl-edit', () => ({ size: 1 }));
    expect(() => apply(first, 'two', { size: 5 })).toThrow(
      `Apply failed with 1 conflict: conflict with "kubectl-edit" using x/v1 at ${time}: .spec.size`,
    );
  });

  it('takes the fields over when forced', () => {
    const first = apply(undefined, 'one', { size: 3, mode: 'a' });
    const second = apply(first, 'two', { size: 5 }, true);
    expect(second['spec']).toEqual({ size: 5, mode: 'a' });
    expect(owned(second)).toEqual({
      'Apply one': { 'f:spec': { 'f:mode': {} } },
      'Apply two': { 'f:spec': { 'f:size': {} } },
    });
  });

  it('shares a field that it sets to the same value', () => {
    const second = apply(apply(undefined, 'one', { size: 3 }), 'two', { size: 3 });
    expect(Object.keys(owned(second))).toEqual(['Apply one', 'Apply two']);
  });

  const removals: [string, Record<string, unknown>, Record<string, unknown>, Record<string, unknown>][] = [
    ['a leaf', { size: 1, mode: 'a' }, { size: 1 }, { size: 1 }],
    ['a set value', { tags: ['a', 'b'] }, { tags: ['b'] }, { tags: ['b'] }],
    ['the last set value and its list', { size: 1, tags: ['a'] }, { size: 1 }, { size: 1 }],
    ['a list item', { parts: [{ name: 'x' }, { name: 'y' }] }, { parts: [{ name: 'y' }] }, { parts: [{ name: 'y' }] }],
    ['a map member', { free: { a: '1', b: '2' } }, { free: { a: '1' } }, { free: { a: '1' } }],
  ];
  it.each(removals)('removes %s that it no longer names', (_name, before, after, expected) => {
    expect(apply(apply(undefined, 'one', before), 'one', after)['spec']).toEqual(expected);
  });

  it('keeps what another manager owns too', () => {
    const shared = apply(apply(undefined, 'one', { size: 1, mode: 'a' }), 'two', { mode: 'a' });
    expect(apply(shared, 'one', { size: 1 })['spec']).toEqual({ size: 1, mode: 'a' });
  });

  it('keeps a list item of which another manager owns a part', () => {
    const one = apply(undefined, 'one', { parts: [{ name: 'x', count: 1 }] });
    const two = apply(one, 'two', { parts: [{ name: 'x', count: 1 }] });
    expect(apply(two, 'one', { size: 1 })['spec']).toEqual({ size: 1, parts: [{ name: 'x', count: 1 }] });
  });

  it('keeps defaults and other fields that nobody applied', () => {
    const live = { ...apply(undefined, 'one', { size: 1 }) };
    live['spec'] = { ...(live['spec'] as object), mode: 'default' };
    expect(apply(live, 'one', { size: 2 })['spec']).toEqual({ size: 2, mode: 'default' });
  });

  it('replaces atomic lists and maps whole', () => {
    const first = apply(undefined, 'one', { list: ['a', 'b'], whole: { a: '1' } });
    expect(apply(first, 'one', { list: ['c'], whole: { b: '2' } })['spec']).toEqual({ list: ['c'], whole: { b: '2' } });
  });
});

describe('an update', () => {
  it('owns what it adds, containers included', () => {
    const object = ownershipAfterUpdate(shape, undefined, config({ size: 1, parts: [{ name: 'x' }] }), actor('tool'));
    expect(owned(object)).toEqual({
      'Update tool': {
        'f:spec': { '.': {}, 'f:parts': { '.': {}, 'k:{"name":"x"}': { '.': {}, 'f:name': {} } }, 'f:size': {} },
      },
    });
  });

  it('takes a changed field from its applier and leaves the rest', () => {
    const object = update(apply(undefined, 'one', { size: 1, mode: 'a' }), 'tool', (spec) => ({ ...spec, size: 2 }));
    expect(owned(object)).toEqual({
      'Apply one': { 'f:spec': { 'f:mode': {} } },
      'Update tool': { 'f:spec': { 'f:size': {} } },
    });
  });

  it('makes everybody lose what it removes', () => {
    const object = update(apply(undefined, 'one', { size: 1, mode: 'a' }), 'tool', () => ({ size: 1 }));
    expect(owned(object)).toEqual({ 'Apply one': { 'f:spec': { 'f:size': {} } } });
  });

  it('forgets all owners when it sends an empty managedFields list', () => {
    const live = apply(undefined, 'one', { size: 1 });
    const object = ownershipAfterUpdate(
      shape,
      live,
      { ...live, metadata: { name: 'a', managedFields: [] } },
      actor('tool'),
    );
    expect(object.metadata?.managedFields).toBeUndefined();
  });

  it('merges the oldest of more than ten updaters', () => {
    let object = config({ free: {} });
    for (let i = 0; i < 14; i += 1) {
      object = update(object, `tool-${i}`, (spec) => ({ free: { ...(spec['free'] as object), [`f${i}`]: 'x' } }));
    }
    const managers = Object.keys(owned(object));
    expect(managers).toHaveLength(10);
    expect(managers).toContain('Update ancient-changes');
  });
});

describe("the presence of a built-in kind's structs", () => {
  it('is owned by nobody', () => {
    const object = ownershipAfterUpdate(
      objectShape(schema, { custom: false }),
      undefined,
      config({ size: 1 }),
      actor('tool'),
    );
    expect(owned(object)).toEqual({ 'Update tool': { 'f:spec': { 'f:size': {} } } });
  });
});

describe('the FieldsV1 form', () => {
  it('comes back as it was written', () => {
    const fields: FieldsV1 = {
      'f:metadata': { 'f:labels': { '.': {}, 'f:a.b/c': {} } },
      'f:spec': { 'f:parts': { 'k:{"name":"x"}': { '.': {}, 'f:name': {} } } },
    };
    expect(toFieldsV1(fromFieldsV1(fields))).toEqual(fields);
  });
});
