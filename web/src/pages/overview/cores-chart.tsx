// Cores lent and at work over time, as a chart. Loaded only where it is shown.
import type { Overview } from '@idlewild/operator/portal/schemas.ts';
import { useEffect, useRef } from 'react';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import css from './overview.module.css';

const height = 180;

export function CoresChart({ points }: { readonly points: NonNullable<Overview['cores']>['points'] }) {
  const box = useRef<HTMLDivElement>(null);
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
        ...{ width: element.clientWidth, height, legend: { show: false }, cursor: { show: false } },
        scales: { y: { range: (_plot, _least, most) => [0, Math.max(1, most)] } },
        axes: [axis, { ...axis, size: 40 }],
        series: [
          {},
          { label: 'lent', stroke: ink('--ink-neutral'), width: 2, dash: [6, 4] },
          { label: 'at work', stroke: ink('--ink-run'), width: 2 },
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
  }, [points]);
  const last = points.at(-1);
  const words = `Cores over time; now ${last?.lent ?? 0} lent, ${last?.used ?? 0} at work`;
  return <div ref={box} className={css.chart} role="img" aria-label={words} />;
}
