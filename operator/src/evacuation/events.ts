// The events that evacuation records on a job.

import type { EventText } from '../kube/event-series.ts';
import type { EvacuationReason } from '../model/reasons.ts';

export const evacuationEvent = (reason: EvacuationReason, message: string): EventText => ({
  type: reason === 'Migrating' || reason === 'Migrated' ? 'Normal' : 'Warning',
  reason,
  action: 'Evacuate',
  message,
});
