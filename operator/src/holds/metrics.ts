// What holding machines down counts.

import { Counter, Gauge, type Registry } from 'prom-client';

export interface HoldMetrics {
  held(reason: string): void;
}

/** @param machines how many are held now. */
export function createHoldMetrics(registry: Registry, machines: () => number): HoldMetrics {
  const registers = [registry];
  const holds = new Counter({
    name: 'idlewild_machine_holds_total',
    help: 'Holds of machines that made trouble again and again',
    labelNames: ['reason'],
    registers,
  });
  new Gauge({
    name: 'idlewild_machines_held',
    help: 'Machines that get no jobs for a while, as they made trouble',
    registers,
    collect() {
      this.set(machines());
    },
  });
  return { held: (reason) => holds.inc({ reason }) };
}
