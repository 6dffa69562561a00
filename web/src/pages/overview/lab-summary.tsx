// How the lab has been: waiting times, interruptions, cores over time, and who has which share. Only of what one may see.
import type { Overview } from '@idlewild/operator/portal/schemas.ts';
import { Table, Text, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useRef } from 'react';
import { call } from '../../data/api.ts';
import { useJobs } from '../../data/live.tsx';
import { shortTime, span } from '../../data/time.ts';
import { words } from '../../data/timeline.ts';
import { WideTable } from '../../ui/wide-table.tsx';
import css from './overview.module.css';

const CoresChart = lazy(() => import('./cores-chart.tsx').then(({ CoresChart: chart }) => ({ default: chart })));

const queryKey = ['overview'];
/** However much changes, it is asked for no more often. */
const leastMs = 15_000;

export function LabSummary() {
  const client = useQueryClient();
  const { rows } = useJobs();
  const asked = useRef(0);
  useEffect(() => {
    if (Date.now() - asked.current < leastMs) return;
    asked.current = Date.now();
    void client.invalidateQueries({ queryKey });
  }, [client, rows]);
  const { data } = useQuery({
    queryKey,
    queryFn: ({ signal }) => call<Overview>('GET', '/api/v1/overview', { signal }),
  });
  if (data === undefined) return null;
  const { waits, interruptions, shares, cores } = data;
  const seconds = (value: number | undefined): string => (value === undefined ? 'none yet' : span(value * 1000));
  const breaks = Object.entries(interruptions).sort(([, a], [, b]) => b - a);
  return (
    <>
      {cores !== undefined && (
        <section className={css.section} aria-label="Cores over time">
          <Title order={2} size="h4" mb="xs">
            Cores over time
          </Title>
          <Suspense fallback={<div className={css.chart} />}>
            <CoresChart points={cores.points} />
          </Suspense>
          <Text size="sm" className="quiet">
            Lent (dashed) and at work, since {shortTime(cores.since)}: the portal remembers a day at most, and nothing
            from before it started.
          </Text>
        </section>
      )}
      <section className={css.section} aria-label="The last day">
        <Title order={2} size="h4" mb="xs">
          The last day
        </Title>
        <Text size="sm">
          Until its first machine, half of {waits.jobs} jobs waited at most {seconds(waits.p50)}, 95 of 100 at most{' '}
          {seconds(waits.p95)}.
        </Text>
        <Text size="sm" className="quiet">
          {breaks.length === 0
            ? 'Nothing came between a job and its end.'
            : `Came in between: ${breaks.map(([reason, count]) => `${words(reason)} ${count} ×`).join(', ')}.`}
        </Text>
      </section>
      {shares.length > 0 && (
        <section className={css.section} aria-label="Shares">
          <Title order={2} size="h4" mb="xs">
            Shares
          </Title>
          <WideTable minWidth={480} label="Shares">
            <Table>
              <Table.Thead>
                <Table.Tr>
                  {['Namespace', 'With a machine', 'Waiting', 'Cores now', 'Core time used', 'lost'].map((title) => (
                    <Table.Th key={title}>{title}</Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {shares.map((share) => (
                  <Table.Tr key={share.namespace}>
                    <Table.Td>{share.namespace}</Table.Td>
                    <Table.Td>{share.running}</Table.Td>
                    <Table.Td>{share.waiting}</Table.Td>
                    <Table.Td>{share.cores}</Table.Td>
                    <Table.Td>{span(share.coreSeconds * 1000)}</Table.Td>
                    <Table.Td>{span(share.lostCoreSeconds * 1000)}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </WideTable>
        </section>
      )}
    </>
  );
}
