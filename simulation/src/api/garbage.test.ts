// What goes with what: dependents with their owners, and the contents of a namespace with it.
import { describe, expect, it } from '@jest/globals';
import { namespaces, secrets } from '@idlewild/operator/api/resources.ts';
import type { OwnerReference } from '@idlewild/operator/kube/object.ts';
import { VirtualClock } from '../clock/virtual-clock.ts';
import { readJobSchema } from './job-schema.ts';
import type { ApiObject } from './kinds.ts';
import { MemoryApi } from './memory-api.ts';

const namespace = 'lab';
const jobSchema = readJobSchema();

function anApi() {
  const clock = new VirtualClock();
  const api = new MemoryApi({ clock, jobSchema });
  api.create(namespaces, { metadata: { name: namespace } });
  const make = (name: string, owners: readonly ApiObject[] = [], more: object = {}): ApiObject =>
    api.create(secrets, { metadata: { namespace, name, ownerReferences: owners.map(ownerOf), ...more } });
  const names = (): string[] => api.list(secrets).map(({ metadata }) => metadata.name);
  return { api, clock, make, names };
}

function ownerOf({ metadata: { name, uid = '' } }: ApiObject): OwnerReference {
  return { apiVersion: 'v1', kind: 'Secret', name, uid, blockOwnerDeletion: true };
}

describe('an object', () => {
  it('goes after the last of its owners, and what it owns after it', async () => {
    const { api, clock, make, names } = anApi();
    const [first, second] = [make('first'), make('second')];
    make('grandchild', [make('child', [first, second])]);
    api.delete(secrets, { namespace, name: 'first' });
    await clock.advance(1_000);
    expect(names()).toEqual(['second', 'child', 'grandchild']);
    api.delete(secrets, { namespace, name: 'second' });
    await clock.advance(1_000);
    expect(names()).toEqual([]);
  });

  it('whose owner never was goes at once', async () => {
    const { clock, make, names, api } = anApi();
    const gone = make('gone');
    api.delete(secrets, { namespace, name: 'gone' });
    make('late', [gone]);
    await clock.advance(1_000);
    expect(names()).toEqual([]);
  });

  it('that is deleted in the foreground waits for what it owns', async () => {
    const { api, clock, make, names } = anApi();
    make('child', [make('owner')], { finalizers: ['test/held'] });
    api.delete(secrets, { namespace, name: 'owner' }, { propagationPolicy: 'Foreground' });
    await clock.advance(1_000);
    expect(names()).toEqual(['owner', 'child']);
    api.patch(secrets, { namespace, name: 'child' }, { metadata: { finalizers: null } });
    await clock.advance(1_000);
    expect(names()).toEqual([]);
  });

  it('that is deleted as an orphaning one leaves what it owned, without it as an owner', async () => {
    const { api, clock, make, names } = anApi();
    make('child', [make('owner')]);
    api.delete(secrets, { namespace, name: 'owner' }, { propagationPolicy: 'Orphan' });
    await clock.advance(1_000);
    expect(names()).toEqual(['child']);
    expect(api.get(secrets, { namespace, name: 'child' })?.metadata.ownerReferences ?? []).toEqual([]);
  });
});

describe('a namespace', () => {
  it('takes everything that is in it along, and nothing else, and goes when that is gone', async () => {
    const { api, clock, make, names } = anApi();
    make('held', [], { finalizers: ['test/held'] });
    make('free');
    api.create(secrets, { metadata: { namespace: 'default', name: 'elsewhere' } });
    api.delete(namespaces, { name: namespace });
    await clock.advance(1_000);
    expect(names()).toEqual(['held', 'elsewhere']);
    expect(api.get(namespaces, { name: namespace })).toBeDefined();
    expect(() => make('new')).toThrow(/being terminated/);
    api.patch(secrets, { namespace, name: 'held' }, { metadata: { finalizers: null } });
    await clock.advance(1_000);
    expect(names()).toEqual(['elsewhere']);
    expect(api.get(namespaces, { name: namespace })).toBeUndefined();
  });
});
