// Why a line stands in the ledger: a closed union, and beside each reason how it is told and when two lines are the same one.
// Promises: one table serves the Kubernetes Event, the metric label, the history row and the page of docs.
// Must not hold behaviour.

import type {
  AttemptEnd,
  EvacuationReason,
  LadderReason,
  LeaveReason,
  ProgressReason,
  WaitReason,
} from '../model/reasons.ts';

/** The steps of every job's life that the other lists do not name. */
type LifeReason = 'Published' | 'Waiting' | 'Claimed' | 'Started' | 'Finished' | 'Deleted';

export type LedgerReason = LifeReason | ProgressReason | EvacuationReason | LadderReason | AttemptEnd;

/** What the reason of the line was in its turn: why a job waits, how a machine won, why a guest had to leave. */
export type LedgerCause = WaitReason | LeaveReason | 'FirstReady' | 'RunnerUp';

export interface ReasonFacts {
  /** Of the Event. A job that waits is a Warning when waiting alone will not help, see `hopelessWaits`. */
  readonly type: 'Normal' | 'Warning';
  /** Of the Event: what was done or tried. */
  readonly action: string;
  /** False: only the history has it, because another Event of the same moment says it already or nobody could see it. */
  readonly event: boolean;
  /** Recording it again is the same line: once per job, once per attempt, or once per moment (or migration). */
  readonly once: 'job' | 'attempt' | 'moment';
  /** For docs: when such a line is written. */
  readonly words: string;
}

const normal = (action: string, once: ReasonFacts['once'], words: string): ReasonFacts => ({
  type: 'Normal',
  action,
  event: true,
  once,
  words,
});
const warning = (action: string, once: ReasonFacts['once'], words: string): ReasonFacts => ({
  ...normal(action, once, words),
  type: 'Warning',
});
const silent = (facts: ReasonFacts): ReasonFacts => ({ ...facts, event: false });

export const ledgerReasons: Readonly<Record<LedgerReason, ReasonFacts>> = {
  Published: silent(normal('Publish', 'job', 'The requirement was made visible to the machines.')),
  Waiting: normal('Match', 'moment', 'No machine could take the job; the cause says why.'),
  Claimed: normal('Claim', 'attempt', 'A machine won the job; the machines are the winner and the runners-up.'),
  VirtualMachineCreated: normal('Create', 'attempt', 'The virtual machine of the attempt was created.'),
  Started: normal('Start', 'attempt', 'The script began, or the guest of a session was up.'),
  Finished: silent(normal('Finish', 'job', 'The job is over; nothing further will be tried.')),
  Deleted: silent(normal('Delete', 'job', 'The job was deleted.')),

  GuestRunning: normal('Start', 'moment', 'What had held the guest up is over.'),
  ImagePullFailed: warning('Start', 'moment', 'The image of the guest could not be pulled.'),
  NoRoomOnMachine: warning('Start', 'moment', 'The scheduler did not place the guest on the machine that had won it.'),
  QuotaExceeded: warning('Start', 'moment', 'A quota of the namespace forbids the pod of the guest.'),
  Refused: warning('Start', 'moment', 'The cluster refused what an attempt needs, or keeps what is left of one.'),
  KubeVirtNotReady: warning('Start', 'moment', 'KubeVirt does not answer, or does not begin to start the guest.'),
  GuestPaused: warning('Watch', 'moment', 'KubeVirt paused the guest, for instance because its disk was full.'),
  GuestRebooted: warning('Watch', 'moment', 'The guest rebooted itself; what it had in memory is gone.'),
  SecretMissing: warning('Start', 'moment', 'A Secret that a file of the job comes from is missing.'),
  NetworkNotReady: warning('Start', 'moment', 'What isolates the guests of the namespace could not be put in place.'),
  NetworkNotAllowed: warning('Start', 'moment', 'The job asks for a network that its namespace is not allowed.'),
  NameTaken: warning('Start', 'moment', 'An object of the name that the attempt needs belongs to somebody else.'),
  WaitingForEarlier: warning('Start', 'moment', 'The guest of the attempt before is still being taken down.'),

  Migrating: normal('Evacuate', 'moment', 'The guest is being moved while it runs.'),
  Migrated: normal('Evacuate', 'moment', 'The guest runs on another machine now; nothing was lost.'),
  MigrationFailed: warning('Evacuate', 'moment', 'A migration failed or was given up; the guest runs on where it was.'),
  NoMachineForGuest: warning('Evacuate', 'moment', 'The guest should leave its machine, and no other can take it.'),
  RecreatedElsewhere: warning('Evacuate', 'attempt', 'The guest cannot move while it runs; it is made anew elsewhere.'),
  NotMigratable: warning('Evacuate', 'moment', 'The guest should leave, cannot move while it runs, and runs on.'),
  WaitingForTurn: normal('Evacuate', 'moment', 'The guest should leave; other migrations of its machine come first.'),
  StillPinned: warning('Evacuate', 'moment', 'The guest should leave and is still bound to its machine.'),
  CalledOff: normal('Evacuate', 'moment', 'The guest need not leave after all.'),
  Frozen: normal('Yield', 'moment', 'The owner of its machine is back, and the guest stands still.'),
  Resumed: normal('Yield', 'moment', 'The guest that stood still for an owner goes on.'),
  Parking: warning('Yield', 'moment', 'The guest was asked to save its work and shut down.'),
  Preempting: warning('Preempt', 'moment', 'Notice that the machine goes to a job of a higher priority.'),

  Completed: normal('Finish', 'attempt', 'The script ended with exit code 0.'),
  ScriptFailed: warning('Finish', 'attempt', 'The script ended with another exit code.'),
  StartFailed: warning('Finish', 'attempt', 'The guest did not start in time, or ended before its script began.'),
  GuestCrashed: warning('Finish', 'attempt', 'The guest or its machine crashed.'),
  GuestEndedWithoutExit: warning(
    'Finish',
    'attempt',
    'The guest was powered off before its script reported an exit code.',
  ),
  WalltimeExceeded: warning('Finish', 'attempt', 'The time that the job had asked for is over.'),
  SessionEnded: normal('Finish', 'attempt', 'A session was over: powered off, or its walltime was used up.'),
  Stopped: normal('Stop', 'job', 'Its user stopped the job, which is not tried again.'),
  MachineLost: warning('Recover', 'attempt', 'The machine was lost with the guest on it.'),
  Drained: silent(warning('Evacuate', 'attempt', 'The attempt was ended because its machine had to be left.')),
  OwnerReturned: silent(
    warning('Evacuate', 'attempt', 'The attempt was ended because the owner of its machine was back.'),
  ),
  Revoked: warning('Yield', 'attempt', 'The attempt was ended because an admin had revoked its machine.'),
  Parked: warning('Yield', 'attempt', 'The guest has shut down for an owner; its job waits for a machine again.'),
  Preempted: warning('Preempt', 'attempt', 'The attempt was ended for a job of a higher priority.'),
  TakenAway: warning('Recover', 'attempt', 'Somebody deleted or stopped the virtual machine from outside.'),
};

/** Waiting for these is a Warning: it does not end by itself. */
export const hopelessWaits: ReadonlySet<LedgerCause> = new Set<WaitReason>([
  'Unsatisfiable',
  'SecretMissing',
  'NetworkNotReady',
  'NetworkNotAllowed',
  'NoMachines',
]);
