import { describe, expect, it } from '@jest/globals';
import type { LauncherPod } from '../../virt/model/launcher-pod.ts';
import { podStatusOf, type Stage } from './status.ts';

const nowMs = Date.parse('2026-01-01T00:00:10Z');
const startedAtMs = Date.parse('2026-01-01T00:00:05Z');
const digest = `sha256:${'a'.repeat(64)}`;

function aPod(gate: 'True' | 'False' | 'absent'): LauncherPod {
  return {
    metadata: { name: 'p', namespace: 'default', uid: 'u' },
    spec: {
      containers: [{ name: 'compute', image: 'lab/virt-launcher:v1' }],
      initContainers: [
        { name: 'guest-console-log', image: 'lab/virt-launcher:v1', restartPolicy: 'Always' },
        { name: 'volumeroot', image: 'lab/tiny:latest' },
      ],
      readinessGates: [{ conditionType: 'kubevirt.io/virtual-machine-unpaused' }],
    } as unknown as LauncherPod['spec'],
    status: {
      phase: 'Pending',
      conditions: gate === 'absent' ? [] : [{ type: 'kubevirt.io/virtual-machine-unpaused', status: gate }],
    },
  };
}

const statusAt = (stage: Stage, gate: 'True' | 'False' | 'absent' = 'True') =>
  podStatusOf({ pod: aPod(gate), stage, hostIp: '127.0.0.1', podIp: '10.42.1.2', imageDigest: digest, nowMs });

const condition = (status: ReturnType<typeof statusAt>, type: string) =>
  status.conditions.find((each) => each.type === type);

describe('the status of a launcher pod', () => {
  const running: Stage = { kind: 'running', startedAtMs };

  it('shows a running pod with the digest of its image, which migrations pin', () => {
    const status = statusAt(running);
    expect(status.phase).toBe('Running');
    const [log, root] = status.initContainerStatuses;
    expect(log).toMatchObject({ ready: true, state: { running: { startedAt: '2026-01-01T00:00:05Z' } } });
    expect(root).toMatchObject({
      imageID: `lab/tiny@${digest}`,
      state: { terminated: { exitCode: 0, reason: 'Completed' } },
    });
    expect(status.containerStatuses[0]).toMatchObject({ name: 'compute', ready: true, started: true });
    expect(condition(status, 'Ready')?.status).toBe('True');
  });

  it.each(['absent', 'False'] as const)('is not ready while the gate is %s, though its containers are', (gate) => {
    const status = statusAt(running, gate);
    expect(condition(status, 'ContainersReady')?.status).toBe('True');
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotReady' });
  });

  it('says of a missing image which container waits for it', () => {
    const status = statusAt({ kind: 'waiting', waiting: { reason: 'ErrImagePull', message: 'no such image' } });
    expect(status.phase).toBe('Pending');
    expect(status.initContainerStatuses.map(({ state }) => state)).toEqual([
      { waiting: { reason: 'PodInitializing' } },
      { waiting: { reason: 'ErrImagePull', message: 'no such image' } },
    ]);
    expect(condition(status, 'Initialized')?.status).toBe('False');
  });

  it.each([
    { exitCode: 0, reason: 'Completed', phase: 'Succeeded', ready: 'PodCompleted' },
    { exitCode: 1, reason: 'Error', phase: 'Failed', ready: 'PodFailed' },
  ] as const)('ends $phase with exit code $exitCode', ({ exitCode, reason, phase, ready }) => {
    const status = statusAt({ kind: 'ended', startedAtMs, ending: { exitCode, reason, atMs: nowMs } });
    expect(status.phase).toBe(phase);
    expect(status.containerStatuses[0]?.state).toEqual({
      terminated: { exitCode, reason, startedAt: '2026-01-01T00:00:05Z', finishedAt: '2026-01-01T00:00:10Z' },
    });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: ready });
  });
});
