// The VirtualMachine and Secret of one attempt.
// Promises: pure; the same attempt renders the same objects; everything in them can live-migrate without shared storage.
// Why each field is as it is: docs of the fields in KubeVirt's staging/src/kubevirt.io/api/core/v1/schema.go.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Affinity, Secret } from '../api/kubernetes.ts';
import type { VirtualMachine, VirtualMachineInstanceSpec } from '../api/kubevirt.ts';
import { ownerReference } from '../api/meta.ts';
import { computeJobs } from '../api/resources.ts';
import { durationMs } from '../model/duration.ts';
import type { Attempt } from '../model/job.ts';
import { quantityToMebibytes } from '../api/quantity.ts';
import { defaultGpuResource } from '../model/machine.ts';
import { annotations, attemptLabels, labels, secretName, taints } from '../model/names.ts';

export interface VmInput {
  readonly job: ComputeJob;
  readonly attempt: Attempt;
  readonly nonce: string;
  /** A named model of the pool; the host's own when undefined. */
  readonly cpuModel: string | undefined;
  /** The extended resource that a graphics processor is asked for by; NVIDIA's unless told. */
  readonly gpuResource?: string | undefined;
}

export function renderVirtualMachine(input: VmInput): VirtualMachine {
  const { job, attempt, nonce } = input;
  const own = attemptLabels(job.metadata.name, attempt.number);
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: {
      name: attempt.virtualMachine,
      namespace: job.metadata.namespace ?? '',
      labels: own,
      annotations: { [annotations.nonce]: nonce },
      ownerReferences: [ownerReference(computeJobs, job, { controller: true, blockOwnerDeletion: true })],
    },
    spec: {
      // Once: a guest that ended stays ended, with its log; whether to try again is our decision.
      runStrategy: 'Once',
      template: {
        // KubeVirt copies these labels to the launcher pod, where network policies select by them.
        metadata: { labels: { ...own, [labels.network]: job.spec.network }, ...annotationsOf(job) },
        spec: instanceSpec(input),
      },
    },
  };
}

/** What KubeVirt has no field for comes back with the instance: to us after a restart, to the machine's agent on its pod. */
function annotationsOf({ spec }: ComputeJob): { annotations?: Record<string, string> } {
  const { graphicsMemory } = spec.resources;
  const own = {
    ...(graphicsMemory === undefined
      ? {}
      : { [annotations.graphicsMemory]: String(quantityToMebibytes(graphicsMemory)) }),
    ...(spec.interruption.exclusive ? {} : { [annotations.exclusive]: 'false' }),
  };
  return Object.keys(own).length === 0 ? {} : { annotations: own };
}

function instanceSpec({ job, attempt, cpuModel, gpuResource }: VmInput): VirtualMachineInstanceSpec {
  const { cores, memory, disk, gpus } = job.spec.resources;
  const deviceName = gpuResource ?? defaultGpuResource;
  const processors = Array.from({ length: gpus }, (_, index) => ({ name: `gpu-${index + 1}`, deviceName }));
  const virtio = { bus: 'virtio' };
  const scratchDisk = disk === undefined ? [] : [{ name: 'scratch', disk: virtio, serial: 'scratch' }];
  const connected = job.spec.network !== 'None';
  const scratchVolume = disk === undefined ? [] : [{ name: 'scratch', emptyDisk: { capacity: disk } }];
  return {
    architecture: job.spec.architecture,
    // External: an eviction only marks the instance, and we move it ourselves.
    evictionStrategy: 'External',
    terminationGracePeriodSeconds: graceSeconds(job),
    affinity: pinnedTo(attempt.node),
    tolerations: [{ key: taints.volatile, operator: 'Exists' }],
    domain: {
      // Processors are never added while a guest runs. Unless told, KubeVirt prepares it for four times as many, and QEMU does not
      // start a guest of 64 cores then (pkg/defaults/defaults.go; more than 255 need a virtual IOMMU).
      cpu: { cores, sockets: 1, threads: 1, maxSockets: 1, ...(cpuModel === undefined ? {} : { model: cpuModel }) },
      memory: { guest: memory },
      devices: {
        rng: {},
        autoattachGraphicsDevice: job.spec.console === 'VNC',
        autoattachSerialConsole: true,
        logSerialConsole: true,
        // The mouse that comes with a screen tells movements only, and drifts away from a browser's pointer.
        ...(job.spec.console === 'VNC' ? { inputs: [{ name: 'tablet', type: 'tablet', bus: 'usb' }] } : {}),
        disks: [{ name: 'root', disk: virtio }, ...scratchDisk, { name: 'init', disk: virtio }],
        // Left out alone, KubeVirt would attach the guest to the pod's network by itself.
        ...(connected ? { interfaces: [{ name: 'default', masquerade: {} }] } : { autoattachPodInterface: false }),
        ...(processors.length === 0 ? {} : { gpus: processors }),
      },
    },
    ...(connected ? { networks: [{ name: 'default', pod: {} }] } : {}),
    volumes: [
      { name: 'root', containerDisk: { image: job.spec.image.containerDisk } },
      ...scratchVolume,
      { name: 'init', cloudInitNoCloud: { secretRef: { name: secretName(job.metadata.name, attempt.number) } } },
    ],
  };
}

/** From the power button until the guest's power is taken: what it has to save its work. */
function graceSeconds({ spec }: ComputeJob): number {
  const { checkpoint } = spec.interruption;
  return checkpoint === undefined ? 30 : Math.ceil(durationMs(checkpoint.within) / 1000);
}

/** Any machine of the pool: what a guest that may move is bound to. */
export const poolAffinity: Affinity = affinityTo([]);

export function pinnedTo(node: string): Affinity {
  return affinityTo([{ key: labels.hostname, operator: 'In', values: [node] }]);
}

function affinityTo(more: readonly { key: string; operator: 'In'; values: string[] }[]): Affinity {
  return {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          {
            matchExpressions: [
              { key: labels.pool, operator: 'In', values: ['on'] },
              { key: labels.approved, operator: 'In', values: ['true'] },
              ...more,
            ],
          },
        ],
      },
    },
  };
}

/** Whether an affinity names a single machine. */
export function isPinned(affinity: Affinity | undefined): boolean {
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms.some(({ matchExpressions }) => (matchExpressions ?? []).some(({ key }) => key === labels.hostname));
}

/** @param userData base64 of the wrapper script. */
export function renderSecret(job: ComputeJob, attempt: Attempt, userData: string): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: secretName(job.metadata.name, attempt.number),
      namespace: job.metadata.namespace ?? '',
      labels: attemptLabels(job.metadata.name, attempt.number),
      ownerReferences: [ownerReference(computeJobs, job)],
    },
    type: 'Opaque',
    data: { userdata: userData },
  };
}
