import { describe, expect, it } from '@jest/globals';
import type { ApiObject, WriteContext } from '../registry/types.ts';
import { schemaFunctions } from '../schema/schema-functions.ts';
import { podCells } from './pod-cells.ts';
import { pods } from './pods.ts';

const context: WriteContext = { user: { name: 'admin', groups: [] }, subresource: '', now: () => 0 };
const running = { state: { running: {} }, ready: true, restartCount: 0 };
const now = Date.parse('2026-01-01T01:00:00Z');

function aPod(spec: Record<string, unknown>, status: Record<string, unknown> = {}): ApiObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'lab' }, spec, status };
}

function created(spec: Record<string, unknown>): ApiObject {
  const pod = aPod(spec);
  schemaFunctions.applyDefaults(pods.schema, pod);
  pods.prepareCreate(pod, context);
  return pod;
}

function faults(next: ApiObject, old?: ApiObject): string[] {
  return pods.validate(next, old, context).map((error) => `${error.field}: ${error.message}`);
}

const one = { containers: [{ name: 'c', image: 'i:1' }] };

describe('a pod', () => {
  it('is created pending, with the defaults of its kind', () => {
    const pod = created(one);
    expect(pod['status']).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
    expect(pod['spec']).toMatchObject({
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
    });
    expect((pod['spec'] as { containers: unknown[] }).containers[0]).toMatchObject({
      imagePullPolicy: 'IfNotPresent',
      terminationMessagePolicy: 'File',
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['Guaranteed', { limits: { cpu: '1', memory: '1Gi' } }, 'Guaranteed'],
    ['Burstable', { requests: { cpu: '1' } }, 'Burstable'],
  ])('has the class %s of its resources', (_name, resources, expected) => {
    const pod = created({ containers: [{ name: 'c', image: 'i', resources }] });
    expect((pod['status'] as { qosClass: string }).qosClass).toBe(expected);
  });

  it('is refused without containers, with a bad name, or with a mount of no volume', () => {
    expect(faults(created({}))).toEqual(['spec.containers: Required value']);
    expect(faults(created({ containers: [{ name: 'Big', image: 'i' }] }))[0]).toMatch(
      /^spec\.containers\[0\]\.name: Invalid value: "Big"/,
    );
    const mounts = [{ name: 'gone', mountPath: '/x' }];
    expect(faults(created({ containers: [{ name: 'c', image: 'i', volumeMounts: mounts }] }))).toEqual([
      'spec.containers[0].volumeMounts[0].name: Not found: "gone"',
    ]);
  });

  it('may change its image and gain tolerations, and nothing else', () => {
    const old = created(one);
    const next = structuredClone(old);
    Object.assign(next['spec'] as object, {
      containers: [{ ...(old['spec'] as { containers: object[] }).containers[0], image: 'i:2' }],
      tolerations: [{ operator: 'Exists' }],
    });
    expect(faults(next, old)).toEqual([]);
    Object.assign(next['spec'] as object, { restartPolicy: 'Never' });
    expect(faults(next, old)[0]).toMatch(/^spec: Forbidden: pod updates may not change fields other than/);
  });
});

describe('the cells of a pod', () => {
  it.each<[string, ApiObject, readonly [string, string, string]]>([
    ['running', aPod(one, { phase: 'Running', containerStatuses: [running] }), ['1/1', 'Running', '0']],
    [
      'waiting',
      aPod(one, { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff' } } }] }),
      ['0/1', 'ImagePullBackOff', '0'],
    ],
    [
      'ended well',
      aPod(one, {
        phase: 'Succeeded',
        containerStatuses: [{ state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
      }),
      ['0/1', 'Completed', '0'],
    ],
    [
      'ended badly',
      aPod(one, { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 3 } } }] }),
      ['0/1', 'ExitCode:3', '0'],
    ],
    [
      'restarted',
      aPod(one, {
        phase: 'Running',
        containerStatuses: [
          { ...running, restartCount: 2, lastState: { terminated: { finishedAt: '2026-01-01T00:55:00Z' } } },
        ],
      }),
      ['1/1', 'Running', '2 (5m ago)'],
    ],
    [
      'initializing',
      aPod(
        { ...one, initContainers: [{ name: 'a' }, { name: 'b' }] },
        { phase: 'Pending', initContainerStatuses: [{ name: 'a', state: { running: {} } }] },
      ),
      ['0/1', 'Init:0/2', '0'],
    ],
    [
      'running beside a sidecar',
      aPod(
        { ...one, initContainers: [{ name: 'log', restartPolicy: 'Always' }] },
        {
          phase: 'Running',
          initContainerStatuses: [{ name: 'log', started: true, ...running }],
          containerStatuses: [running],
        },
      ),
      ['2/2', 'Running', '0'],
    ],
    [
      'terminating',
      {
        ...aPod(one, { phase: 'Running', containerStatuses: [running] }),
        metadata: { name: 'p', deletionTimestamp: '2026-01-01T00:00:00Z' },
      },
      ['1/1', 'Terminating', '0'],
    ],
  ])('%s', (_name, pod, [ready, status, restarts]) => expect(podCells(pod, now)).toEqual({ ready, status, restarts }));
});
