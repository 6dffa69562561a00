// What the owner of a machine is told: plain data, the same for the page and for the command line.

import type { Presence, PresenceReason } from '../presence/decide.ts';

export interface MachineState {
  readonly machine: string;
  readonly presence: Presence;
  /** Since when it is the owner's, or may be lent, RFC 3339. */
  readonly since: string;
  /** Somebody is at it this moment, and guests are held back. */
  readonly active: boolean;
  /** The owner said "stop now". */
  readonly stopped: boolean;
}

/** A virtual machine of somebody else that is here. */
export interface Guest {
  readonly namespace: string;
  /** The job that it works for, or its own name. */
  readonly job: string;
  readonly state: 'starting' | 'running' | 'leaving';
  /** RFC 3339. */
  readonly since: string;
}

/** The machine went from one hand to the other. */
export interface Turn {
  /** RFC 3339. */
  readonly at: string;
  readonly present: boolean;
  readonly reason: PresenceReason;
}

export interface OwnersView extends MachineState {
  /** Absent while the cluster cannot be asked. */
  readonly guests?: readonly Guest[] | undefined;
  /** The newest first. */
  readonly history: readonly Turn[];
  /** What cannot be done on this machine, in words. */
  readonly notes: readonly string[];
}
