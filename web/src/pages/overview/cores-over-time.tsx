// Cores lent and at work: the chart, its legend with the numbers of a moment, and since when it knows.
// Promises: takes the same room while it loads as it takes then.
import type { Overview } from '@idlewild/operator/portal/schemas.ts';
import { Skeleton, Text, Title } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { clockTime, shortTime } from '../../data/time.ts';
import css from './overview.module.css';

const CoresChart = lazy(() => import('./cores-chart.tsx').then(({ CoresChart: chart }) => ({ default: chart })));

export function CoresOverTime({ cores }: { readonly cores: Overview['cores'] }) {
  const [index, setIndex] = useState<number>();
  const points = cores?.points ?? [];
  const point = (index === undefined ? undefined : points[index]) ?? points.at(-1);
  const room = <Skeleton className={css.chart ?? ''} />;
  return (
    <section className={css.section} aria-label="Cores over time">
      <div className={css.head}>
        <Title order={2} size="h4">
          Cores over time
        </Title>
        <div className={css.legend}>
          <span>
            <span className={css.lent} aria-hidden /> lent <strong>{point?.lent ?? '…'}</strong>
          </span>
          <span>
            <span className={css.used} aria-hidden /> at work <strong>{point?.used ?? '…'}</strong>
          </span>
          <span className="quiet">{index === undefined || point === undefined ? 'now' : clockTime(point.at)}</span>
        </div>
      </div>
      {cores === undefined ? (
        room
      ) : (
        <Suspense fallback={room}>
          <CoresChart points={points} onPoint={setIndex} />
        </Suspense>
      )}
      <Text size="sm" className={`quiet ${css.since ?? ''}`}>
        {cores !== undefined &&
          `Since ${shortTime(cores.since)}: the portal remembers a day at most, and nothing from before it started.`}
      </Text>
    </section>
  );
}
