// Cores lent and at work over time, as a chart. Loaded only where it is shown. In the inks of the colours that are chosen, anew when
// others are.
import type { Overview } from '@idlewild/operator/portal/schemas.ts';
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clockTime } from '../../data/time.ts';
import css from './overview.module.css';

const height = 180;

interface CoresChartProps {
  readonly points: NonNullable<Overview['cores']>['points'];
  /** The point under the pointer; undefined when it has left. */
  readonly onPoint: (index: number | undefined) => void;
}

export function CoresChart({ points, onPoint }: CoresChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const ink = (name: string): string => getComputedStyle(element).getPropertyValue(name).trim();
    const axis = {
      stroke: ink('--quiet'),
      grid: { stroke: ink('--line'), width: 1 },
      ticks: { stroke: ink('--line') },
    };
    const plot = new UPlot(
      {
        ...{ width: element.clientWidth, height, legend: { show: false } },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
        hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? undefined)] },
        scales: { y: { range: (_plot, _least, most) => [0, Math.max(1, most)] } },
        axes: [
          {
            ...axis,
            space: 80,
            values: (_plot, splits) => splits.map((at) => clockTime(new Date(at * 1000).toISOString())),
          },
          { ...axis, size: 40 },
        ],
        series: [
          {},
          { label: 'lent', stroke: ink('--ink-neutral'), width: 2, dash: [6, 4] },
          { label: 'at work', stroke: ink('--ink-run'), width: 2, fill: `${ink('--ink-run')}24` },
        ],
      },
      [points.map(({ at }) => Date.parse(at) / 1000), points.map(({ lent }) => lent), points.map(({ used }) => used)],
      element,
    );
    const sized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    sized.observe(element);
    return () => {
      sized.disconnect();
      plot.destroy();
    };
  }, [points, onPoint, scheme]);
  const last = points.at(-1);
  const words = `Cores over time; now ${last?.lent ?? 0} lent, ${last?.used ?? 0} at work`;
  return <div ref={box} className={css.chart} role="img" aria-label={words} />;
}
