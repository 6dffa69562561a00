// What recovery counts.

import { Counter, type Registry } from 'prom-client';

export interface RecoveryMetrics {
  machineLost(): void;
  machineBack(): void;
  machineSealed(): void;
  sealRefused(): void;
  attemptLost(secondsLost: number): void;
}

export function createRecoveryMetrics(registry: Registry): RecoveryMetrics {
  const registers = [registry];
  const lost = new Counter({ name: 'idlewild_machines_lost_total', help: 'Machines declared lost', registers });
  const back = new Counter({ name: 'idlewild_machines_back_total', help: 'Lost machines that came back', registers });
  const sealed = new Counter({
    name: 'idlewild_machines_sealed_total',
    help: 'Leases of lost machines sealed',
    registers,
  });
  const refused = new Counter({
    name: 'idlewild_seals_refused_total',
    help: 'Seals that came too late, as the machine had been heard or its lease was gone',
    registers,
  });
  const seconds = new Counter({
    name: 'idlewild_seconds_lost_total',
    help: 'Seconds of running guests that were lost with their machines',
    registers,
  });
  return {
    machineLost: () => lost.inc(),
    machineBack: () => back.inc(),
    machineSealed: () => sealed.inc(),
    sealRefused: () => refused.inc(),
    attemptLost: (secondsLost) => seconds.inc(secondsLost),
  };
}
