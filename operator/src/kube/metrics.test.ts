// The metrics under the names that dashboards of other operators know.
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { FakeClock } from './clock.ts';
import { Controller, TerminalError } from './controller.ts';
import { createKubeMetrics } from './metrics.ts';

describe('createKubeMetrics', () => {
  it('counts what a controller and its queue do', async () => {
    const registry = new Registry();
    const metrics = createKubeMetrics(registry);
    const clock = new FakeClock();
    const controller = new Controller({
      name: 'jobs',
      clock,
      log: pino({ level: 'silent' }),
      metrics: metrics.controller,
      reconcile: (key) => {
        if (key === 'bad') throw new TerminalError('bad');
        return Promise.resolve(key === 'later' ? { requeueAfterMs: 60_000 } : undefined);
      },
    });
    const stop = new AbortController();
    const running = controller.run(stop.signal);
    for (const key of ['good', 'bad', 'later']) controller.enqueue(key);
    await clock.advance(10);
    stop.abort();
    await running;
    const text = await registry.metrics();
    for (const line of [
      'controller_runtime_reconcile_total{controller="jobs",result="success"} 1',
      'controller_runtime_reconcile_total{controller="jobs",result="requeue_after"} 1',
      'controller_runtime_reconcile_total{controller="jobs",result="error"} 1',
      'controller_runtime_terminal_reconcile_errors_total{controller="jobs"} 1',
      'controller_runtime_active_workers{controller="jobs"} 0',
      'controller_runtime_reconcile_time_seconds_count{controller="jobs"} 3',
      'workqueue_adds_total{name="jobs"} 3',
      'workqueue_depth{name="jobs"} 0',
      'workqueue_queue_duration_seconds_count{name="jobs"} 3',
    ]) {
      expect(text).toContain(line);
    }
  });

  it('counts requests, watches and leadership, on the registry that it was given', async () => {
    const registry = new Registry();
    const metrics = createKubeMetrics(registry, 'the-lease');
    metrics.onRequest({ method: 'GET', path: '/api/v1/pods', outcome: 200, durationMs: 30 });
    metrics.onRequest({ method: 'GET', path: '/api/v1/pods', outcome: 'network', durationMs: 1 });
    metrics.informer.listed('pods', 'first', 3);
    metrics.informer.watchEnded('pods', 'gone');
    metrics.informer.event('pods', 'ADDED');
    metrics.informer.repaired('pods', 2);
    metrics.informer.handlerFailed('pods');
    metrics.onLeaderChange(true);
    const text = await registry.metrics();
    for (const line of [
      'rest_client_requests_total{method="GET",code="200"} 1',
      'rest_client_requests_total{method="GET",code="network"} 1',
      'idlewild_informer_lists_total{type="pods",outcome="first"} 1',
      'idlewild_informer_watch_ends_total{type="pods",outcome="gone"} 1',
      'idlewild_informer_events_total{type="pods",event="ADDED"} 1',
      'idlewild_informer_repairs_total{type="pods"} 2',
      'idlewild_informer_handler_failures_total{type="pods"} 1',
      'leader_election_master_status{name="the-lease"} 1',
    ]) {
      expect(text).toContain(line);
    }
    expect(() => createKubeMetrics(new Registry())).not.toThrow();
  });
});
