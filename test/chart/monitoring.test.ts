// What the chart gives Prometheus and Grafana: each part behind its value, and nothing in it that the operator does not measure.

import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { render, type Rendered } from './chart.ts';
import { registryOfTheOperator } from './measured.ts';
import { promtool } from './promtool.ts';

jest.setTimeout(60_000);

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}
interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

const on = (part: string): string[] => ['--set', `monitoring.${part}.enabled=true`];
const url = 'https://lab.example.org/operations.html';
/** Labels that Prometheus adds, and the one of a histogram's buckets. */
const everywhere = ['job', 'pod', 'le'];
const shown = ({ kind, metadata }: Rendered): string => `${kind}/${metadata.name}`;

let objects: readonly Rendered[];
let alerts: readonly Alert[];
let panels: readonly Panel[];
/** Labels by the name of each series that the operator has. */
let series: ReadonlyMap<string, readonly string[]>;

function find(kind: string, name: string): Rendered {
  const found = objects.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`the chart has no ${kind} ${name}`);
  return found;
}

/** Of the operator's own registry. */
function seriesOfTheOperator(): ReadonlyMap<string, readonly string[]> {
  const registry = registryOfTheOperator();
  return new Map(
    registry.getMetricsAsArray().flatMap((metric): [string, readonly string[]][] => {
      const { labelNames } = metric as unknown as { readonly labelNames: readonly string[] };
      const ends = String(metric.type) === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      return ends.map((end) => [metric.name + end, labelNames]);
    }),
  );
}

const grouped = (expr: string): string[] =>
  [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/, */));
const selected = (expr: string): string[] =>
  [...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, inner = '']) =>
    [...inner.matchAll(/(\w+)[=!]/g)].map(([, name]) => name ?? ''),
  );
/** Names that are neither functions nor operators nor labels. */
function metricsIn(expr: string): string[] {
  const bare = expr.replace(/\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)/g, ' ');
  return [...bare.matchAll(/\b[a-z]\w*\b(?! *\()/g)].map(([name]) => name).filter((name) => name !== 'unless');
}

function expectMeasured(expr: string): void {
  const names = metricsIn(expr).filter((name) => name !== 'up');
  expect(names.filter((name) => !series.has(name))).toEqual([]);
  const labels = new Set([...everywhere, ...names.flatMap((name) => series.get(name) ?? [])]);
  expect([...grouped(expr), ...selected(expr)].filter((label) => !labels.has(label))).toEqual([]);
  expect(expr.match(/\{job="idlewild"[,}]/g)).toHaveLength(metricsIn(expr).length);
}

beforeAll(async () => {
  objects = await render(
    ...[...on('serviceMonitor'), ...on('prometheusRule'), ...on('dashboard')],
    ...['--set', `monitoring.prometheusRule.runbookUrl=${url}`],
    ...['--set', 'monitoring.serviceMonitor.labels.release=prometheus'],
  );
  const { groups } = find('PrometheusRule', 'idlewild').spec as { groups: { rules: Alert[] }[] };
  alerts = groups.flatMap(({ rules }) => rules);
  const { data } = find('ConfigMap', 'idlewild-dashboard') as unknown as { data: Record<string, string> };
  ({ panels } = JSON.parse(data['idlewild.json'] ?? '') as { panels: readonly Panel[] });
  series = seriesOfTheOperator();
}, 60_000);

describe('monitoring', () => {
  it.each([
    ['serviceMonitor', 'ServiceMonitor/idlewild'],
    ['prometheusRule', 'PrometheusRule/idlewild'],
    ['dashboard', 'ConfigMap/idlewild-dashboard'],
  ])('has of %s what is asked for, and nothing else', async (part, name) => {
    const without = (await render()).map(shown);
    expect((await render(...on(part))).map(shown).filter((each) => !without.includes(each))).toEqual([name]);
  });

  it('reads the port of the Service that it selects', () => {
    const { metadata, spec } = find('ServiceMonitor', 'idlewild') as unknown as {
      metadata: { labels: Record<string, string> };
      spec: {
        jobLabel: string;
        selector: { matchLabels: Record<string, string> };
        endpoints: { port: string; path: string }[];
      };
    };
    const services = objects.filter(
      ({ kind, metadata: { labels } }) =>
        kind === 'Service' &&
        Object.entries(spec.selector.matchLabels).every(([name, value]) => labels?.[name] === value),
    );
    expect(services.map(shown)).toEqual(['Service/operator']);
    const { ports } = services[0]?.spec as { ports: { name: string }[] };
    expect(ports.map(({ name }) => name)).toEqual(spec.endpoints.map(({ port }) => port));
    expect(services[0]?.metadata.labels?.[spec.jobLabel]).toBe('idlewild');
    expect(metadata.labels['release']).toBe('prometheus');
  });
});

describe('the alerts', () => {
  it('ask for what the operator measures, by labels that it gives', () => {
    expect(alerts.length).toBeGreaterThan(10);
    for (const { expr } of alerts) expectMeasured(expr);
  });

  it('name only labels that their expression keeps', () => {
    for (const { expr, annotations } of alerts) {
      const named = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      expect(named.filter((label) => !grouped(expr).includes(label ?? ''))).toEqual([]);
    }
  });

  it('have a runbook each, and each runbook has its alert', async () => {
    const text = await readFile(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
    const headings = [...text.matchAll(/^### (Idlewild\w+)$/gm)].map(([, name = '']) => name);
    expect(alerts.map(({ alert }) => alert)).toEqual(headings);
    expect(alerts.map(({ annotations }) => annotations.runbook_url)).toEqual(
      headings.map((name) => `${url}#${name.toLowerCase()}`),
    );
  });

  it('say how grave they are in three words', () => {
    expect([...new Set(alerts.map(({ labels }) => labels.severity))].sort()).toEqual(['critical', 'info', 'warning']);
  });
});

describe('the dashboard', () => {
  it('asks for what the operator measures, by labels that it gives, and names series by labels that are kept', () => {
    const targets = panels.flatMap((panel) => panel.targets ?? []);
    expect(targets.length).toBeGreaterThan(20);
    for (const { expr, legendFormat } of targets) {
      expectMeasured(expr);
      const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
      const kept = expr.includes(' by (') ? grouped(expr) : everywhere;
      expect(named.filter((label) => !kept.includes(label ?? ''))).toEqual([]);
    }
  });

  it('asks in words that Prometheus understands', async () => {
    const asked = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    // As rules, since Prometheus checks those without a server; what Grafana fills in is a span of time.
    const rules = asked.map((expr, index) => ({
      record: `idlewild:asked:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    const checked = await promtool(['check', 'rules', 'asked.yaml'], {
      'asked.yaml': { groups: [{ name: 'a', rules }] },
    });
    expect(checked).toEqual({ code: 0, output: expect.stringContaining(`${asked.length} rules found`) });
  }, 300_000);

  it('has no two panels in one place, and none beyond the edge', () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of panels) {
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true]);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect([title, taken.has(`${x},${y}`)]).toEqual([title, false]);
          taken.add(`${x},${y}`);
        }
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});
