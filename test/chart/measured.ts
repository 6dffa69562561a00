// What an operator measures, as Prometheus would have read it once a minute: the series of the real operator's own registry, so that a
// name or a label that it does not have cannot be played.

import { createTransport } from '@idlewild/operator/kube/transport.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { assembleOperator } from '@idlewild/operator/operator.ts';
import { parseOptions } from '@idlewild/operator/options.ts';
import { pino } from 'pino';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** All that an operator registers once it is put together. */
export function registryOfTheOperator(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  assembleOperator({
    options: parseOptions(['--namespace=lab-system']),
    transport: createTransport({ server: 'http://127.0.0.1:1', userAgent: 'test' }),
    clock: systemClock,
    newId: () => '0123456789abcdef',
    random: () => 0,
    log: pino({ level: 'silent' }),
    registry,
    instance: 'test',
  });
  return registry;
}

type Labels = Readonly<Record<string, string>>;

export interface Instruments {
  /** Each throws when the operator has no such metric, or the metric no such label. */
  count(name: string, by?: number, labels?: Labels): void;
  set(name: string, value: number, labels?: Labels): void;
  observe(name: string, value: number, labels?: Labels): void;
}

/** One line of a test of promtool: a series, and its values minute by minute. */
export interface InputSeries {
  readonly series: string;
  readonly values: string;
}

/** Lets `act` happen at each minute, before the metrics of that minute are read. */
export async function measure(
  minutes: number,
  act: (minute: number, instruments: Instruments) => void,
): Promise<InputSeries[]> {
  const registry = registryOfTheOperator();
  const values = new Map<string, string[]>();
  for (let minute = 0; minute <= minutes; minute++) {
    act(minute, instrumentsOf(registry));
    for (const line of (await registry.metrics()).split('\n')) {
      const [, name = '', labels = '', value = ''] =
        /^((?:idlewild|controller_runtime|leader_election)_\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === '') continue;
      const series = `${name}{${[labels, 'job="idlewild"', 'pod="operator-0"'].filter((each) => each !== '').join()}}`;
      const known = values.get(series) ?? Array.from({ length: minute }, () => '_');
      known.push(value);
      values.set(series, known);
    }
  }
  return [...values].map(([series, each]) => ({ series, values: each.join(' ') }));
}

function instrumentsOf(registry: Registry): Instruments {
  const metric = <T>(name: string, type: abstract new (...args: never[]) => T): T => {
    const found: unknown = registry.getSingleMetric(name);
    if (found instanceof type) return found;
    throw new Error(`the operator has no ${type.name} ${name}`);
  };
  return {
    count: (name, by = 1, labels = {}) => metric(name, Counter).inc(labels, by),
    observe: (name, value, labels = {}) => metric(name, Histogram).observe(labels, value),
    set: (name, value, labels = {}) => {
      const gauge = metric(name, Gauge);
      // What is asked when it is read is not there: the value that is played stands for it.
      Object.assign(gauge, { collect: undefined });
      gauge.set(labels, value);
    },
  };
}
