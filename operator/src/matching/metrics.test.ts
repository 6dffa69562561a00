// What is told of the queue to whoever reads the metrics.
import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { createMatchingMetrics, type QueueReading } from './metrics.ts';

function reading(o: Partial<QueueReading> = {}) {
  const registry = new Registry();
  const metrics = createMatchingMetrics(registry, { waiting: () => new Map(), usage: () => [], ...o });
  const lines = async (name: string): Promise<string[]> =>
    (await registry.getSingleMetricAsString(name)).split('\n').filter((line) => !line.startsWith('#') && line !== '');
  return { metrics, lines };
}

describe('the metrics of matching', () => {
  it('count claims by how the machine was won and with which priority', async () => {
    const { metrics, lines } = reading();
    metrics.claimed('FirstReady', 'Normal');
    metrics.claimed('FirstReady', 'Normal');
    metrics.claimed('RunnerUp', 'Urgent');
    expect(await lines('idlewild_claims_total')).toEqual([
      'idlewild_claims_total{reason="FirstReady",priority="Normal"} 2',
      'idlewild_claims_total{reason="RunnerUp",priority="Urgent"} 1',
    ]);
  });

  it('show who waits now, and nothing of reasons that are over', async () => {
    let waiting = new Map([['OwnerPresent', 3]]);
    const { lines } = reading({ waiting: () => waiting });
    expect(await lines('idlewild_jobs_waiting')).toEqual(['idlewild_jobs_waiting{reason="OwnerPresent"} 3']);
    waiting = new Map([['Cordoned', 1]]);
    expect(await lines('idlewild_jobs_waiting')).toEqual(['idlewild_jobs_waiting{reason="Cordoned"} 1']);
  });

  it('tell the usage of the fifty namespaces that used the most, however many there are', async () => {
    const usage = Array.from({ length: 300 }, (_, n) => [`user-${n}`, n] as const);
    const { lines } = reading({ usage: () => usage });
    const told = await lines('idlewild_namespace_usage_pool_hours');
    expect(told).toHaveLength(50);
    expect(told[0]).toBe('idlewild_namespace_usage_pool_hours{namespace="user-299"} 299');
    expect(told[49]).toBe('idlewild_namespace_usage_pool_hours{namespace="user-250"} 250');
  });

  it('give waiting times and lengths of passes in seconds', async () => {
    const { metrics, lines } = reading();
    metrics.waited('Low', 4_000);
    metrics.passed(2);
    metrics.writeFailed('refused');
    expect(await lines('idlewild_claim_wait_seconds')).toContain('idlewild_claim_wait_seconds_sum{priority="Low"} 4');
    expect(await lines('idlewild_matching_pass_seconds')).toContain('idlewild_matching_pass_seconds_sum 0.002');
    expect(await lines('idlewild_matching_write_failures_total')).toEqual([
      'idlewild_matching_write_failures_total{trouble="changed"} 0',
      'idlewild_matching_write_failures_total{trouble="refused"} 1',
      'idlewild_matching_write_failures_total{trouble="server"} 0',
    ]);
  });
});
