// What evacuation counts.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface EvacuationMetrics {
  decided(kind: string): void;
  migrated(seconds: number, downtimeSeconds: number | undefined): void;
  failed(): void;
}

/** @param waiting how many guests have to leave and cannot yet. */
export function createEvacuationMetrics(registry: Registry, waiting: () => number): EvacuationMetrics {
  const registers = [registry];
  const decisions = new Counter({
    name: 'idlewild_evacuation_decisions_total',
    help: 'Decisions about guests whose machine is to be left',
    labelNames: ['decision'],
    registers,
  });
  // A small guest moves in a second; a large one over a busy network in a quarter of an hour.
  const took = new Histogram({
    name: 'idlewild_migration_seconds',
    help: 'Duration of migrations',
    buckets: [0.5, 1, 2, 5, 10, 30, 60, 180, 900],
    registers,
  });
  const stood = new Histogram({
    name: 'idlewild_migration_downtime_seconds',
    help: 'How long guests stood still while they moved, as observed',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30],
    registers,
  });
  const failures = new Counter({ name: 'idlewild_migrations_failed_total', help: 'Migrations that failed', registers });
  new Gauge({
    name: 'idlewild_guests_waiting_to_leave',
    help: 'Guests that have to leave their machine and cannot yet',
    registers,
    collect() {
      this.set(waiting());
    },
  });
  return {
    decided: (decision) => decisions.inc({ decision }),
    migrated: (seconds, downtimeSeconds) => {
      took.observe(seconds);
      if (downtimeSeconds !== undefined) stood.observe(downtimeSeconds);
    },
    failed: () => failures.inc(),
  };
}
