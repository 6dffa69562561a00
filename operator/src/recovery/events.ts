// The events that recovery records.

import type { EventText } from '../kube/event-series.ts';

export const machineLostEvent = (attempt: number, message: string): EventText => ({
  type: 'Warning',
  reason: 'MachineLost',
  action: 'Recover',
  message: `attempt ${attempt}: ${message}`,
});
