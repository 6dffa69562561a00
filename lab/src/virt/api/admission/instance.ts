// Admission of VirtualMachineInstances: defaults and the first status at creation, later nobody but KubeVirt changes spec, status or
// reserved labels. Pure. Facts: KubeVirt pkg/virt-api/webhooks (vmi-mutator, vmi-create-admitter, vmi-update-admitter).
import { wholeSeconds } from '../../../model/meta.ts';
import {
  VMI_FINALIZER,
  type EvictionStrategy,
  type VirtualMachineInstance,
  type VmiStatus,
} from '../../model/instance.ts';
import { sameJson } from '../../model/merge-patch.ts';
import { withVmiDefaults } from '../../defaults/vmi-defaults.ts';
import { concerns, isControlPlane, machineOf } from './accounts.ts';
import { changesReservedLabels, instanceCauses, reservedLabelCauses } from './instance-rules.ts';
import { verdictOf, type AdmissionRequest, type Cause, type Verdict } from './verdict.ts';

const LAUNCHER_USER = 107;

/** @param now ms since the epoch. */
export function mutateInstance(request: AdmissionRequest, evictionStrategy: EvictionStrategy, now: number): Verdict {
  const vmi = request.object as VirtualMachineInstance;
  if (request.operation === 'CREATE') {
    const spec = withVmiDefaults({ ...vmi.spec, evictionStrategy: vmi.spec.evictionStrategy ?? evictionStrategy });
    const finalizers = [...new Set([...(vmi.metadata.finalizers ?? []), VMI_FINALIZER])];
    const object = {
      ...vmi,
      metadata: { ...vmi.metadata, finalizers },
      spec,
      status: firstStatus({ ...vmi, spec }, now),
    };
    return { kind: 'allowed', object };
  }
  if (isControlPlane(request.userInfo) || machineOf(request.userInfo) !== undefined) return { kind: 'allowed' };
  const { status: _theirs, ...rest } = vmi;
  const status = (request.oldObject as VirtualMachineInstance).status;
  return { kind: 'allowed', object: status ? { ...rest, status } : rest };
}

function firstStatus({ spec }: VirtualMachineInstance, now: number): VmiStatus {
  const { cores, sockets, threads } = spec.domain.cpu ?? {};
  const guest = spec.domain.memory?.guest;
  return {
    phase: 'Pending',
    phaseTransitionTimestamps: [{ phase: 'Pending', phaseTransitionTimestamp: wholeSeconds(now) }],
    currentCPUTopology: {
      ...(cores === undefined ? {} : { cores }),
      ...(sockets === undefined ? {} : { sockets }),
      ...(threads === undefined ? {} : { threads }),
    },
    guestOSInfo: {},
    ...(guest === undefined
      ? {}
      : { memory: { guestAtBoot: String(guest), guestCurrent: String(guest), guestRequested: String(guest) } }),
    runtimeUser: LAUNCHER_USER,
  };
}

export function validateNewInstance(request: AdmissionRequest): Verdict {
  const vmi = request.object as VirtualMachineInstance;
  const { spec } = vmi;
  const causes: Cause[] = [];
  if (spec.architecture !== 'amd64') {
    const message = `unsupported architecture: ${spec.architecture ?? ''}`;
    causes.push({ reason: 'FieldValueInvalid', message, field: 'spec.architecture' });
  }
  const { memory, resources } = spec.domain;
  const asked = memory?.guest ?? memory?.hugepages ?? resources?.requests?.['memory'] ?? resources?.limits?.['memory'];
  if (asked === undefined) {
    const message =
      "no memory requested, at least one of 'spec.domain.memory.guest', 'spec.domain.memory.hugepages.pageSize' or " +
      "'spec.domain.resources.requests.memory' must be set";
    causes.push({ reason: 'FieldValueRequired', message });
  }
  if (!isControlPlane(request.userInfo)) causes.push(...reservedLabelCauses(vmi.metadata.labels, 'metadata.labels'));
  return verdictOf([...causes, ...instanceCauses(spec, 'spec')]);
}

export function validateInstanceUpdate(request: AdmissionRequest): Verdict {
  const vmi = request.object as VirtualMachineInstance;
  const old = request.oldObject as VirtualMachineInstance;
  if (isControlPlane(request.userInfo)) return { kind: 'allowed' };
  const machine = machineOf(request.userInfo);
  if (machine !== undefined) {
    const message = 'Node restriction, virt-handler is only allowed to modify VMIs it owns';
    return verdictOf(concerns(machine, old) ? [] : [{ reason: 'FieldValueInvalid', message }]);
  }
  if (!sameJson(old.spec, vmi.spec)) {
    return verdictOf([{ reason: 'FieldValueNotSupported', message: 'update of VMI object is restricted' }]);
  }
  const message = 'modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited';
  const changed = changesReservedLabels(old.metadata.labels, vmi.metadata.labels);
  return verdictOf(changed ? [{ reason: 'FieldValueNotSupported', message }] : []);
}
