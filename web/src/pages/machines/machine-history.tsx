// What has happened on a machine: which jobs came, moved and ended there, page by page, and what the cluster has noted about it.
// Promises: asks anew when something about the machine has changed, at most every few seconds; says where what it shows comes from.
import type { HistoryAnswer, HistoryLine } from '@idlewild/operator/portal/history-schemas.ts';
import type { EventRow, MachineRow } from '@idlewild/operator/portal/schemas.ts';
import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { call } from '../../data/api.ts';
import { span } from '../../data/time.ts';
import { words } from '../../data/timeline.ts';
import { PastTable } from './past-table.tsx';

const pageLines = 25;
/** However much changes, it is asked for no more often. */
const leastMs = 3_000;

/** Asks for what is under the key again some time after the machine has changed. */
function useFresh(row: MachineRow, queryKey: readonly string[]): void {
  const client = useQueryClient();
  const askedAt = useRef(Date.now());
  const key = queryKey.join('/');
  useEffect(() => {
    const timer = setTimeout(
      () => {
        askedAt.current = Date.now();
        void client.invalidateQueries({ queryKey: key.split('/') });
      },
      Math.max(0, askedAt.current + leastMs - Date.now()),
    );
    return () => clearTimeout(timer);
  }, [client, key, row]);
}

export function MachineHistory({ row }: { readonly row: MachineRow }) {
  const queryKey = ['machine', row.name, 'history'];
  useFresh(row, queryKey);
  const { data, error, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => {
      const asked = new URLSearchParams({ machine: row.name, limit: String(pageLines) });
      if (pageParam !== undefined) asked.set('cursor', pageParam);
      return call<HistoryAnswer>('GET', `/api/v1/history?${asked.toString()}`, { signal });
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
  });
  if (data === undefined) return <p className="quiet">{error?.message ?? '…'}</p>;
  const lines = data.pages.flatMap(({ items }) => items);
  const [newest] = data.pages;
  return (
    <>
      <PastTable
        what="What happened here"
        none="No job that you may see has been here."
        rows={lines.map((line, index) => ({
          key: `${line.at} ${line.reason} ${line.job.uid} ${index}`,
          at: line.at,
          reason: words(line.reason),
          warned: line.warning,
          about: <Link to={`/jobs/${line.job.namespace}/${line.job.name}`}>{line.job.name}</Link>,
          message: inWords(line),
        }))}
      />
      {hasNextPage && (
        <Button variant="default" size="xs" mt="xs" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Earlier
        </Button>
      )}
      <p className="quiet">
        {newest?.from === 'history'
          ? 'Of jobs that you may see, deleted ones included.'
          : `Only of jobs that are still there and that you may see: ${newest?.why}.`}
      </p>
    </>
  );
}

function inWords({ message, secondsLost = 0 }: HistoryLine): string {
  return secondsLost === 0 ? message : `${message}; ${span(secondsLost * 1000)} of work were lost`;
}

export function MachineEvents({ row }: { readonly row: MachineRow }) {
  const queryKey = ['machine', row.name, 'events'];
  useFresh(row, queryKey);
  const { data, error } = useQuery({
    queryKey,
    queryFn: ({ signal }) => {
      const path = `/api/v1/machines/${encodeURIComponent(row.name)}/events`;
      return call<{ readonly items: readonly EventRow[] }>('GET', path, { signal });
    },
  });
  if (data === undefined) return <p className="quiet">{error?.message ?? '…'}</p>;
  return (
    <PastTable
      what="Events of the machine"
      none="None; the cluster keeps them for an hour or so."
      rows={data.items.map(({ uid, at, reason, message, count, type }) => ({
        key: uid,
        at,
        reason: count > 1 ? `${words(reason)} × ${count}` : words(reason),
        warned: type === 'Warning',
        message,
      }))}
    />
  );
}
