// Questions and changes on metadata.
import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../kube/object.ts';
import { addFinalizer, controllerOf, isOwnedBy, ownerReference, removeFinalizer } from './meta.ts';
import { computeJobs } from './resources.ts';

const job: KubeObject = Object.freeze({ metadata: Object.freeze({ name: 'render', namespace: 'lab', uid: 'u1' }) });

describe('metadata', () => {
  it('refers to an owner by type, name and uid', () => {
    const owner = ownerReference(computeJobs, job, { controller: true });
    expect(owner).toEqual({
      apiVersion: 'idlewild.dev/v1alpha1',
      kind: 'ComputeJob',
      name: 'render',
      uid: 'u1',
      controller: true,
    });
    const vm: KubeObject = { metadata: { name: 'render-1', ownerReferences: [owner] } };
    expect(isOwnedBy(vm, 'u1')).toBe(true);
    expect(isOwnedBy(vm, 'u2')).toBe(false);
    expect(controllerOf(vm)?.name).toBe('render');
  });

  it('refuses an owner that has not been stored yet', () => {
    expect(() => ownerReference(computeJobs, { metadata: { name: 'render' } })).toThrow('uid: ComputeJob "render"');
  });

  it('adds and removes a finalizer without touching the object, and says when nothing is to do', () => {
    expect(addFinalizer(job, 'x/y')).toEqual(['x/y']);
    const held: KubeObject = { metadata: { name: 'a', finalizers: Object.freeze(['x/y', 'z/w']) as string[] } };
    expect(addFinalizer(held, 'x/y')).toBeUndefined();
    expect(removeFinalizer(held, 'x/y')).toEqual(['z/w']);
    expect(removeFinalizer(job, 'x/y')).toBeUndefined();
  });
});
