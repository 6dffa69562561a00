// The events that the life of a job records on it.

import type { EventText } from '../kube/event-series.ts';
import type { AttemptOutcome } from './decide.ts';

export const createdEvent = (vm: string, node: string): EventText => ({
  type: 'Normal',
  reason: 'VirtualMachineCreated',
  action: 'Create',
  message: `created virtual machine ${vm} for ${node}`,
});

export const startedEvent = (attempt: number, node: string): EventText => ({
  type: 'Normal',
  reason: 'Started',
  action: 'Start',
  message: `attempt ${attempt} has started on ${node}`,
});

export const endedEvent = (attempt: number, { reason, message, outcome }: AttemptOutcome): EventText => ({
  type: outcome === 'Succeeded' ? 'Normal' : 'Warning',
  reason,
  action: outcome === undefined ? 'Repeat' : 'Finish',
  message: `attempt ${attempt}: ${message}`,
});

export const troubleEvent = (reason: string, message: string): EventText => ({
  type: 'Warning',
  reason,
  action: 'Start',
  message,
});
