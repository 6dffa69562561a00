// The defaults that KubeVirt's webhooks write into a new VirtualMachine and a new VirtualMachineInstance.
// Pure: random identities are passed in. Facts: KubeVirt pkg/defaults/defaults.go, pkg/virt-api/webhooks/mutating-webhook/mutators.
import type { Domain, VirtualMachine, VmiSpec, Volume } from '../model/instance.ts';
import { quantityToBytes } from '@idlewild/operator/api/quantity.ts';

export const DEFAULT_ARCHITECTURE = 'amd64';
export const PCI_TOPOLOGY_ANNOTATION = 'kubevirt.io/pci-topology-version';
const DEFAULT_MACHINE = 'q35';
const DEFAULT_CPU_MODEL = 'host-model';
const MAX_GUEST_RATIO = 4;
const GIB = 1024 ** 3;

/** Identities a VirtualMachine gets at creation and keeps for life. */
export interface FirmwareIdentity {
  readonly uuid: string;
  readonly serial: string;
}

/** What the webhook for a VirtualMachine fills in: machine type, architecture, firmware identity, PCI topology. */
export function withVmDefaults(vm: VirtualMachine, identity: FirmwareIdentity): VirtualMachine {
  const { template } = vm.spec;
  const domain = template.spec.domain;
  return {
    ...vm,
    spec: {
      ...vm.spec,
      template: {
        ...template,
        metadata: {
          ...template.metadata,
          annotations: { [PCI_TOPOLOGY_ANNOTATION]: 'v3', ...template.metadata?.annotations },
        },
        spec: {
          ...template.spec,
          architecture: template.spec.architecture ?? DEFAULT_ARCHITECTURE,
          domain: {
            ...domain,
            firmware: {
              ...domain.firmware,
              uuid: domain.firmware?.uuid ?? identity.uuid,
              serial: domain.firmware?.serial ?? identity.serial,
            },
            machine: { ...domain.machine, type: domain.machine?.type ?? DEFAULT_MACHINE },
            resources: domain.resources ?? {},
          },
        },
      },
    },
  };
}

/** The spec as the webhook for a VirtualMachineInstance stores it. Applying it twice changes nothing. */
export function withVmiDefaults(spec: VmiSpec): VmiSpec {
  return {
    ...withNetworkDefaults(spec),
    architecture: spec.architecture ?? DEFAULT_ARCHITECTURE,
    evictionStrategy: spec.evictionStrategy ?? 'None',
    ...(spec.volumes ? { volumes: spec.volumes.map(withPullPolicy) } : {}),
    domain: {
      ...withNetworkDefaults(spec).domain,
      cpu: cpuDefaults(spec.domain),
      features: { ...spec.domain.features, acpi: { enabled: true, ...spec.domain.features?.acpi } },
      machine: { ...spec.domain.machine, type: spec.domain.machine?.type ?? DEFAULT_MACHINE },
      resources: spec.domain.resources ?? {},
      ...(spec.domain.memory ? { memory: memoryDefaults(spec.domain.memory) } : {}),
      devices: withDiskDefaults(withNetworkDefaults(spec)),
    },
  };
}

function cpuDefaults(domain: Domain): NonNullable<Domain['cpu']> {
  const { cpu } = domain;
  const model = cpu?.model ?? DEFAULT_CPU_MODEL;
  if (cpu?.cores !== undefined || cpu?.threads !== undefined) {
    if (cpu.sockets === undefined) return { ...cpu, model };
  }
  const sockets = cpu?.sockets ?? 1;
  return { ...cpu, model, sockets, maxSockets: cpu?.maxSockets ?? sockets * MAX_GUEST_RATIO };
}

function memoryDefaults(memory: NonNullable<Domain['memory']>): NonNullable<Domain['memory']> {
  if (!memory.guest || memory.maxGuest || memory.hugepages) return memory;
  const bytes = quantityToBytes(memory.guest);
  if (bytes < GIB) return memory;
  return { ...memory, maxGuest: formatBytes(bytes * MAX_GUEST_RATIO) };
}

/** Bytes as a binary quantity with the largest unit that divides them. */
function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ['Gi', GIB],
    ['Mi', 1024 ** 2],
    ['Ki', 1024],
  ] as const) {
    if (bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

function withPullPolicy(volume: Volume): Volume {
  const disk = volume.containerDisk;
  if (!disk || disk.imagePullPolicy) return volume;
  const image = disk.image ?? '';
  const tag = image.slice(image.lastIndexOf('/') + 1).split(':')[1];
  const floating = !image.includes('@') && (tag === undefined || tag === 'latest');
  return { ...volume, containerDisk: { ...disk, imagePullPolicy: floating ? 'Always' : 'IfNotPresent' } };
}

function withNetworkDefaults(spec: VmiSpec): VmiSpec {
  if (spec.networks || spec.domain.devices.interfaces || spec.domain.devices.autoattachPodInterface === false)
    return spec;
  const devices = { ...spec.domain.devices, interfaces: [{ name: 'default', bridge: {} }] };
  return { ...spec, networks: [{ name: 'default', pod: {} }], domain: { ...spec.domain, devices } };
}

/** A volume without a disk of its name is attached as a disk. */
function withDiskDefaults(spec: VmiSpec): Domain['devices'] {
  const { devices } = spec.domain;
  const named = new Set((devices.disks ?? []).map((disk) => disk.name));
  const missing = (spec.volumes ?? []).filter((volume) => !named.has(volume.name)).map(({ name }) => ({ name }));
  return missing.length > 0 ? { ...devices, disks: [...(devices.disks ?? []), ...missing] } : devices;
}
