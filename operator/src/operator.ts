// The operator as a library: options and a transport in, a running operator out. main.ts and tests start it the same way.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { buildControllers, type Settings } from './controllers.ts';
import { KubeClient } from './kube/client.ts';
import { systemClock } from './kube/clock.ts';
import { EventRecorder } from './kube/events.ts';
import type { InformerMetrics } from './kube/informer.ts';
import { runWithLease } from './kube/leader.ts';
import { createKubeMetrics } from './kube/metrics.ts';
import type { Transport } from './kube/transport.ts';
import { fieldManager } from './model/names.ts';
import type { Options } from './options.ts';
import { LeaseObservations } from './recovery/observations.ts';
import { startServer } from './server/server.ts';
import { World } from './world/world.ts';

export interface OperatorOptions {
  readonly options: Options;
  readonly transport: Transport;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Told once, when the first work may begin. */
  readonly onReady?: ((address: { readonly metricsPort: number }) => void) | undefined;
}

/** Runs until `signal` is aborted; "lost" when the leader's lease was lost, and the process should end. */
export async function runOperator({
  options,
  transport,
  log,
  signal,
  onReady,
}: OperatorOptions): Promise<'lost' | 'stopped'> {
  const clock = systemClock;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = createKubeMetrics(registry);
  const client = new KubeClient(transport, { fieldManager, onRequest: metrics.onRequest });
  const leases = new LeaseObservations(clock);
  const world = new World({ client, log, clock, metrics: listening(metrics.informer, leases) });
  const newId = (): string => randomBytes(16).toString('hex');
  const recorder = new EventRecorder({
    client,
    controller: 'idlewild.dev/operator',
    instance: hostname(),
    clock,
    log,
    newId,
  });
  const settings = settingsOf(options);
  const program = buildControllers({ client, clock, log, registry, world, newId }, settings, {
    recorder,
    leases,
    metrics: metrics.controller,
  });
  const server = await startServer({
    host: options['metrics-host'],
    port: options['metrics-port'],
    registry,
    notReady: () =>
      Object.entries(world.informers).flatMap(([name, { hasSynced }]) => (hasSynced ? [] : [`${name} not read yet`])),
  });
  const reading = new AbortController();
  const informers = world.run(AbortSignal.any([signal, reading.signal]));
  try {
    try {
      await world.untilSynced();
    } catch (error) {
      if (!signal.aborted) throw error;
      return 'stopped';
    }
    onReady?.({ metricsPort: server.port });
    const end = options['leader-elect']
      ? await runWithLease({
          client,
          namespace: options.namespace,
          name: 'idlewild-operator',
          identity: `${hostname()}_${newId().slice(0, 8)}`,
          clock,
          log,
          signal,
          onLead: (term) => program.run(term),
          onChange: metrics.onLeaderChange,
        })
      : await program.run(signal).then(() => 'stopped' as const);
    await recorder.flush(1_000);
    return end;
  } finally {
    reading.abort();
    await Promise.all([informers, server.close()]);
  }
}

function settingsOf(options: Options): Settings {
  const retry = { retryBaseMs: options['retry-base'], retryMaxMs: options['retry-max'] };
  return {
    matching: { runnersUp: options['runners-up'], holdDownMs: options['hold-down'], ...retry },
    lifecycle: { lingerMs: 60_000, logPatienceMs: 60_000 },
    recovery: { lostAfterMs: options['lost-after'] },
    evacuation: { targetReadyMs: options['migration-target-timeout'], ...retry },
  };
}

/** Silence of leases means something only while the API server is heard. */
function listening(metrics: InformerMetrics, leases: LeaseObservations): InformerMetrics {
  return {
    ...metrics,
    listed: (type, outcome, objects) => {
      if (type === 'leases') {
        if (outcome === 'failed') leases.lostSight();
        else leases.regainedSight();
      }
      metrics.listed(type, outcome, objects);
    },
    watchEnded: (type, outcome) => {
      if (type === 'leases' && outcome !== 'ended') leases.lostSight();
      metrics.watchEnded(type, outcome);
    },
    event: (type, event) => {
      if (type === 'leases') leases.regainedSight();
      metrics.event(type, event);
    },
  };
}
