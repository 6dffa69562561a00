// The Node object of a lab machine: where it stands (labels), what it has (capacity), what it is (nodeInfo) and how it feels
// (conditions). Pure. What it lends is the agent's to say.
import type { Condition } from '../../model/meta.ts';
import type { MachineConfig } from '../config.ts';

/** CPU models that every guest of the lab can be given: emulation offers all of them on any host. */
export const cpuModels = ['Nehalem', 'Westmere', 'SandyBridge', 'Haswell-noTSX', 'qemu64'] as const;

export const kubeletVersion = 'v1.36.2';

export interface HostFacts {
  readonly cpuVendor: 'AMD' | 'Intel';
  /** Exact machine types of the hypervisor beside q35, as VMI status.machine.type reports them. */
  readonly machineTypes: readonly string[];
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly bootId: string;
  readonly machineId: string;
}

/** The labels that the machine itself writes, and keeps right when they were changed. */
export function labelsOf(config: MachineConfig, facts: HostFacts): Record<string, string> {
  return {
    'kubernetes.io/hostname': config.name,
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/os': 'linux',
    'topology.kubernetes.io/zone': config.room,
    'kubevirt.io/schedulable': 'true',
    [`cpu-vendor.node.kubevirt.io/${facts.cpuVendor}`]: 'true',
    ...Object.fromEntries(cpuModels.map((model) => [`cpu-model.node.kubevirt.io/${model}`, 'true'])),
    ...Object.fromEntries(
      ['q35', ...facts.machineTypes].map((type) => [`machine-type.node.kubevirt.io/${type}`, 'true']),
    ),
  };
}

export function annotationsOf(config: MachineConfig): Record<string, string> {
  return {
    'lab.idlewild.dev/handler-port': String(config.port),
  };
}

export function statusOf(config: MachineConfig, facts: HostFacts, nowIso: string) {
  const amounts = {
    cpu: String(config.cores),
    memory: `${config.memoryMiB * 1024}Ki`,
    'ephemeral-storage': `${config.diskMiB * 2}Mi`,
    pods: '110',
    'devices.kubevirt.io/kvm': config.accel === 'kvm' ? '1k' : '0',
    'devices.kubevirt.io/tun': '1k',
    'devices.kubevirt.io/vhost-net': '1k',
  };
  return {
    capacity: amounts,
    allocatable: amounts,
    addresses: [
      { type: 'InternalIP', address: '127.0.0.1' },
      { type: 'Hostname', address: config.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: config.port } },
    nodeInfo: {
      architecture: 'amd64',
      bootID: facts.bootId,
      containerRuntimeVersion: 'qemu://lab',
      kernelVersion: facts.kernelVersion,
      kubeProxyVersion: '',
      kubeletVersion,
      machineID: facts.machineId,
      operatingSystem: 'linux',
      osImage: facts.osImage,
      systemUUID: facts.machineId,
    },
    conditions: conditionsAt(nowIso),
  };
}

function conditionsAt(nowIso: string): Condition[] {
  const healthy = [
    ['MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    ['DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    ['PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ] as const;
  return [
    ...healthy.map(([type, reason, message]) => ({ type, status: 'False' as const, reason, message })),
    { type: 'Ready', status: 'True' as const, reason: 'KubeletReady', message: 'kubelet is posting ready status' },
  ].map((condition) => ({ ...condition, lastHeartbeatTime: nowIso }));
}

/** Conditions with the transition times of those that did not change. */
export function withTransitionTimes(
  next: readonly Condition[],
  stored: readonly Condition[] | undefined,
  nowIso: string,
): Condition[] {
  return next.map((condition) => {
    const old = stored?.find((entry) => entry.type === condition.type);
    const same = old?.status === condition.status;
    return { ...condition, lastTransitionTime: same ? (old.lastTransitionTime ?? nowIso) : nowIso };
  });
}
