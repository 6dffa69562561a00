// The words that Idlewild writes on Kubernetes objects: labels, taints, annotations, names.
// Promises: every name of an attempt's objects derives from the job's name and the attempt's number, so that a restarted
// operator finds what it made. Must not hold behaviour beyond that.

export const fieldManager = 'idlewild-operator';

export const labels = {
  job: 'idlewild.dev/job',
  attempt: 'idlewild.dev/attempt',
  managedBy: 'app.kubernetes.io/managed-by',
  approved: 'node-restriction.kubernetes.io/idlewild-approved',
  pool: 'idlewild.dev/pool',
  class: 'idlewild.dev/class',
  presence: 'idlewild.dev/presence',
  lendCores: 'idlewild.dev/lend-cores',
  lendMemory: 'idlewild.dev/lend-memory-mib',
  lendDisk: 'idlewild.dev/lend-disk-mib',
  lendGraphicsMemory: 'idlewild.dev/lend-graphics-memory-mib',
  lendGpus: 'idlewild.dev/lend-gpus',
  /** Whether the machine would destroy its guests by itself if it were cut off: armed or off. */
  fence: 'idlewild.dev/fence',
  room: 'topology.kubernetes.io/zone',
  hostname: 'kubernetes.io/hostname',
  architecture: 'kubernetes.io/arch',
  schedulable: 'kubevirt.io/schedulable',
  /** On a Namespace, by an admin: its share beside the others', a whole number from 1 (the default) to 1000. */
  weight: 'idlewild.dev/weight',
  /** On a Namespace, by an admin: the highest priority that its jobs are served with. */
  maxPriority: 'idlewild.dev/max-priority',
  /** On a guest and its launcher pod: the job's spec.network. */
  network: 'idlewild.dev/network',
  /** On a Namespace, by an admin: "true" lets its jobs ask for spec.network Open. */
  allowOpenNetwork: 'idlewild.dev/allow-open-network',
  /** On a Namespace, by an admin: "true" lets its isolated guests reach each other. */
  guestsMayTalk: 'idlewild.dev/guests-may-talk',
} as const;

export const annotations = {
  /** JSON with `since`: from when on the machine lends what its labels say; `reason`, `pressure`, `leavesBy`: see machine.ts. */
  offer: 'idlewild.dev/offer',
  nonce: 'idlewild.dev/nonce',
  /** On a guest: whole MiB of its machine's graphics memory that it takes; KubeVirt has no field for that. */
  graphicsMemory: 'idlewild.dev/graphics-memory-mib',
  /** On a Node, by the operator: JSON of a machine that is held down for a while, see holds/. */
  hold: 'idlewild.dev/hold',
  /** On an agent's Lease: JSON of how soon that machine destroys its guests. */
  fence: 'idlewild.dev/fence',
  /** On an agent's Lease: JSON of the last time for which it could not be renewed. */
  silence: 'idlewild.dev/silence',
  /** On a guest, "false": a second copy of it is tolerated. */
  exclusive: 'idlewild.dev/exclusive',
  /** On a migration, by the operator: the LeaveReason it was made for. */
  leaveReason: 'idlewild.dev/leave-reason',
  unschedulableTimeout: 'kubevirt.io/migrationUnschedulablePodTimeoutSeconds',
} as const;

export const taints = {
  lost: 'idlewild.dev/lost',
  ownerPresent: 'idlewild.dev/owner-present',
  pendingApproval: 'idlewild.dev/pending-approval',
  /** By an admin, to keep ordinary pods off machines that come and go; guests tolerate it. */
  volatile: 'idlewild.dev/volatile',
} as const;

/** Where the agents keep the Leases of their machines, one by the name of each Node. */
export const machineLeaseNamespace = 'idlewild-machines';

export const managedBy = 'idlewild';

/** Selects everything that attempts are made of. */
export const managedSelector = `${labels.managedBy}=${managedBy}`;
/** And everything else, also what has no such label. */
export const unmanagedSelector = `${labels.managedBy}!=${managedBy}`;

/** The container of a launcher pod whose log is the guest's serial console (KubeVirt: an init container that goes on). */
export const consoleContainer = 'guest-console-log';

export function vmName(job: string, attempt: number): string {
  return `${job}-${attempt}`;
}

export function secretName(job: string, attempt: number): string {
  return secretNameOfVm(vmName(job, attempt));
}

export function secretNameOfVm(vm: string): string {
  return `${vm}-cloudinit`;
}

export function attemptLabels(job: string, attempt: number): Record<string, string> {
  return { [labels.job]: job, [labels.attempt]: String(attempt), [labels.managedBy]: managedBy };
}
