// What is kept of objects, and that nothing that anybody reads is lost.
import { describe, expect, it } from '@jest/globals';
import { aVm, aPod } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import { aMachine, anOtherPod } from '../../../test/builders/node.ts';
import type { Pod } from '../api/kubernetes.ts';
import { machineOf } from '../model/machine.ts';
import { requestsOf } from '../model/other-pods.ts';
import { isWhole, trimmed, trimmedJob, trimmedLauncher, trimmedLease, trimmedNode, trimmedOther } from './trim.ts';

describe('of any object', () => {
  it('goes who wrote which field and what kubectl applied, and nothing else', () => {
    const { job } = aJob('a');
    const annotations = { own: 'stays', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    const full = { ...job, metadata: { ...job.metadata, annotations, managedFields: [{}] } };
    expect(trimmed(full)).toEqual({ ...job, metadata: { ...job.metadata, annotations: { own: 'stays' } } });
    expect(full.metadata.managedFields).toHaveLength(1);
  });

  it('that has nothing to lose, nothing is copied', () => {
    const { job } = aJob('a');
    expect(trimmed(job)).toBe(job);
  });
});

describe('of a job', () => {
  const secretKeyRef = { name: 'key', key: 'id' };
  const files = [
    { path: '/a', content: 'x'.repeat(4_000), mode: '0644' },
    { path: '/b', secretKeyRef, mode: '0600' },
  ];
  const checkpoint = { script: 'save '.repeat(800), within: '1m' };
  const annotations = { big: 'x'.repeat(1_000) };

  it('with long texts stays all that is decided by, that they are there, and that they were left out', () => {
    const { job } = aJob('a', { script: 'echo '.repeat(800), files, interruption: { checkpoint } });
    const kept = trimmedJob({ ...job, metadata: { ...job.metadata, annotations, managedFields: [{}] } });
    expect(JSON.stringify(kept).length).toBeLessThan(1_000);
    expect([kept, trimmedJob(kept), { ...kept, status: {} }, job].map(isWhole)).toEqual([false, false, false, true]);
    expect(kept.metadata).toEqual(job.metadata);
    expect(kept.spec).toEqual({
      ...job.spec,
      script: '',
      files: [{ path: '/a', content: '', mode: '0644' }, files[1]],
      interruption: { ...job.spec.interruption, checkpoint: { script: '', within: '1m' } },
    });
  });

  it('with short ones stays everything but its annotations', () => {
    const { job } = aJob('a', { files });
    const kept = trimmedJob({ ...job, metadata: { ...job.metadata, annotations, managedFields: [{}] } });
    expect([kept, isWhole(kept)]).toEqual([job, true]);
  });

  it('that makes no sense stays what there is: it is no reason to read no other', () => {
    expect(trimmedJob({ metadata: { name: 'a' }, spec: {} } as never)).toEqual({ metadata: { name: 'a' }, spec: {} });
  });
});

describe('of a lease', () => {
  it('stays what its agent says of itself', () => {
    const spec = { holderIdentity: 'pc-1_a', leaseDurationSeconds: 10 };
    const said = { 'idlewild.dev/fence': '{}', 'idlewild.dev/silence': '{"seconds":62}' };
    const full = { metadata: { name: 'pc-1', annotations: { ...said, other: 'text' } }, spec };
    expect(trimmedLease(full)).toMatchObject({ metadata: { name: 'pc-1' }, spec });
    expect(trimmedLease(full).metadata.annotations).toEqual(said);
    expect(trimmedLease({ metadata: { name: 'pc-1', annotations: { other: 'text' } } }).metadata).not.toHaveProperty(
      'annotations',
    );
  });
});

describe('of a node', () => {
  it('stays everything that makes it a machine', () => {
    const node = aMachine('pc', {
      images: ['lab/tiny'],
      allocatable: { cpu: '1' },
      taints: [{ key: 'x', effect: 'NoSchedule' }],
    });
    const addresses = [{ type: 'InternalIP', address: '10.0.0.1' }];
    const daemonEndpoints = { kubeletEndpoint: { Port: 10250 } };
    const full = { ...node, status: { ...node.status, addresses, daemonEndpoints } };
    expect(machineOf(trimmedNode(full))).toEqual(machineOf(node));
    expect(trimmedNode(full).status).toMatchObject({ addresses });
    expect(trimmedNode(full).status).not.toHaveProperty('daemonEndpoints');
  });
});

describe('of a launcher pod', () => {
  it('stay its labels, its machine and how it fares', () => {
    const pod = aPod(aVm(aJob('a').published().claimedBy('pc').job), 'pc');
    const full: Pod = {
      ...pod,
      spec: { ...pod.spec, volumes: [{ name: 'big' }], containers: [{ name: 'compute', env: [{ name: 'A' }] }] },
    };
    expect(trimmedLauncher(full)).toEqual({ ...pod, spec: { nodeName: 'pc', containers: [] } });
  });
});

describe('of another pod', () => {
  const pod = anOtherPod('x', 'pc', { cpu: '250m', memory: '64Mi', 'ephemeral-storage': '1Gi', 'nvidia.com/gpu': 1 });
  const full: Pod = {
    ...pod,
    metadata: { ...pod.metadata, labels: { app: 'x' } },
    spec: {
      ...pod.spec,
      overhead: { cpu: '10m' },
      containers: [...pod.spec.containers, { name: 'without requests', env: [{ name: 'A' }] }],
      initContainers: [
        { name: 'sidecar', restartPolicy: 'Always', resources: { requests: { cpu: '50m' } } },
        { name: 'setup', resources: { requests: { cpu: '500m', memory: '16Mi' } } },
      ],
    },
  };

  it('stays what it asks for', () => {
    const kept = trimmedOther(full);
    expect(kept?.metadata).not.toHaveProperty('labels');
    expect(kept && requestsOf(kept, 'nvidia.com/gpu')).toEqual(requestsOf(full, 'nvidia.com/gpu'));
    // The start needs 50 m and 500 m at a time, which is more than 250 m and 50 m later.
    expect(requestsOf(full, 'nvidia.com/gpu')).toEqual({
      cpuMillis: 560,
      memoryBytes: 64 * 2 ** 20,
      diskBytes: 2 ** 30,
      gpus: 1,
    });
  });

  it('stays what it asks for as a whole, which its containers share', () => {
    const resources = { requests: { cpu: '2', memory: '1Gi' }, limits: { cpu: '4', memory: '2Gi' } };
    const whole: Pod = { ...full, spec: { ...full.spec, resources } };
    const kept = trimmedOther(whole);
    expect(kept?.spec.resources).not.toHaveProperty('limits');
    expect(kept && requestsOf(kept, 'nvidia.com/gpu')).toEqual({
      cpuMillis: 2_010,
      memoryBytes: 2 ** 30,
      diskBytes: 2 ** 30,
      gpus: 1,
    });
  });

  it.each<[string, Pod]>([
    ['has ended well', { ...pod, status: { phase: 'Succeeded' } }],
    ['has failed', { ...pod, status: { phase: 'Failed' } }],
    ['has no machine yet', { ...pod, spec: { containers: pod.spec.containers } }],
  ])('that %s, nothing is kept', (_what, gone) => {
    expect(trimmedOther(gone)).toBeUndefined();
  });
});
