// The operator as a library. assembleOperator makes the whole of it out of what it is given, and touches nothing else: no
// timers, clock or randomness of the machine, so that virtual time can drive it. runOperator adds what a process has besides:
// the system's clock, the metrics server and the leader's lease.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { buildControllers, type Program, type Settings } from './controllers.ts';
import { collector, Heap } from './heap.ts';
import { KubeClient, type RequestInfo } from './kube/client.ts';
import { systemClock, type Clock } from './kube/clock.ts';
import { EventRecorder } from './kube/events.ts';
import type { InformerMetrics } from './kube/informer.ts';
import { runWithLease } from './kube/leader.ts';
import { createKubeMetrics, type KubeMetrics } from './kube/metrics.ts';
import type { Transport } from './kube/transport.ts';
import type { HistoryStore } from './ledger/history.ts';
import { openHistory } from './ledger/open-history.ts';
import { Ledger } from './ledger/ledger.ts';
import { MemoryHistory } from './ledger/memory-history.ts';
import type { ConsoleSettings } from './lifecycle/console.ts';
import { fieldManager } from './model/names.ts';
import type { Options } from './options.ts';
import { troubleOfPatience } from './recovery/fence.ts';
import type { Leases, Voice } from './recovery/leases.ts';
import { LeaseObservations } from './recovery/observations.ts';
import { Authentication } from './server/authentication.ts';
import { Authorization } from './server/authorization.ts';
import { historyRoutes } from './server/history.ts';
import { startServer } from './server/server.ts';
import { tellVersion } from './version.ts';
import { agentLeases, World, type Listening } from './world/world.ts';

export interface AssemblyOptions {
  readonly options: Options;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Random, lower-case hexadecimal, at least 16 characters. */
  readonly newId: () => string;
  /** From 0 up to but not including 1; spreads retries and the ends of watches. */
  readonly random: () => number;
  readonly log: Logger;
  readonly registry: Registry;
  /** Which operator it is, on events. */
  readonly instance: string;
  /** What is known of the machines' leases; observations of the Lease objects unless given. */
  readonly leases?: Leases | undefined;
  /** How often lists and watches are renewed, where that is to differ from what suits a real cluster. */
  readonly listening?: Listening | undefined;
  /** How many consoles are followed, and how closely, where that is to differ from what suits a real cluster. */
  readonly consoles?: Partial<ConsoleSettings> | undefined;
  /** Told of every request, beside the metrics. */
  readonly onRequest?: ((info: RequestInfo) => void) | undefined;
  /** Where the ledger is remembered; memory unless given. Closed at the end of the run. */
  readonly history?: HistoryStore | undefined;
}

export interface Operator {
  readonly client: KubeClient;
  readonly world: World;
  readonly program: Program;
  readonly recorder: EventRecorder;
  readonly ledger: Ledger;
  readonly metrics: KubeMetrics;
  /** What has not been read yet, in words; empty when the operator is ready to work. */
  notReady(): string[];
  /** Reads the world, then does the work (the whole program unless told); ends in good order when `signal` is aborted. */
  run(signal: AbortSignal, work?: (signal: AbortSignal) => Promise<void>): Promise<void>;
}

export function assembleOperator(o: AssemblyOptions): Operator {
  const { clock, log, registry, newId, random } = o;
  const metrics = createKubeMetrics(registry, undefined, clock);
  tellVersion(registry);
  const onRequest = (info: RequestInfo): void => {
    metrics.onRequest(info);
    o.onRequest?.(info);
  };
  const client = new KubeClient(o.transport, { fieldManager, onRequest, clock, random });
  const leases: Leases = o.leases ?? new LeaseObservations(clock);
  const settings = settingsOf(o.options);
  for (const trouble of troubleOfPatience(settings.recovery))
    log.warn(`two copies of a job could run at a time: ${trouble}`);
  const world = new World({
    client,
    log,
    clock,
    random,
    metrics: listening(metrics.informer, leases),
    gpuResource: o.options['gpu-resource'],
    patience: settings.recovery,
    listening: o.listening,
  });
  const recorder = new EventRecorder({
    client,
    controller: 'idlewild.dev/operator',
    instance: o.instance,
    clock,
    log,
    newId,
  });
  const ledger = new Ledger({ history: o.history ?? new MemoryHistory(), recorder, clock, log, registry });
  const program = buildControllers({ client, clock, log, registry, world, newId, ledger }, settings, {
    leases,
    metrics: metrics.controller,
    random,
    consoles: o.consoles,
  });
  const run: Operator['run'] = async (signal, work = program.run) => {
    const reading = new AbortController();
    const informers = world.run(AbortSignal.any([signal, reading.signal]));
    try {
      try {
        await world.untilSynced();
      } catch (error) {
        if (!signal.aborted) throw error;
        return;
      }
      await work(signal);
      await recorder.flush(1_000);
    } finally {
      reading.abort();
      await informers;
      ledger.close();
    }
  };
  const notReady = (): string[] =>
    Object.entries(world.informers).flatMap(([name, { hasSynced }]) => (hasSynced ? [] : [`${name} not read yet`]));
  return { client, world, program, recorder, ledger, metrics, notReady, run };
}

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
  const random = Math.random;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const newId = (): string => randomBytes(16).toString('hex');
  const history = openHistory({
    file: options.history,
    days: options['history-days'],
    mib: options['history-mib'],
    now: clock.now,
    log,
  });
  const heap = new Heap({ clock, collect: collector() });
  const operator = assembleOperator({
    ...{ options, transport, clock, newId, random, log, registry, history },
    instance: hostname(),
    onRequest: (info) => heap.saw(info),
  });
  const { client, program, metrics } = operator;
  let leads = !options['leader-elect'];
  const server = await startServer({
    host: options['metrics-host'],
    port: options['metrics-port'],
    registry,
    log,
    notReady: operator.notReady,
    routes: [
      historyRoutes({
        history,
        authentication: new Authentication(client, clock),
        authorization: new Authorization(client, clock),
        clock,
        leads: () => leads,
      }),
    ],
  });
  const running = new AbortController();
  const small = heap.keepSmall(running.signal);
  try {
    let end: 'lost' | 'stopped' = 'stopped';
    await operator.run(signal, async () => {
      onReady?.({ metricsPort: server.port });
      if (!options['leader-elect']) return program.run(signal);
      end = await runWithLease({
        client,
        namespace: options.namespace,
        name: 'idlewild-operator',
        identity: `${hostname()}_${newId().slice(0, 8)}`,
        clock,
        random,
        log,
        signal,
        onLead: (term) => program.run(term),
        onChange: (now) => {
          leads = now;
          metrics.onLeaderChange(now);
        },
      });
    });
    return end;
  } finally {
    running.abort();
    await small;
    await server.close();
  }
}

function settingsOf(options: Options): Settings {
  const retry = { retryBaseMs: options['retry-base'], retryMaxMs: options['retry-max'] };
  const ladder = {
    freezeForMs: options['freeze-for'],
    migrateWithinMs: options['migrate-within'],
    parkWithinMs: options['park-within'],
  };
  return {
    matching: {
      runnersUp: options['runners-up'],
      holdDownMs: options['hold-down'],
      ...retry,
      reservations: options.reservations,
      claimsPerPass: 256,
      highest: options['max-priority'],
      halfLifeMs: options['usage-half-life'],
      // A claim counts a minute ahead, so that it counts at all while it is new.
      aheadMs: 60_000,
      restartsPerRoom: options['restarts-per-room'],
      batchMs: 5_000,
      windowMs: 120_000,
      reviewMs: 1_800_000,
    },
    preemption: { mode: options.preemption, noticeMs: options['preemption-notice'] },
    lifecycle: {
      lingerMs: 60_000,
      slowStartMs: 10_000,
      standstillMs: 600_000,
      portalUrl: options['portal-url'],
    },
    recovery: {
      lostAfterMs: options['lost-after'],
      leaseDurationMs: options['lease-duration'],
      leaseMarginMs: options['lease-margin'],
    },
    ladder,
    lanRanges: options['lan-ranges'],
    evacuation: {
      ladder,
      targetReadyMs: options['migration-target-timeout'],
      ...retry,
      limits: {
        perMachine: options['migrations-per-machine'],
        perRoom: options['migrations-per-room'],
        inAll: options.migrations,
      },
    },
  };
}

const voices: ReadonlyMap<string, Voice> = new Map([
  ['leases', 'kubelet'],
  [agentLeases, 'agent'],
]);

/** Silence of leases means something only while the API server is heard. */
function listening(metrics: InformerMetrics, leases: Leases): InformerMetrics {
  return {
    ...metrics,
    listed: (type, outcome, objects) => {
      const voice = voices.get(type);
      if (voice !== undefined) {
        if (outcome === 'failed') leases.lostSight(voice);
        else leases.regainedSight(voice);
      }
      metrics.listed(type, outcome, objects);
    },
    watchEnded: (type, outcome) => {
      const voice = voices.get(type);
      if (voice !== undefined && outcome !== 'ended') leases.lostSight(voice);
      metrics.watchEnded(type, outcome);
    },
    event: (type, event) => {
      const voice = voices.get(type);
      if (voice !== undefined) leases.regainedSight(voice);
      metrics.event(type, event);
    },
  };
}
