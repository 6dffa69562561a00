// The virt-launcher pod of a VirtualMachineInstance: labels, placement, resources and containers as KubeVirt renders them with
// useEmulation (no request for /dev/kvm). The containers are played by the machine, so only what others read is rendered.
// Pure. Facts: KubeVirt pkg/virt-controller/services/{template,nodeselectorrenderer,renderresources}.go and recorded pods.
import type { OwnerReference } from '@idlewild/operator/kube/object.ts';
import type { Affinity } from '../../../model/pod.ts';
import {
  MIGRATION_TARGET_LABEL,
  type VirtualMachineInstance,
  type VmiSpec,
  type Volume,
} from '../../model/instance.ts';
import {
  CREATED_BY_LABEL,
  LAUNCHER_IMAGE,
  MEMORY_OVERHEAD_ANNOTATION,
  UNPAUSED_GATE,
} from '../../model/launcher-pod.ts';
import { guestMemoryBytes, inMebibytes, memoryOverheadBytes, vcpusOf } from './overhead.ts';

/** A pod as it is sent to the API server; its name gets a random end there. */
export interface NewPod {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: {
    readonly generateName: string;
    readonly namespace?: string;
    readonly labels: Record<string, string>;
    readonly annotations: Record<string, string>;
    readonly ownerReferences: OwnerReference[];
  };
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly nodeSelector: Readonly<Record<string, string>>;
    readonly affinity?: Affinity;
    readonly volumes: readonly Readonly<Record<string, unknown>>[];
    readonly initContainers: readonly Readonly<Record<string, unknown>>[];
    readonly containers: readonly Readonly<Record<string, unknown>>[];
  };
}

const DEFAULT_GRACE_SECONDS = 30;
/** KubeVirt gives the launcher 15 s after the guest's time, and the pod 15 s after that. */
const LAUNCHER_EXTRA_SECONDS = 15;
const LONGEST_LABEL = 63;
/** The share of a core that is requested per vCPU: cpuAllocationRatio 10. */
const MILLICORES_PER_VCPU = 100;

/** The first pod of an instance. Migration targets start from it: ../migration/target-pod.ts. */
export function launcherPod(vmi: VirtualMachineInstance): NewPod {
  const { metadata, spec } = vmi;
  const overhead = memoryOverheadBytes(spec);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `virt-launcher-${metadata.name}-`,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels: labelsOf(vmi),
      annotations: {
        ...metadata.annotations,
        'descheduler.alpha.kubernetes.io/request-evict-only': '',
        'kubectl.kubernetes.io/default-container': 'compute',
        'kubevirt.io/domain': metadata.name,
        [MEMORY_OVERHEAD_ANNOTATION]: String(overhead),
        'kubevirt.io/migrationTransportUnix': 'true',
      },
      ownerReferences: [
        {
          apiVersion: 'kubevirt.io/v1',
          kind: 'VirtualMachineInstance',
          name: metadata.name,
          uid: metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: graceSeconds(spec) + 2 * LAUNCHER_EXTRA_SECONDS,
      hostname: hostnameOf(vmi),
      ...(spec.subdomain === undefined ? {} : { subdomain: spec.subdomain }),
      nodeSelector: nodeSelectorOf(spec),
      ...(spec.affinity ? { affinity: spec.affinity } : {}),
      ...(spec.tolerations ? { tolerations: spec.tolerations } : {}),
      ...(spec.schedulerName ? { schedulerName: spec.schedulerName } : {}),
      ...(spec.priorityClassName ? { priorityClassName: spec.priorityClassName } : {}),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      readinessGates: [{ conditionType: UNPAUSED_GATE }],
      volumes: [{ name: 'private', emptyDir: {} }, ...(spec.volumes ?? []).flatMap(podVolume)],
      initContainers: [...consoleLog(vmi), ...(spec.volumes ?? []).flatMap(digestHolder)],
      containers: [compute(vmi, overhead)],
    },
  };
}

function graceSeconds(spec: VmiSpec): number {
  return spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
}

/** Host name inside the guest: the spec's, else the part of the name before the first dot. */
export function hostnameOf(vmi: VirtualMachineInstance): string {
  return vmi.spec.hostname ?? (vmi.metadata.name.split('.')[0] ?? '').slice(0, LONGEST_LABEL);
}

/** Template labels travel to the pod; the label of a migration under way does not. Names too long for a label are cut. */
function labelsOf(vmi: VirtualMachineInstance): Record<string, string> {
  const { [MIGRATION_TARGET_LABEL]: _target, ...labels } = vmi.metadata.labels ?? {};
  return {
    ...labels,
    'kubevirt.io': 'virt-launcher',
    [CREATED_BY_LABEL]: vmi.metadata.uid,
    'vm.kubevirt.io/name': hostnameOf(vmi),
    'vmi.kubevirt.io/id': vmi.metadata.name.slice(0, LONGEST_LABEL),
  };
}

function nodeSelectorOf(spec: VmiSpec): Record<string, string> {
  const model = spec.domain.cpu?.model;
  const named = model !== undefined && model !== 'host-model' && model !== 'host-passthrough';
  return {
    ...spec.nodeSelector,
    ...(named ? { [`cpu-model.node.kubevirt.io/${model}`]: 'true' } : {}),
    ...(spec.architecture ? { 'kubernetes.io/arch': spec.architecture } : {}),
    'kubevirt.io/schedulable': 'true',
    ...(spec.domain.machine?.type ? { [machineTypeLabel(spec.domain.machine.type)]: 'true' } : {}),
  };
}

/** The node label that says a machine type can run there. */
export function machineTypeLabel(type: string): string {
  return `machine-type.node.kubevirt.io/${type}`;
}

function podVolume(volume: Volume): Readonly<Record<string, unknown>>[] {
  const disk = volume.containerDisk;
  if (disk) return [{ name: volume.name, image: { reference: disk.image, pullPolicy: disk.imagePullPolicy } }];
  const cloudInit = volume.cloudInitNoCloud ?? volume.cloudInitConfigDrive;
  return [
    ...secretVolume(`${volume.name}-udata`, cloudInit?.secretRef?.name),
    ...secretVolume(`${volume.name}-ndata`, cloudInit?.networkDataSecretRef?.name),
  ];
}

function secretVolume(name: string, secretName: string | undefined): Readonly<Record<string, unknown>>[] {
  return secretName === undefined ? [] : [{ name, secret: { secretName } }];
}

/** The serial console as a log: an init container that keeps running beside the guest. */
function consoleLog({ metadata, spec }: VirtualMachineInstance): Readonly<Record<string, unknown>>[] {
  const { autoattachSerialConsole, logSerialConsole } = spec.domain.devices;
  if (autoattachSerialConsole === false || logSerialConsole === false) return [];
  return [
    {
      name: 'guest-console-log',
      image: LAUNCHER_IMAGE,
      command: ['/usr/bin/virt-tail'],
      args: ['--logfile', `/var/run/kubevirt-private/${metadata.uid}/virt-serial0-log`],
      restartPolicy: 'Always',
      resources: { requests: { cpu: '5m', memory: '35M' }, limits: { cpu: '15m', memory: '60M' } },
      volumeMounts: [{ name: 'private', mountPath: '/var/run/kubevirt-private', readOnly: true }],
    },
  ];
}

/** Ends at once; its status keeps the digest of the image, which a migration pins on its target. */
function digestHolder(volume: Volume): Readonly<Record<string, unknown>>[] {
  if (!volume.containerDisk) return [];
  const { image, imagePullPolicy } = volume.containerDisk;
  return [
    {
      name: `volume${volume.name}`,
      image,
      imagePullPolicy,
      command: ['/container-disk-binary/usr/bin/container-disk'],
      args: ['--no-op'],
      resources: {
        requests: { cpu: '1m', memory: '1M', 'ephemeral-storage': '50M' },
        limits: { cpu: '10m', memory: '40M' },
      },
    },
  ];
}

function compute(vmi: VirtualMachineInstance, overhead: number): Readonly<Record<string, unknown>> {
  const { metadata, spec } = vmi;
  const devices = needsNetworkDevices(spec)
    ? { 'devices.kubevirt.io/tun': '1', 'devices.kubevirt.io/vhost-net': '1' }
    : {};
  const { requests, limits } = spec.domain.resources ?? {};
  return {
    name: 'compute',
    image: LAUNCHER_IMAGE,
    command: ['/usr/bin/virt-launcher-monitor'],
    args: [
      ...['--name', metadata.name, '--uid', metadata.uid, '--namespace', metadata.namespace ?? ''],
      ...['--grace-period-seconds', String(graceSeconds(spec) + LAUNCHER_EXTRA_SECONDS)],
    ],
    resources: {
      ...(limits || needsNetworkDevices(spec) ? { limits: { ...limitsOf(limits, overhead), ...devices } } : {}),
      requests: {
        cpu: String(requests?.['cpu'] ?? limits?.['cpu'] ?? `${vcpusOf(spec) * MILLICORES_PER_VCPU}m`),
        'ephemeral-storage': '50M',
        memory: inMebibytes(guestMemoryBytes(spec) + overhead),
        ...devices,
      },
    },
    volumeMounts: [
      { name: 'private', mountPath: '/var/run/kubevirt-private' },
      ...(spec.volumes ?? []).flatMap((volume, index) =>
        volume.containerDisk
          ? [{ name: volume.name, mountPath: `/var/run/kubevirt-image-volume/disk_${index}`, readOnly: true }]
          : [],
      ),
    ],
  };
}

function limitsOf(
  limits: Readonly<Record<string, string | number>> | undefined,
  overhead: number,
): Record<string, string> {
  const result: Record<string, string> = {};
  if (limits?.['cpu'] !== undefined) result['cpu'] = String(limits['cpu']);
  if (limits?.['memory'] !== undefined) {
    const spec = { domain: { devices: {}, memory: { guest: String(limits['memory']) } } };
    result['memory'] = inMebibytes(guestMemoryBytes(spec) + overhead);
  }
  return result;
}

// tun and vhost-net are asked for by every guest with an interface, emulated or not; only /dev/kvm depends on useEmulation.
function needsNetworkDevices(spec: VmiSpec): boolean {
  return (spec.domain.devices.interfaces?.length ?? 0) > 0;
}
