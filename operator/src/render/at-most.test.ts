// What a job can have at most, whatever is written in it: the rendered virtual machine holds these fields and no others, so that
// no job asks for a path or a device of its host, for privileges, for another's Secret or for the place of others.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aJob, type SpecOverrides } from '../../../test/builders/job.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { VirtualMachine } from '../api/kubevirt.ts';
import { KubeClient } from '../kube/client.ts';
import { errorFromResponse } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { filesOf } from '../lifecycle/files.ts';
import { renderSecret, renderVirtualMachine } from './virtual-machine.ts';

const spec = 'spec.template.spec';
const devices = `${spec}.domain.devices`;
const pin = `${spec}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[]`;

/** Every field, and what may stand there: a value, one of some, or a function of the job. */
const allowed: Readonly<Record<string, unknown>> = {
  apiVersion: 'kubevirt.io/v1',
  kind: 'VirtualMachine',
  'metadata.name': ({ metadata }: ComputeJob) => `${metadata.name}-1`,
  'metadata.namespace': ({ metadata }: ComputeJob) => metadata.namespace,
  'metadata.labels': 'own',
  'metadata.annotations': 'own',
  'metadata.ownerReferences[].apiVersion': 'idlewild.dev/v1alpha1',
  'metadata.ownerReferences[].kind': 'ComputeJob',
  'metadata.ownerReferences[].name': ({ metadata }: ComputeJob) => metadata.name,
  'metadata.ownerReferences[].uid': ({ metadata }: ComputeJob) => metadata.uid,
  'metadata.ownerReferences[].controller': true,
  'metadata.ownerReferences[].blockOwnerDeletion': true,
  'spec.runStrategy': 'Once',
  'spec.template.metadata.labels': 'own',
  'spec.template.metadata.annotations': 'own',
  [`${spec}.architecture`]: (job: ComputeJob) => job.spec.architecture,
  [`${spec}.evictionStrategy`]: 'External',
  [`${spec}.terminationGracePeriodSeconds`]: 'number',
  [`${pin}.matchExpressions[].key`]: [
    'idlewild.dev/pool',
    'node-restriction.kubernetes.io/idlewild-approved',
    'kubernetes.io/hostname',
  ],
  [`${pin}.matchExpressions[].operator`]: 'In',
  [`${pin}.matchExpressions[].values[]`]: ['on', 'true', 'pc-1'],
  [`${spec}.tolerations[].key`]: 'idlewild.dev/volatile',
  [`${spec}.tolerations[].operator`]: 'Exists',
  [`${spec}.domain.cpu.cores`]: (job: ComputeJob) => job.spec.resources.cores,
  [`${spec}.domain.cpu.sockets`]: 1,
  [`${spec}.domain.cpu.threads`]: 1,
  [`${spec}.domain.cpu.maxSockets`]: 1,
  [`${spec}.domain.cpu.model`]: 'Nehalem',
  [`${spec}.domain.memory.guest`]: (job: ComputeJob) => job.spec.resources.memory,
  [`${devices}.rng`]: {},
  [`${devices}.autoattachGraphicsDevice`]: 'boolean',
  [`${devices}.autoattachSerialConsole`]: true,
  [`${devices}.autoattachPodInterface`]: false,
  [`${devices}.logSerialConsole`]: true,
  [`${devices}.disks[].name`]: ['root', 'scratch', 'init'],
  [`${devices}.disks[].disk.bus`]: 'virtio',
  [`${devices}.disks[].serial`]: 'scratch',
  [`${devices}.interfaces[].name`]: 'default',
  [`${devices}.interfaces[].masquerade`]: {},
  [`${devices}.inputs[].name`]: 'tablet',
  [`${devices}.inputs[].type`]: 'tablet',
  [`${devices}.inputs[].bus`]: 'usb',
  [`${devices}.gpus[].name`]: 'text',
  // As the operator's flag says, and never the job.
  [`${devices}.gpus[].deviceName`]: 'lab.example/gpu',
  [`${spec}.networks[].name`]: 'default',
  [`${spec}.networks[].pod`]: {},
  [`${spec}.volumes[].name`]: ['root', 'scratch', 'init'],
  [`${spec}.volumes[].containerDisk.image`]: (job: ComputeJob) => job.spec.image.containerDisk,
  [`${spec}.volumes[].emptyDisk.capacity`]: (job: ComputeJob) => job.spec.resources.disk,
  [`${spec}.volumes[].cloudInitNoCloud.secretRef.name`]: ({ metadata }: ComputeJob) => `${metadata.name}-1-cloudinit`,
};

const ownMetadata = new Set([
  'idlewild.dev/job',
  'idlewild.dev/attempt',
  'app.kubernetes.io/managed-by',
  'idlewild.dev/network',
  'idlewild.dev/nonce',
  'idlewild.dev/graphics-memory-mib',
  'idlewild.dev/exclusive',
]);

/** Path and value of everything that has no further fields; labels and annotations count as one. */
function leaves(value: unknown, path = ''): (readonly [string, unknown])[] {
  if (Array.isArray(value)) return value.flatMap((each) => leaves(each, `${path}[]`));
  const isMap = /metadata\.(labels|annotations)$/.test(path);
  if (typeof value !== 'object' || value === null || isMap || Object.keys(value).length === 0) return [[path, value]];
  return Object.entries(value).flatMap(([name, each]) => leaves(each, path === '' ? name : `${path}.${name}`));
}

function isAllowed(path: string, value: unknown, job: ComputeJob): boolean {
  if (!Object.hasOwn(allowed, path)) return false;
  const rule = allowed[path];
  if (typeof rule === 'function') return value === (rule as (job: ComputeJob) => unknown)(job);
  if (Array.isArray(rule)) return rule.includes(value);
  if (rule === 'own') return Object.keys(value as object).every((key) => ownMetadata.has(key));
  if (rule === 'number' || rule === 'boolean') return typeof value === rule;
  if (rule === 'text') return /^gpu-\d+$/.test(String(value));
  return JSON.stringify(value) === JSON.stringify(rule);
}

const quantity = fc.constantFrom('64Mi', '1Gi', '10Ti', 512);
const text = fc.oneof(
  fc.string(),
  fc.constantFrom('hostDisk: {path: /}', '../../kube-system/secrets/admin', '${jndi}', '\n  privileged: true', '"}]'),
);
const secretName = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?$/);
const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(values, { nil: undefined });

/** Wider than the schema: what a job holds that the API server let through by mistake gets no further. */
const jobs = fc
  .record({
    mode: fc.constantFrom('Batch', 'Session'),
    architecture: fc.constantFrom('amd64', 'arm64'),
    image: fc.record({ containerDisk: text, hostDisk: fc.constant({ path: '/', type: 'Disk' }) }),
    script: text,
    files: fc.array(fc.record({ path: text, content: text, mode: fc.constant('0644') }), { maxLength: 2 }),
    console: fc.constantFrom('VNC', 'Serial', 'None'),
    network: fc.constantFrom('None', 'Isolated', 'Open'),
    resources: fc.record({
      cores: fc.integer({ min: 1, max: 128 }),
      memory: quantity,
      disk: maybe(quantity),
      graphicsMemory: maybe(fc.constantFrom('16Mi', '1Gi')),
      gpus: fc.integer({ min: 0, max: 16 }),
    }),
    placement: fc.record({ rooms: fc.array(text, { maxLength: 2 }), nodeSelector: fc.dictionary(text, text) }),
    interruption: fc.record({
      exclusive: fc.boolean(),
      checkpoint: maybe(fc.record({ script: text, within: fc.constantFrom('1s', '10m') })),
    }),
    // None of these is a field of a job.
    hostNetwork: fc.constant(true),
    nodeName: fc.constant('server'),
    volumes: fc.constant([{ name: 'host', hostPath: { path: '/' } }]),
    devices: fc.constant({ hostDevices: [{ name: 'disk', deviceName: 'host.example/disk' }] }),
    tolerations: fc.constant([{ operator: 'Exists' }]),
    serviceAccountName: fc.constant('admin'),
  })
  .map((given) => {
    const { job } = aJob('j', given as unknown as SpecOverrides)
      .published()
      .claimedBy('pc-1');
    const annotations = { 'hooks.kubevirt.io/hookSidecars': '[{"image":"evil"}]' };
    return { ...job, metadata: { ...job.metadata, annotations, labels: { 'idlewild.dev/network': 'Open' } } };
  });

function rendered(job: ComputeJob): VirtualMachine {
  const attempt = job.status?.attempts?.[0];
  if (!attempt) throw new Error('claimed jobs have an attempt');
  return renderVirtualMachine({ job, attempt, nonce: 'x', cpuModel: 'Nehalem', gpuResource: 'lab.example/gpu' });
}

describe('the virtual machine of any job', () => {
  it('holds nothing but the fields that are allowed here, with what is allowed in them', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(jobs, (job) => {
        const fields = leaves(rendered(job));
        for (const [path] of fields) seen.add(path);
        expect(fields.filter(([path, value]) => !isAllowed(path, value, job))).toEqual([]);
      }),
      { numRuns: 300 },
    );
    // A list that allows what is never rendered would hide a mistake.
    expect([...seen].sort()).toEqual(Object.keys(allowed).sort());
  });

  it('says of its network what the job says, and has no card without one', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const { metadata, spec: instance } = rendered(job).spec.template;
        expect(metadata?.labels?.['idlewild.dev/network']).toBe(job.spec.network);
        const cards = [instance.domain.devices.interfaces?.length ?? 0, instance.networks?.length ?? 0];
        expect(cards).toEqual(job.spec.network === 'None' ? [0, 0] : [1, 1]);
        expect(instance.domain.devices.autoattachPodInterface).toBe(job.spec.network === 'None' ? false : undefined);
      }),
      { numRuns: 50 },
    );
  });

  it('comes with a Secret of the job’s own name and namespace', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const attempt = job.status?.attempts?.[0];
        if (!attempt) throw new Error('claimed jobs have an attempt');
        const { metadata, data } = renderSecret(job, attempt, 'eA==');
        expect([metadata.namespace, metadata.name, Object.keys(data ?? {})]).toEqual([
          ...['default', 'j-1-cloudinit'],
          ['userdata'],
        ]);
      }),
      { numRuns: 20 },
    );
  });
});

describe('the Secrets that files come from', () => {
  it('are asked for in the job’s own namespace only, by their names', async () => {
    await fc.assert(
      fc.asyncProperty(secretName, async (name) => {
        const asked: string[] = [];
        const transport: Transport = {
          server: 'http://nowhere',
          request: ({ method, path }) => {
            asked.push(`${method} ${path}`);
            return Promise.reject(errorFromResponse(path, 404, { kind: 'Status', reason: 'NotFound' }, undefined));
          },
          stream: () => Promise.reject(new Error('nothing is streamed here')),
          close: () => Promise.resolve(),
        };
        const file = { path: '/etc/x', mode: '0600', secretKeyRef: { name, key: 'token', namespace: 'kube-system' } };
        const { job } = aJob('j', { files: [file] } as SpecOverrides);
        await filesOf(new KubeClient(transport), job);
        expect(asked).toEqual([`GET /api/v1/namespaces/default/secrets/${name}`]);
      }),
      { numRuns: 50 },
    );
  });
});
