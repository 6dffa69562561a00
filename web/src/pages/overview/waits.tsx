// How long jobs wait for a machine, and what came between them and their end. Takes the same room while it loads.
import type { Overview } from '@idlewild/operator/portal/schemas.ts';
import { Text, Title } from '@mantine/core';
import { span } from '../../data/time.ts';
import { words } from '../../data/timeline.ts';
import css from './overview.module.css';

interface WaitsProps {
  readonly waits: Overview['waits'] | undefined;
  readonly interruptions: Overview['interruptions'] | undefined;
}

export function Waits({ waits, interruptions }: WaitsProps) {
  const seconds = (value: number | undefined): string =>
    waits === undefined ? '…' : value === undefined ? 'none' : span(value * 1000);
  const shown: readonly (readonly [string, string])[] = [
    ['half at most', seconds(waits?.p50)],
    ['9 of 10 at most', seconds(waits?.p90)],
    ['95 of 100 at most', seconds(waits?.p95)],
    ['longest now', seconds(waits?.longest)],
  ];
  return (
    <section className={css.section} aria-label="Waiting for a machine">
      <Title order={2} size="h4" mb="xs">
        Waiting for a machine
      </Title>
      <dl className={css.waits}>
        {shown.map(([label, value]) => (
          <div key={label} className="panel">
            <dd>{value}</dd>
            <dt className="quiet">{label}</dt>
          </div>
        ))}
      </dl>
      <Text size="sm" className={`quiet ${css.since ?? ''}`}>
        {waits !== undefined &&
          `From submission to the first machine, of ${waits.jobs} jobs that got one in the last day; ${waits.waiting} wait now. `}
        {interruptions !== undefined && inBetween(interruptions)}
      </Text>
    </section>
  );
}

function inBetween(interruptions: Overview['interruptions']): string {
  const breaks = Object.entries(interruptions).sort(([, a], [, b]) => b - a);
  if (breaks.length === 0) return 'Nothing came between a job and its end.';
  return `Came between jobs and their end: ${breaks.map(([reason, count]) => `${words(reason)} ${count} ×`).join(', ')}.`;
}
