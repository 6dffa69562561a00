// The runtime's metrics in Prometheus' form, under the names that controller-runtime and client-go use.
// Promises: everything is registered on the registry given, nothing globally. Only the operator loads this file.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RequestInfo } from './client.ts';
import { systemClock, type Clock } from './clock.ts';
import type { ControllerMetrics } from './controller.ts';
import type { InformerMetrics } from './informer.ts';
import type { WorkQueueMetrics } from './workqueue.ts';

export interface KubeMetrics {
  readonly controller: ControllerMetrics;
  readonly informer: InformerMetrics;
  readonly onRequest: (info: RequestInfo) => void;
  readonly onLeaderChange: (leading: boolean) => void;
}

const seconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** @param leaseName label of the leader metric. */
export function createKubeMetrics(
  registry: Registry,
  leaseName = 'idlewild-operator',
  clock: Pick<Clock, 'now'> = systemClock,
): KubeMetrics {
  const registers = [registry];
  return {
    controller: { ...controllerMetrics(registers), queue: queueMetrics(registers) },
    informer: informerMetrics(registers, clock),
    onRequest: requestMetrics(registers),
    onLeaderChange: leaderMetric(registers, leaseName),
  };
}

function controllerMetrics(registers: Registry[]): ControllerMetrics {
  const total = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciliations per controller and result',
    labelNames: ['controller', 'result'],
    registers,
  });
  const errors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Reconciliations per controller that failed',
    labelNames: ['controller'],
    registers,
  });
  const terminal = new Counter({
    name: 'controller_runtime_terminal_reconcile_errors_total',
    help: 'Reconciliations per controller that failed and are not tried again',
    labelNames: ['controller'],
    registers,
  });
  const time = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Duration of a reconciliation per controller',
    labelNames: ['controller'],
    buckets: seconds,
    registers,
  });
  const active = new Gauge({
    name: 'controller_runtime_active_workers',
    help: 'Reconciliations under way per controller',
    labelNames: ['controller'],
    registers,
  });
  return {
    started: (controller) => active.inc({ controller }),
    finished: (controller, outcome, durationMs) => {
      active.dec({ controller });
      time.observe({ controller }, durationMs / 1000);
      switch (outcome) {
        case 'success':
        case 'requeue_after':
          total.inc({ controller, result: outcome });
          return;
        case 'terminal_error':
          terminal.inc({ controller });
          errors.inc({ controller });
          total.inc({ controller, result: 'error' });
          return;
        case 'error':
          errors.inc({ controller });
          total.inc({ controller, result: 'error' });
          return;
        case 'aborted':
          return;
      }
    },
  };
}

function queueMetrics(registers: Registry[]): WorkQueueMetrics {
  const labelNames = ['name'] as const;
  const depth = new Gauge({ name: 'workqueue_depth', help: 'Keys ready for a worker', labelNames, registers });
  const adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys added', labelNames, registers });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Keys added after a failure',
    labelNames,
    registers,
  });
  const waited = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long a key waited for a worker',
    labelNames,
    buckets: seconds,
    registers,
  });
  const worked = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long a worker was busy with a key',
    labelNames,
    buckets: seconds,
    registers,
  });
  return {
    added: (name) => adds.inc({ name }),
    retried: (name) => retries.inc({ name }),
    taken: (name, ms) => waited.observe({ name }, ms / 1000),
    finished: (name, ms) => worked.observe({ name }, ms / 1000),
    depth: (name, value) => depth.set({ name }, value),
  };
}

function informerMetrics(registers: Registry[], clock: Pick<Clock, 'now'>): InformerMetrics {
  const lists = new Counter({
    name: 'idlewild_informer_lists_total',
    help: 'Lists by an informer: first, relist or failed',
    labelNames: ['type', 'outcome'],
    registers,
  });
  const watches = new Counter({
    name: 'idlewild_informer_watch_ends_total',
    help: 'Ends of watches by kind; "ended" is the good one',
    labelNames: ['type', 'outcome'],
    registers,
  });
  const received = new Counter({
    name: 'idlewild_informer_events_total',
    help: 'Watch events by type',
    labelNames: ['type', 'event'],
    registers,
  });
  const repairs = new Counter({
    name: 'idlewild_informer_repairs_total',
    help: 'Changes that only a periodic relist found',
    labelNames: ['type'],
    registers,
  });
  const failures = new Counter({
    name: 'idlewild_informer_handler_failures_total',
    help: 'Change handlers that threw',
    labelNames: ['type'],
    registers,
  });
  const last = new Gauge({
    name: 'idlewild_informer_last_event_timestamp_seconds',
    help: 'When an informer last heard from the API server',
    labelNames: ['type'],
    registers,
  });
  return {
    listed: (type, outcome) => {
      lists.inc({ type, outcome });
      if (outcome !== 'failed') last.set({ type }, clock.now() / 1000);
    },
    repaired: (type, changes) => repairs.inc({ type }, changes),
    watchEnded: (type, outcome) => watches.inc({ type, outcome }),
    event: (type, event) => {
      received.inc({ type, event });
      last.set({ type }, clock.now() / 1000);
    },
    handlerFailed: (type) => failures.inc({ type }),
  };
}

function requestMetrics(registers: Registry[]): (info: RequestInfo) => void {
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to the API server by method and status (or kind of failure)',
    labelNames: ['method', 'code'],
    registers,
  });
  const time = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Duration of requests to the API server by method',
    labelNames: ['verb'],
    buckets: seconds,
    registers,
  });
  return ({ method, outcome, durationMs }) => {
    requests.inc({ method, code: String(outcome) });
    time.observe({ verb: method }, durationMs / 1000);
  };
}

function leaderMetric(registers: Registry[], name: string): (leading: boolean) => void {
  const master = new Gauge({
    name: 'leader_election_master_status',
    help: '1 while this process leads',
    labelNames: ['name'],
    registers,
  });
  master.set({ name }, 0);
  return (leading) => master.set({ name }, leading ? 1 : 0);
}
