// The controller of jobs' lives over a world that a test fills, with nobody behind its ledger.

import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { Consoles } from '@idlewild/operator/lifecycle/console.ts';
import { Lifecycle } from '@idlewild/operator/lifecycle/reconcile.ts';
import { JobWriter } from '@idlewild/operator/world/job-writer.ts';
import type { World } from '@idlewild/operator/world/world.ts';

const log = pino({ level: 'silent' });

const settings = { lingerMs: 60_000, slowStartMs: 10_000, standstillMs: 600_000 };

export function aLifecycle({ client, clock, world }: { client: KubeClient; clock: Clock; world: World }) {
  const writer = new JobWriter({ client, jobs: world.jobs, onWrite: () => undefined });
  const ledger = { record: () => undefined } as never;
  const deps = { client, clock, log, registry: new Registry(), world, writer, newId: () => 'ab'.repeat(8), ledger };
  const consoles = new Consoles({ client, clock, log, random: () => 0.5, onNews: () => undefined });
  const none = (): undefined => undefined;
  return { lifecycle: new Lifecycle(deps, consoles, settings, none, none), consoles, deps, writer };
}
