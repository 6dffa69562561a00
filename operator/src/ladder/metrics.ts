// What the yield ladder counts.

import { Counter, type Registry } from 'prom-client';

export interface LadderMetrics {
  took(reason: string): void;
}

export function createLadderMetrics(registry: Registry): LadderMetrics {
  const rungs = new Counter({
    name: 'idlewild_ladder_total',
    help: 'Guests that were frozen for an owner, went on, were asked to shut down, and were ended',
    labelNames: ['reason'],
    registers: [registry],
  });
  return { took: (reason) => rungs.inc({ reason }) };
}
