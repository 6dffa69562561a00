import { describe, expect, it } from '@jest/globals';
import type { LauncherPod } from '../../virt/model/launcher-pod.ts';
import { decidePod, type Known, type PodStep } from './decide.ts';

interface PodLook {
  readonly launcher?: boolean;
  readonly phase?: string;
  readonly deletedAt?: string;
}

function aPod({ launcher = true, phase = 'Pending', deletedAt }: PodLook): LauncherPod {
  return {
    metadata: {
      name: 'p',
      namespace: 'default',
      uid: 'u',
      labels: launcher ? { 'kubevirt.io': 'virt-launcher' } : { app: 'web' },
      ...(deletedAt === undefined ? {} : { deletionTimestamp: deletedAt }),
    },
    spec: { nodeName: 'pc-1', containers: [{ name: 'compute' }] },
    status: { phase },
  };
}

const deletedAt = '2026-01-01T00:01:00Z';
const up = (guest: 'none' | 'alive' | 'ended'): Known => ({ kind: 'up', guest });

const cases: { title: string; pod: PodLook; known: Known; step: PodStep['kind'] }[] = [
  { title: 'a new pod is prepared', pod: {}, known: { kind: 'nothing' }, step: 'prepare' },
  { title: 'a pod that waits is prepared again', pod: {}, known: { kind: 'preparing' }, step: 'prepare' },
  {
    title: 'a pod deleted before it started goes at once',
    pod: { deletedAt },
    known: { kind: 'preparing' },
    step: 'remove',
  },
  {
    title: 'a deleted pod that nobody started goes at once',
    pod: { deletedAt },
    known: { kind: 'nothing' },
    step: 'remove',
  },
  { title: 'a running pod is left alone', pod: { phase: 'Running' }, known: up('alive'), step: 'none' },
  {
    title: 'a deleted pod with a guest is shut down',
    pod: { phase: 'Running', deletedAt },
    known: up('alive'),
    step: 'shut-down',
  },
  { title: 'a deleted pod without a guest ends', pod: { phase: 'Running', deletedAt }, known: up('none'), step: 'end' },
  {
    title: 'a deleted pod whose guest has just ended waits for the report',
    pod: { phase: 'Running', deletedAt },
    known: up('ended'),
    step: 'none',
  },
  {
    title: 'a pod that ran before the power went is lost',
    pod: { phase: 'Running' },
    known: { kind: 'nothing' },
    step: 'report-lost',
  },
  {
    title: 'a deleted pod that ran before the power went is lost first',
    pod: { phase: 'Running', deletedAt },
    known: { kind: 'nothing' },
    step: 'report-lost',
  },
  { title: 'a finished pod stays', pod: { phase: 'Succeeded' }, known: { kind: 'ended' }, step: 'none' },
  { title: 'a finished pod stays over a restart', pod: { phase: 'Failed' }, known: { kind: 'nothing' }, step: 'none' },
  {
    title: 'a finished deleted pod goes',
    pod: { phase: 'Failed', deletedAt },
    known: { kind: 'ended' },
    step: 'remove',
  },
  {
    title: 'a pod that ended here but not yet in the API waits',
    pod: { phase: 'Running', deletedAt },
    known: { kind: 'ended' },
    step: 'none',
  },
  { title: 'another kind of pod is refused', pod: { launcher: false }, known: { kind: 'nothing' }, step: 'refuse' },
  {
    title: 'another kind of pod goes when it is deleted',
    pod: { launcher: false, deletedAt },
    known: { kind: 'nothing' },
    step: 'remove',
  },
];

describe('what a machine does about a pod', () => {
  it.each(cases)('$title', ({ pod, known, step }) => {
    expect(decidePod(aPod(pod), known).kind).toBe(step);
  });

  it('gives the guest until the time in the pod', () => {
    expect(decidePod(aPod({ phase: 'Running', deletedAt }), up('alive'))).toEqual({
      kind: 'shut-down',
      deadlineMs: Date.parse(deletedAt),
    });
  });
});
