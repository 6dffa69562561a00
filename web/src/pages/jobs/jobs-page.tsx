// All jobs that one may see, live: what each does, and why it waits. Thousands of them stay smooth, since only the rows in view are
// drawn, out of plain elements. What is filtered is in the address.
import { Button, VisuallyHidden } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useCallback, useDeferredValue, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import type { JobRow } from '@idlewild/operator/portal/schemas.ts';
import { chosenOf, isSelectable, listOf, withRows, type Rights, type Selection } from '../../data/job-list.ts';
import { jobStates } from '../../data/job-state.ts';
import { useJobs } from '../../data/live.tsx';
import { useMe } from '../../data/me.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { JobBulk } from './job-bulk.tsx';
import { JobFilters } from './job-filters.tsx';
import { JobTable } from './job-table.tsx';
import css from './jobs.module.css';

const none: Selection = new Set();

export function JobsPage() {
  const { rows, refused } = useJobs();
  const { data: me } = useMe();
  const [search, setSearch] = useSearchParams();
  const text = search.get('q') ?? '';
  const state = search.get('state');
  const namespace = search.get('namespace');
  const set = useCallback(
    (name: string, value: string | null): void => {
      setSearch(
        (before) => {
          const next = new URLSearchParams(before);
          if (value === null || value === '') next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: true },
      );
    },
    [setSearch],
  );
  const deferred = useDeferredValue(rows);
  const { shown, counts, namespaces, total } = useMemo(
    () => listOf(deferred?.values() ?? [], { text, state, namespace }),
    [deferred, text, state, namespace],
  );
  const [selection, setSelection] = useState<Selection>(none);
  const may = useMemo((): Rights => {
    const where = (right: 'stop' | 'delete') =>
      new Set(me?.namespaces.flatMap((each) => (each[right] ? [each.name] : [])));
    const [stop, remove] = [where('stop'), where('delete')];
    return { stop: (name) => stop.has(name), remove: (name) => remove.has(name) };
  }, [me]);
  const mayEnd = me?.namespaces.some((each) => each.stop || each.delete) === true;
  const select = useCallback(
    (some: readonly JobRow[], on: boolean): void => {
      const meant = some.filter((row) => isSelectable(row, may));
      setSelection((before) => withRows(before, meant, { on }));
    },
    [may],
  );
  const chosen = useMemo(() => chosenOf(shown, selection, may), [shown, selection, may]);
  const selectable = useMemo(
    () => shown.reduce((count, row) => count + (isSelectable(row, may) ? 1 : 0), 0),
    [shown, may],
  );
  const now = useRef({ chosen, shown, select });
  useLayoutEffect(() => {
    now.current = { chosen, shown, select };
  });
  const latest = useMemo(
    () => ({
      chosen: () => now.current.chosen,
      onAll: (on: boolean): void => now.current.select(now.current.shown, on),
    }),
    [],
  );
  const filtered = text !== '' || state !== null || namespace !== null;
  return (
    <Page title="Jobs" tab={total === 0 ? 'Jobs' : `${total} jobs`}>
      <JobFilters
        {...{ text, state, namespace, set }}
        states={jobStates
          .filter((each) => (counts.get(each) ?? 0) > 0 || each === state)
          .map((each) => `${each} ${counts.get(each) ?? 0}`)
          .join('\n')}
        namespaces={namespaces.join('\n')}
      />
      <VisuallyHidden role="status">
        {rows === undefined ? '' : `${shown.length} of ${total} jobs`}
        {chosen.all.length > 0 && `, ${chosen.all.length} selected`}
      </VisuallyHidden>
      {mayEnd && (shown.length > 0 || rows === undefined) && (
        <JobBulk
          selected={chosen.all.length}
          stop={chosen.stop.length}
          remove={chosen.remove.length}
          selectable={selectable}
          chosen={latest.chosen}
          onAll={latest.onAll}
        />
      )}
      {refused !== undefined ? (
        <Empty title="You may not list jobs">{refused}</Empty>
      ) : rows === undefined ? (
        <div className={css.skeleton} aria-hidden />
      ) : shown.length > 0 ? (
        <JobTable
          rows={shown}
          manyNamespaces={namespaces.length > 1}
          selection={selection}
          onSelect={mayEnd ? select : undefined}
        />
      ) : filtered ? (
        <Empty
          title="No job fits these filters"
          action={
            <Button variant="default" onClick={() => setSearch({}, { replace: true })}>
              Show all {total} jobs
            </Button>
          }
        >
          {text !== '' ? `Nothing matches “${text}”. ` : ''}
          {state !== null ? `No job is ${state.toLowerCase()}.` : ''}
        </Empty>
      ) : (
        <Empty
          title="No jobs yet"
          action={
            <Button component={Link} to="/new" leftSection={<IconPlus size={16} aria-hidden />}>
              New job
            </Button>
          }
        >
          A job is a script or a desktop in a virtual machine of its own. It runs on whatever machine of the lab is
          idle, and moves on when the owner of that machine returns.
        </Empty>
      )}
    </Page>
  );
}
