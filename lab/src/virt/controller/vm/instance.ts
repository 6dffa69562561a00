// From a VirtualMachine to the VirtualMachineInstance that runs it, and the question whether a live one still matches its template.
// Pure. Facts: KubeVirt pkg/virt-controller/watch/vm/vm.go (SetupVMIFromVM, live update).
import {
  VM_FINALIZER,
  VM_GENERATION,
  type NewVmi,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VmiSpec,
} from '../../model/instance.ts';
import { sameJson } from '../../model/merge-patch.ts';
import { withVmiDefaults } from '../../defaults/vmi-defaults.ts';

/** The instance to create: same name, template labels and annotations, owned by the machine. Webhooks complete it. */
export function instanceOf(vm: VirtualMachine): NewVmi {
  const { template } = vm.spec;
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: {
      name: vm.metadata.name,
      ...(vm.metadata.namespace === undefined ? {} : { namespace: vm.metadata.namespace }),
      labels: { ...template.metadata?.labels },
      annotations: { ...template.metadata?.annotations, [VM_GENERATION]: String(vm.metadata.generation ?? 1) },
      finalizers: [VM_FINALIZER],
      ownerReferences: [ownerReference(vm)],
    },
    spec: template.spec,
  };
}

/** The controller reference of everything made for a virtual machine. */
export function ownerReference(vm: VirtualMachine) {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    name: vm.metadata.name,
    uid: vm.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** The fields of a template that reach a running instance at once. */
export const LIVE_FIELDS = ['nodeSelector', 'affinity', 'tolerations'] as const;

export const RESTART_REQUIRED = {
  spec: 'a non-live-updatable field was changed in the template spec',
  sockets: "CPU sockets updated in template spec to a value higher than what's available",
} as const;

export type TemplateDrift =
  | { readonly kind: 'none' }
  /** Only live fields differ: `spec` is the instance's spec with the template's values. */
  | { readonly kind: 'live'; readonly spec: VmiSpec; readonly fields: readonly (typeof LIVE_FIELDS)[number][] }
  | { readonly kind: 'restart'; readonly message: string };

/**
 * How a live instance differs from its template. While a restart is required nothing is propagated, but for a change of CPU
 * sockets alone, which needs a restart and holds nothing back (`restartMessage` beside a "live" drift).
 */
export function driftOf(
  vm: VirtualMachine,
  vmi: VirtualMachineInstance,
  rollout: 'LiveUpdate' | 'Stage',
): { readonly drift: TemplateDrift; readonly restartMessage?: string } {
  const wanted = withVmiDefaults(vm.spec.template.spec);
  if (!sameJson(unchangeable(wanted), unchangeable(vmi.spec))) {
    return { drift: { kind: 'restart', message: RESTART_REQUIRED.spec }, restartMessage: RESTART_REQUIRED.spec };
  }
  const fields = LIVE_FIELDS.filter((field) => !sameJson(wanted[field], vmi.spec[field]));
  if (rollout === 'Stage' && fields.length > 0) {
    return { drift: { kind: 'restart', message: RESTART_REQUIRED.spec }, restartMessage: RESTART_REQUIRED.spec };
  }
  const sockets = (wanted.domain.cpu?.sockets ?? 1) !== (vmi.spec.domain.cpu?.sockets ?? 1);
  return { drift: live(wanted, vmi.spec, fields), ...(sockets ? { restartMessage: RESTART_REQUIRED.sockets } : {}) };
}

function live(wanted: VmiSpec, now: VmiSpec, fields: readonly (typeof LIVE_FIELDS)[number][]): TemplateDrift {
  if (fields.length === 0) return { kind: 'none' };
  const spec: Record<string, unknown> = { ...now };
  for (const field of fields) {
    if (wanted[field] === undefined) delete spec[field];
    else spec[field] = wanted[field];
  }
  return { kind: 'live', spec: spec as VmiSpec, fields };
}

// Volumes and disks are compared by KubeVirt's hotplug code, which this lab does not have: a changed image waits for the next start.
function unchangeable(spec: VmiSpec): unknown {
  const { nodeSelector: _n, affinity: _a, tolerations: _t, volumes: _v, domain, ...rest } = spec;
  const { sockets: _s, maxSockets: _m, ...cpu } = domain.cpu ?? {};
  const { disks: _d, ...devices } = domain.devices;
  return { ...rest, domain: { ...domain, cpu, devices } };
}
