// What a terminating namespace says about itself.
import { describe, expect, it } from '@jest/globals';
import type { Namespace } from '../../model/namespace.ts';
import { changedConditions, isEmpty, mustBeEmptied, type Pass } from './decide.ts';

const NOW = '2026-01-01T00:00:00Z';
const LATER = '2026-01-01T00:01:00Z';
const metadata = { name: 'lab', uid: 'u' };
const going: Namespace = { metadata: { ...metadata, deletionTimestamp: NOW }, spec: { finalizers: ['kubernetes'] } };

function pass(parts: Partial<Pass> = {}): Pass {
  return { undiscovered: new Map(), failures: [], remaining: new Map(), finalizers: new Map(), ...parts };
}

describe('which namespaces are emptied', () => {
  it.each<[string, Namespace, boolean]>([
    ['a living one is not', { metadata, spec: { finalizers: ['kubernetes'] } }, false],
    ['a deleted one is', going, true],
    ['one that only others hold is not', { ...going, spec: { finalizers: ['example.dev/guard'] } }, false],
  ])('%s', (_name, namespace, expected) => {
    expect(mustBeEmptied(namespace)).toBe(expected);
  });
});

describe('conditions of a terminating namespace', () => {
  const said = (found: Pass, namespace = going) =>
    Object.fromEntries(
      changedConditions(namespace, found, NOW).map(({ type, status, reason, message }) => [
        type,
        [status, reason, message],
      ]),
    );

  it('says that all went well when nothing is left', () => {
    expect(isEmpty(pass())).toBe(true);
    expect(said(pass())).toEqual({
      NamespaceDeletionDiscoveryFailure: ['False', 'ResourcesDiscovered', 'All resources successfully discovered'],
      NamespaceDeletionGroupVersionParsingFailure: [
        'False',
        'ParsedGroupVersions',
        'All legacy kube types successfully parsed',
      ],
      NamespaceDeletionContentFailure: [
        'False',
        'ContentDeleted',
        'All content successfully deleted, may be waiting on finalization',
      ],
      NamespaceContentRemaining: ['False', 'ContentRemoved', 'All content successfully removed'],
      NamespaceFinalizersRemaining: ['False', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
    });
  });

  it('counts what remains and which finalizers hold it, in a stable order', () => {
    const found = pass({
      remaining: new Map([
        ['widgets.example.dev', 2],
        ['pods.', 1],
      ]),
      finalizers: new Map([['example.dev/guard', 2]]),
    });
    expect(isEmpty(found)).toBe(false);
    expect(said(found)).toMatchObject({
      NamespaceContentRemaining: [
        'True',
        'SomeResourcesRemain',
        'Some resources are remaining: pods. has 1 resource instances, widgets.example.dev has 2 resource instances',
      ],
      NamespaceFinalizersRemaining: [
        'True',
        'SomeFinalizersRemain',
        'Some content in the namespace has finalizers remaining: example.dev/guard in 2 resource instances',
      ],
    });
  });

  it('names what could not be deleted and what could not be discovered', () => {
    const found = pass({ failures: ['pods.: no'], undiscovered: new Map([['a.dev/v1', 'down']]) });
    expect(isEmpty(found)).toBe(false);
    expect(said(found)).toMatchObject({
      NamespaceDeletionContentFailure: [
        'True',
        'ContentDeletionFailed',
        'Failed to delete all resource types, 1 remaining: pods.: no',
      ],
      NamespaceDeletionDiscoveryFailure: [
        'True',
        'DiscoveryFailed',
        'Discovery failed for some groups, 1 failing: a.dev/v1: down',
      ],
    });
  });

  it('writes only what changed, and moves the time only with the status', () => {
    const first = changedConditions(going, pass({ remaining: new Map([['pods.', 2]]) }), NOW);
    const known: Namespace = { ...going, status: { conditions: first } };
    expect(changedConditions(known, pass({ remaining: new Map([['pods.', 2]]) }), LATER)).toEqual([]);
    const fewer = changedConditions(known, pass({ remaining: new Map([['pods.', 1]]) }), LATER);
    expect(fewer).toMatchObject([{ type: 'NamespaceContentRemaining', lastTransitionTime: NOW }]);
    const none = changedConditions(known, pass(), LATER);
    expect(none).toMatchObject([{ type: 'NamespaceContentRemaining', status: 'False', lastTransitionTime: LATER }]);
  });
});
