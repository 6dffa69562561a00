// What recovery counts.

import { Counter, type Registry } from 'prom-client';

export interface RecoveryMetrics {
  machineLost(): void;
  machineBack(): void;
  attemptLost(secondsLost: number): void;
}

export function createRecoveryMetrics(registry: Registry): RecoveryMetrics {
  const registers = [registry];
  const lost = new Counter({ name: 'idlewild_machines_lost_total', help: 'Machines declared lost', registers });
  const back = new Counter({ name: 'idlewild_machines_back_total', help: 'Lost machines that came back', registers });
  const seconds = new Counter({
    name: 'idlewild_seconds_lost_total',
    help: 'Seconds of running guests that were lost with their machines',
    registers,
  });
  return {
    machineLost: () => lost.inc(),
    machineBack: () => back.inc(),
    attemptLost: (secondsLost) => seconds.inc(secondsLost),
  };
}
