// The table of jobs. Rows are plain elements: a component of the kit in each cell would cost ten times the frame.
// Promises: all of it works by keyboard: arrows go from row to row, Shift takes them along, Space selects, Enter opens.
import type { JobRow } from '@idlewild/operator/portal/schemas.ts';
import { useMediaQuery } from '@mantine/hooks';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react';
import { Link, useNavigate } from 'react-router';
import { between, type Selection } from '../../data/job-list.ts';
import { isOver, sentenceOf, stateOf } from '../../data/job-state.ts';
import { useNow } from '../../data/live.tsx';
import { fullTime, span } from '../../data/time.ts';
import { StateChip } from '../../ui/state-chip.tsx';
import css from './jobs.module.css';

interface JobTableProps {
  readonly rows: readonly JobRow[];
  readonly manyNamespaces: boolean;
  readonly selection: Selection;
  /** Absent: there is nothing that one may do with several of them. */
  readonly onSelect?: ((rows: readonly JobRow[], on: boolean) => void) | undefined;
}

const heads = ['State', 'Job', 'Machine', 'Why, and what is next', 'Age'] as const;

export function JobTable({ rows, manyNamespaces, selection, onSelect }: JobTableProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useMediaQuery('(max-width: 47.99em)', undefined, { getInitialValueInEffect: false });
  const now = useNow();
  const navigate = useNavigate();
  /** The row that the keyboard is at, by uid, since rows come and go. */
  const [active, setActive] = useState<string>();
  const latest = useRef({ rows, selection, onSelect });
  useLayoutEffect(() => {
    latest.current = { rows, selection, onSelect };
  });
  /** Where a range begins. */
  const anchor = useRef<string | undefined>(undefined);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (narrow ? 92 : 44),
    overscan: 10,
    getItemKey: (index) => rows[index]?.uid ?? index,
    useFlushSync: false,
  });
  // What is kept of the former list must not hold for another one.
  useEffect(() => {
    if (active !== undefined && !rows.some(({ uid }) => uid === active)) setActive(undefined);
  }, [rows, active]);

  /** A row, or with `extend` all from where the last one was taken. */
  const toggle = useCallback((index: number, extend: boolean): void => {
    const { rows: shown, selection: selected, onSelect: select } = latest.current;
    const row = shown[index];
    if (row === undefined || select === undefined) return;
    const from = extend ? shown.findIndex(({ uid }) => uid === anchor.current) : -1;
    if (from >= 0) select(between(shown, from, index), true);
    else select([row], !selected.has(row.uid));
    anchor.current = row.uid;
  }, []);

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    if (event.target !== event.currentTarget || rows.length === 0) return;
    const at = rows.findIndex(({ uid }) => uid === active);
    const go = (index: number): void => {
      const to = Math.min(rows.length - 1, Math.max(0, index));
      setActive(rows[to]?.uid);
      virtual.scrollToIndex(to, { align: 'auto' });
      if (event.shiftKey && onSelect !== undefined) onSelect(between(rows, Math.max(0, at), to), true);
      anchor.current = rows[to]?.uid;
    };
    switch (event.key) {
      case 'ArrowDown':
        go(at + 1);
        break;
      case 'ArrowUp':
        go(at < 0 ? 0 : at - 1);
        break;
      case 'Home':
        go(0);
        break;
      case 'End':
        go(rows.length - 1);
        break;
      case ' ':
        if (at >= 0) toggle(at, event.shiftKey);
        break;
      case 'a':
        if (!event.ctrlKey && !event.metaKey) return;
        onSelect?.(rows, true);
        break;
      case 'Escape':
        onSelect?.(rows, false);
        break;
      case 'Enter': {
        const row = rows[at];
        if (row !== undefined) void navigate(`/jobs/${row.namespace}/${row.name}`);
        break;
      }
      default:
        return;
    }
    event.preventDefault();
  };

  const selectable = onSelect !== undefined;
  return (
    <div
      ref={scroller}
      className={css.scroller}
      data-selectable={selectable}
      role="grid"
      aria-label="Jobs"
      aria-rowcount={rows.length + 1}
      aria-multiselectable={selectable}
      aria-activedescendant={active === undefined ? undefined : `job-${active}`}
      tabIndex={0}
      key={narrow ? 'cards' : 'rows'}
      onKeyDown={onKeyDown}
      onBlur={({ target, currentTarget }) => target === currentTarget && setActive(undefined)}
    >
      <div role="rowgroup" className={css.head}>
        <div role="row" aria-rowindex={1} className={css.row}>
          {selectable && (
            <div role="columnheader" className={css.tick}>
              <span className={css.unseen}>Selected</span>
            </div>
          )}
          {heads.map((title) => (
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
                active={row.uid === active}
                selected={selection.has(row.uid)}
                onToggle={selectable ? toggle : undefined}
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
  readonly active: boolean;
  readonly selected: boolean;
  readonly onToggle: ((index: number, extend: boolean) => void) | undefined;
}) {
  const { row, index, onToggle } = o;
  const state = stateOf(row);
  const sentence = sentenceOf(row);
  return (
    <div
      role="row"
      id={`job-${row.uid}`}
      aria-rowindex={index + 2}
      aria-selected={onToggle === undefined ? undefined : o.selected}
      className={css.row}
      data-over={isOver(state)}
      data-active={o.active || undefined}
      style={{ transform: `translateY(${o.top}px)` }}
    >
      {onToggle !== undefined && (
        <div role="gridcell" className={css.tick}>
          <label>
            <input
              type="checkbox"
              aria-label={`Select ${row.name}`}
              checked={o.selected}
              disabled={row.deleting === true}
              onChange={({ nativeEvent }) => onToggle(index, (nativeEvent as MouseEvent).shiftKey)}
            />
          </label>
        </div>
      )}
      <div role="gridcell" className={css.state}>
        <StateChip state={state} />
      </div>
      <div role="gridcell" className={css.name}>
        <Link to={`/jobs/${row.namespace}/${row.name}`}>{row.name}</Link>
        {o.manyNamespaces && <span className="quiet"> {row.namespace}</span>}
      </div>
      <div role="gridcell" className={css.node}>
        {row.node ?? <span className="quiet">none yet</span>}
      </div>
      <div role="gridcell" className={css.why} title={sentence}>
        {sentence}
      </div>
      <div role="gridcell" className={css.age} title={fullTime(row.created)}>
        {o.age}
      </div>
    </div>
  );
});
