// Who may write what KubeVirt owns: spec, status and reserved labels of an instance.
// Pure. Facts: KubeVirt pkg/virt-api/webhooks/utils.go (IsKubeVirtServiceAccount); a lab machine stands for its virt-handler.
import type { VirtualMachineInstance } from '../../model/instance.ts';
import type { AdmissionUser } from './verdict.ts';

const CONTROL_PLANE: ReadonlySet<string> = new Set([
  'lab-controlplane',
  'system:serviceaccount:kubevirt:kubevirt-controller',
  'system:serviceaccount:kubevirt:kubevirt-apiserver',
]);
const MACHINE_PREFIX = 'system:node:';

/** True for the accounts of virt-controller and virt-api. */
export function isControlPlane(user: AdmissionUser): boolean {
  return CONTROL_PLANE.has(user.username);
}

/** The node that the account speaks for, when it is a machine's. */
export function machineOf(user: AdmissionUser): string | undefined {
  return user.username.startsWith(MACHINE_PREFIX) ? user.username.slice(MACHINE_PREFIX.length) : undefined;
}

/** True when a machine has a part in an instance: it runs there, is being placed there, or moves from or to there. */
export function concerns(machine: string, vmi: VirtualMachineInstance): boolean {
  const { nodeName, migrationState, activePods } = vmi.status ?? {};
  return (
    nodeName === machine ||
    migrationState?.sourceNode === machine ||
    migrationState?.targetNode === machine ||
    Object.values(activePods ?? {}).includes(machine)
  );
}
