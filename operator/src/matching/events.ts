// The events that matching records on a job.

import type { EventText } from '../kube/event-series.ts';
import type { WaitReason } from '../model/reasons.ts';

export const claimedEvent = (attempt: number, reason: string, message: string): EventText => ({
  type: 'Normal',
  reason: 'Claimed',
  action: 'Claim',
  message: `attempt ${attempt}: ${message} (${reason})`,
});

export const waitingEvent = (reason: WaitReason, message: string): EventText => ({
  type: reason === 'Unsatisfiable' || reason === 'SecretMissing' || reason === 'NoMachines' ? 'Warning' : 'Normal',
  reason,
  action: 'Match',
  message,
});
