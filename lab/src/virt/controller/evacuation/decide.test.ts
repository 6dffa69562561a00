// Who is evacuated by KubeVirt itself.
import { describe, expect, it } from '@jest/globals';
import { aMigration, aVmi, condition } from '../../played/builders.ts';
import { evacuationOf } from './decide.ts';

const status = { nodeName: 'pc-1', evacuationNodeName: 'pc-1', conditions: [condition('LiveMigratable')] };
const marked = aVmi('Running', { spec: { evictionStrategy: 'LiveMigrate' }, status });

describe('an evacuation', () => {
  it('is made for a marked guest that live-migrates', () => {
    expect(evacuationOf(marked, [aMigration('Failed')])).toMatchObject({
      metadata: { generateName: 'kubevirt-evacuation-', annotations: { 'kubevirt.io/evacuationMigration': 'pc-1' } },
      spec: { vmiName: 'job', priority: 'system-critical' },
    });
  });
  it.each([
    ['a guest that somebody else moves', aVmi('Running', { spec: { evictionStrategy: 'External' }, status })],
    [
      'a guest that is not marked',
      aVmi('Running', { spec: marked.spec, status: { ...status, evacuationNodeName: '' } }),
    ],
    ['a guest that has moved already', aVmi('Running', { spec: marked.spec, status: { ...status, nodeName: 'pc-2' } })],
    ['a guest that cannot move', aVmi('Running', { spec: marked.spec, status: { ...status, conditions: [] } })],
    ['a guest that has ended', aVmi('Succeeded', { spec: marked.spec, status })],
    ['a guest that is deleted', aVmi('Running', { spec: marked.spec, status, deleting: true })],
  ])('is not made for %s', (_name, vmi) => expect(evacuationOf(vmi, [])).toBeUndefined());
  it('is not made while one is under way', () =>
    expect(evacuationOf(marked, [aMigration('Scheduling')])).toBeUndefined());
});
