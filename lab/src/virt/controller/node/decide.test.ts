// Nodes whose handler has fallen silent.
import { describe, expect, it } from '@jest/globals';
import type { Node } from '../../../model/node.ts';
import { NOW, aPod, aVmi, at } from '../../played/builders.ts';
import { decideNode } from './decide.ts';

const node = (heartbeat: number | undefined, schedulable = 'true'): Node => ({
  metadata: {
    ...{ name: 'pc-1', uid: 'n', labels: { 'kubevirt.io/schedulable': schedulable } },
    annotations: heartbeat === undefined ? {} : { 'kubevirt.io/heartbeat': at(heartbeat) },
  },
});
const guest = aVmi('Running', { status: { nodeName: 'pc-1' } });

describe('a node', () => {
  it('is looked at again when its heartbeat would be five minutes old', () => {
    expect(decideNode(node(-60), 'pc-1', [guest], () => [], NOW)).toEqual({
      setUnschedulable: false,
      failed: [],
      requeueAfterMs: 240_000,
    });
  });
  it('is left alone when it has never had a handler', () => {
    expect(decideNode(node(undefined), 'pc-1', [guest], () => [], NOW)).toEqual({
      setUnschedulable: false,
      failed: [],
    });
  });
  it('takes no guests after five minutes of silence, and is marked once', () => {
    expect(decideNode(node(-300), 'pc-1', [], () => [], NOW)).toMatchObject({
      setUnschedulable: true,
      requeueAfterMs: 60_000,
    });
    expect(decideNode(node(-300, 'false'), 'pc-1', [], () => [], NOW).setUnschedulable).toBe(false);
  });
  it('has lost the guests without a living pod, and no others', () => {
    const held = aVmi('Running', { uid: 'held' });
    const ended = aVmi('Succeeded', { uid: 'ended' });
    const pods = (uid: string) => (uid === 'held' ? [aPod({ node: 'pc-1', phase: 'Running', deleting: true })] : []);
    const { failed } = decideNode(node(-400), 'pc-1', [guest, held, ended], (vmi) => pods(vmi.metadata.uid), NOW);
    expect(failed.map((vmi) => vmi.metadata.uid)).toEqual(['vmi-uid']);
  });
  it('that is deleted counts as silent', () => {
    expect(decideNode(undefined, 'pc-1', [guest], () => [], NOW).failed).toHaveLength(1);
  });
});
