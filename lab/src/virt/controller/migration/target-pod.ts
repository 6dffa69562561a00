// The pod that receives a guest: the instance's launcher pod, kept off the source's machine and on machines like it.
// Pure. Facts: KubeVirt pkg/virt-controller/watch/migration/migration.go (createTargetPod), services/template.go and recorded pods.
import type { Node } from '../../../model/node.ts';
import type { VirtualMachineInstance } from '../../model/instance.ts';
import {
  CREATED_BY_LABEL,
  MIGRATION_JOB_LABEL,
  MIGRATION_JOB_NAME,
  type LauncherPod,
} from '../../model/launcher-pod.ts';
import type { Migration } from '../../model/migration.ts';
import { launcherPod, machineTypeLabel, type NewPod } from '../vmi/launcher-pod.ts';

const VENDOR_PREFIX = 'cpu-vendor.node.kubevirt.io/';
const HOST_MODEL_PREFIX = 'host-model-cpu.node.kubevirt.io/';
const HOST_FEATURE_PREFIX = 'host-model-required-features.node.kubevirt.io/';

/** "name@sha256:..." of a container disk, as the source pod runs it; undefined while its status does not say. */
export function pinnedImage(image: string, volume: string, source: LauncherPod): string | undefined {
  const status = source.status?.initContainerStatuses?.find((each) => each.name === `volume${volume}`);
  const fromStatus = /sha256:[0-9a-f]+/.exec(status?.imageID ?? '')?.[0];
  const reference = (source.spec as { volumes?: { name: string; image?: { reference?: string } }[] }).volumes?.find(
    (each) => each.name === volume,
  )?.image?.reference;
  const digest = fromStatus ?? /sha256:[0-9a-f]+/.exec(reference ?? '')?.[0];
  return digest === undefined ? undefined : `${withoutTag(image)}@${digest}`;
}

function withoutTag(image: string): string {
  const bare = image.split('@')[0] ?? image;
  const slash = bare.lastIndexOf('/');
  const colon = bare.indexOf(':', slash + 1);
  return colon < 0 ? bare : bare.slice(0, colon);
}

/**
 * The target pod, or undefined while the source pod's status has no digest for a container disk (the migration then waits,
 * without an event, as KubeVirt's does).
 */
export function targetPod(
  migration: Migration,
  vmi: VirtualMachineInstance,
  source: LauncherPod,
  sourceNode: Node | undefined,
): NewPod | undefined {
  const images = new Map<string, string>();
  for (const volume of vmi.spec.volumes ?? []) {
    if (!volume.containerDisk) continue;
    const pinned = pinnedImage(volume.containerDisk.image ?? '', volume.name, source);
    if (pinned === undefined) return undefined;
    images.set(volume.name, pinned);
  }
  const pod = launcherPod(vmi);
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata.labels, [MIGRATION_JOB_LABEL]: migration.metadata.uid },
      annotations: { ...pod.metadata.annotations, [MIGRATION_JOB_NAME]: migration.metadata.name },
    },
    spec: {
      ...pod.spec,
      nodeSelector: {
        ...migration.spec.addedNodeSelector,
        ...likeSource(pod.spec.nodeSelector, vmi, sourceNode),
      },
      affinity: awayFromSource(pod.spec.affinity, vmi),
      volumes: pod.spec.volumes.map((volume) => {
        const reference = images.get(String(volume['name']));
        return reference === undefined
          ? volume
          : { name: volume['name'], image: { reference, pullPolicy: 'IfNotPresent' } };
      }),
      initContainers: pod.spec.initContainers.filter((container) => !images.has(diskOf(String(container['name'])))),
    },
  };
}

function diskOf(containerName: string): string {
  return containerName.startsWith('volume') ? containerName.slice('volume'.length) : '';
}

/** The same processor vendor, the very machine type the guest runs with, and for host-model the source's model and features. */
function likeSource(
  selector: Readonly<Record<string, string>>,
  vmi: VirtualMachineInstance,
  sourceNode: Node | undefined,
): Record<string, string> {
  const labels = Object.keys(sourceNode?.metadata.labels ?? {});
  const result: Record<string, string> = { ...selector };
  const vendor = labels.find((label) => label.startsWith(VENDOR_PREFIX));
  if (vendor) result[vendor] = 'true';
  const machine = vmi.status?.machine?.type;
  if (machine) {
    if (vmi.spec.domain.machine?.type) delete result[machineTypeLabel(vmi.spec.domain.machine.type)];
    result[machineTypeLabel(machine)] = 'true';
  }
  if (vmi.spec.domain.cpu?.model === 'host-model') {
    for (const label of labels) {
      if (label.startsWith(HOST_MODEL_PREFIX)) {
        result[`cpu-model-migration.node.kubevirt.io/${label.slice(HOST_MODEL_PREFIX.length)}`] = 'true';
      }
      if (label.startsWith(HOST_FEATURE_PREFIX)) {
        result[`cpu-feature.node.kubevirt.io/${label.slice(HOST_FEATURE_PREFIX.length)}`] = 'true';
      }
    }
  }
  return result;
}

function awayFromSource(
  affinity: NewPod['spec']['affinity'],
  vmi: VirtualMachineInstance,
): NonNullable<NewPod['spec']['affinity']> {
  const own = affinity?.podAntiAffinity;
  return {
    ...affinity,
    podAntiAffinity: {
      ...own,
      requiredDuringSchedulingIgnoredDuringExecution: [
        ...(own?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
        {
          labelSelector: { matchLabels: { [CREATED_BY_LABEL]: vmi.metadata.uid } },
          topologyKey: 'kubernetes.io/hostname',
        },
      ],
    },
  };
}
