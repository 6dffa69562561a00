// What preemption counts.

import { Counter, type Registry } from 'prom-client';

export interface PreemptionMetrics {
  happened(what: 'notice' | 'callOff' | 'end'): void;
}

export function createPreemptionMetrics(registry: Registry): PreemptionMetrics {
  const preemptions = new Counter({
    name: 'idlewild_preemptions_total',
    help: 'Jobs that were given notice to make room, for which that was called off, and that were ended for it',
    labelNames: ['what'],
    registers: [registry],
  });
  return { happened: (what) => preemptions.inc({ what }) };
}
