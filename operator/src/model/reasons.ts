// Every reason that a decision can have. One list each, used for conditions, events, metric labels, the ledger and words.
// Must not hold behaviour.

/** Why a machine is no subscriber of a publication. */
export const machineReasons = [
  'NotApproved',
  /** An admin took its approval back. */
  'Revoked',
  'WrongArchitecture',
  'WrongRoom',
  'LabelMismatch',
  'NotDedicated',
  'NotLending',
  'OwnerPresent',
  'InsufficientCores',
  'InsufficientMemory',
  'InsufficientDisk',
  'InsufficientGraphicsMemory',
  'InsufficientGpus',
  'MachineLost',
  'NotReady',
  'Cordoned',
  'Tainted',
  'NotFenced',
  'VirtualizationNotReady',
  'CpuModelMissing',
  'HeldDown',
  'HeldAgainst',
  'ReservedForEarlier',
] as const;
export type MachineReason = (typeof machineReasons)[number];

/** Why a job has no machine, when that is not about single machines. */
export const jobWaitReasons = [
  'Unsatisfiable',
  'NoMachines',
  'SecretMissing',
  'NetworkNotReady',
  'NetworkNotAllowed',
  'RetryBackoff',
  /** Its room was lost as a whole; its jobs come back a few at a time. */
  'RoomRecovering',
] as const;

/** Why a job cannot have the network that it asks for. */
export type NetworkReason =
  /** What isolates its guest could not be put in place. */
  | 'NetworkNotReady'
  /** It asks for more than its namespace is allowed. */
  | 'NetworkNotAllowed';

/** Why a job waits. */
export type WaitReason = MachineReason | (typeof jobWaitReasons)[number];

/** Why an attempt ended. */
export const attemptEnds = [
  'Completed',
  'ScriptFailed',
  'StartFailed',
  'GuestCrashed',
  'GuestEndedWithoutExit',
  'WalltimeExceeded',
  'SessionEnded',
  /** By its user, who wanted no more of the job; also of a job that had no attempt. */
  'Stopped',
  'MachineLost',
  'Drained',
  'OwnerReturned',
  /** An admin took the machine's approval back, and the guest could not leave in time. */
  'Revoked',
  /** Asked to save its work and shut down, as nothing could take it. */
  'Parked',
  'Preempted',
  'TakenAway',
] as const;
export type AttemptEnd = (typeof attemptEnds)[number];

/** Why an attempt that is under way has not come further yet. */
export type ProgressReason =
  | 'VirtualMachineCreated'
  | 'ImagePullFailed'
  | 'NoRoomOnMachine'
  | 'QuotaExceeded'
  | 'Refused'
  /** KubeVirt is away: it does not answer, or does not begin. */
  | 'KubeVirtNotReady'
  | 'GuestPaused'
  | 'GuestRebooted'
  | 'SecretMissing'
  | NetworkReason
  | 'NameTaken'
  | 'WaitingForEarlier'
  | 'GuestRunning';

/** What became of a request to leave a machine. */
export type EvacuationReason =
  | 'Migrating'
  | 'Migrated'
  | 'MigrationFailed'
  | 'NoMachineForGuest'
  | 'RecreatedElsewhere'
  | 'StillPinned'
  /** The guest cannot move while it runs, and is not to be made anew. */
  | 'NotMigratable'
  /** As many guests as may move at a time are on the way. */
  | 'WaitingForTurn'
  | 'CalledOff'
  | 'Preempting';

/** What became of a guest whose machine's owner is back, while it is there. */
export type LadderReason =
  /** It stands still. */
  | 'Frozen'
  /** The owner has gone, or it has moved: it goes on. */
  | 'Resumed'
  /** It was asked to save its work and shut down. */
  | 'Parking';

/** Why a guest has to leave its machine. */
export type LeaveReason = 'Drained' | 'OwnerReturned' | 'Revoked' | 'MachineLost';
