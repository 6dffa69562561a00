// The table of jobs. Rows are plain elements: a component of the kit in each cell would cost ten times the frame.
import type { JobRow } from '@idlewild/operator/portal/schemas.ts';
import { useMediaQuery } from '@mantine/hooks';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useRef } from 'react';
import { Link } from 'react-router';
import { isOver, sentenceOf, stateOf } from '../../data/job-state.ts';
import { useNow } from '../../data/live.tsx';
import { fullTime, span } from '../../data/time.ts';
import { StateChip } from '../../ui/state-chip.tsx';
import css from './jobs.module.css';

export function JobTable({
  rows,
  manyNamespaces,
}: {
  readonly rows: readonly JobRow[];
  readonly manyNamespaces: boolean;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useMediaQuery('(max-width: 47.99em)', undefined, { getInitialValueInEffect: false });
  const now = useNow();
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (narrow ? 92 : 44),
    overscan: 10,
    getItemKey: (index) => rows[index]?.uid ?? index,
    useFlushSync: false,
  });
  return (
    <div
      ref={scroller}
      className={css.scroller}
      role="table"
      aria-label="Jobs"
      aria-rowcount={rows.length + 1}
      tabIndex={0}
      key={narrow ? 'cards' : 'rows'}
    >
      <div role="rowgroup" className={css.head}>
        <div role="row" aria-rowindex={1} className={css.row}>
          {['State', 'Job', 'Machine', 'Why, and what is next', 'Age'].map((title) => (
            <div key={title} role="columnheader">
              {title}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" className={css.body} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => {
          const row = rows[index];
          return (
            row && (
              <Row
                key={key}
                row={row}
                index={index}
                top={start}
                age={span(now - Date.parse(row.created))}
                manyNamespaces={manyNamespaces}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

const Row = memo(function Row(o: {
  readonly row: JobRow;
  readonly index: number;
  readonly top: number;
  readonly age: string;
  readonly manyNamespaces: boolean;
}) {
  const { row } = o;
  const state = stateOf(row);
  return (
    <div
      role="row"
      aria-rowindex={o.index + 2}
      className={css.row}
      data-over={isOver(state)}
      style={{ transform: `translateY(${o.top}px)` }}
    >
      <div role="cell">
        <StateChip state={state} />
      </div>
      <div role="cell" className={css.name}>
        <Link to={`/jobs/${row.namespace}/${row.name}`}>{row.name}</Link>
        {o.manyNamespaces && <span className="quiet"> {row.namespace}</span>}
      </div>
      <div role="cell" className={css.cut}>
        {row.node ?? <span className="quiet">none yet</span>}
      </div>
      <div role="cell" className={css.cut} title={sentenceOf(row)}>
        {sentenceOf(row)}
      </div>
      <div role="cell" className={css.age} title={fullTime(row.created)}>
        {o.age}
      </div>
    </div>
  );
});
