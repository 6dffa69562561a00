// What recovery records in the ledger, and the events that it records on Nodes.

import type { EventText } from '../kube/event-series.ts';
import type { LedgerNote } from '../ledger/entry.ts';

export const machineLostNote = (o: {
  readonly at: string;
  readonly attempt: number;
  readonly node: string;
  readonly secondsLost: number;
  readonly message: string;
}): LedgerNote => ({ ...o, reason: 'MachineLost', message: `attempt ${o.attempt}: ${o.message}` });

export type MachineNews = 'MachineLost' | 'MachineSealed' | 'MachineBack';

/** @param silentMs since it was last heard. */
export function machineEvent(news: MachineNews, machine: string, silentMs: number): EventText {
  const seconds = Math.round(silentMs / 1000);
  switch (news) {
    case 'MachineLost': {
      const message = `${machine} was silent for ${seconds} s and counts as lost`;
      return { type: 'Warning', reason: news, action: 'Recover', message };
    }
    case 'MachineSealed': {
      const message = `the lease of ${machine} is sealed after ${seconds} s of silence: what ran there is over and starts elsewhere`;
      return { type: 'Warning', reason: news, action: 'Recover', message };
    }
    case 'MachineBack':
      return { type: 'Normal', reason: news, action: 'Recover', message: `${machine} is back` };
  }
}
