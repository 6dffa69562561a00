// What every namespace gets.
import { describe, expect, it } from '@jest/globals';
import type { Namespace } from '../../model/namespace.ts';
import { needsOf, type ConfigMap } from './decide.ts';

const living: Namespace = { metadata: { name: 'lab', uid: 'u' } };
const going: Namespace = { metadata: { name: 'lab', uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z' } };
const rootCa = (pem: string): ConfigMap => ({
  metadata: { name: 'kube-root-ca.crt', uid: 'c' },
  data: { 'ca.crt': pem },
});

describe('what a namespace needs', () => {
  it.each<[string, Namespace, boolean, ConfigMap | undefined, string[]]>([
    ['a new one needs both', living, false, undefined, ['createServiceAccount', 'createRootCa']],
    ['a complete one needs nothing', living, true, rootCa('pem'), []],
    ['a changed CA is put right', living, true, rootCa('old'), ['updateRootCa']],
    ['a lost account is made again', living, false, rootCa('pem'), ['createServiceAccount']],
    ['a terminating one gets nothing', going, false, undefined, []],
  ])('%s', (_name, namespace, hasServiceAccount, present, kinds) => {
    expect(needsOf(namespace, { hasServiceAccount, rootCa: present }, 'pem').map(({ kind }) => kind)).toEqual(kinds);
  });
});
