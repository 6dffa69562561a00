// What pages show, kept in the query cache by the live stream: rows of jobs and machines, one job whole, its events, its output.
// Promises: one change of the cache per animation frame, however many changes came; nothing here polls.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { EventRow, JobRow, MachineRow } from '@idlewild/operator/portal/schemas.ts';
import { useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from 'react';
import { LiveStream, type Heard, type Link } from './stream.ts';

const Stream = createContext<LiveStream | undefined>(undefined);

export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const [stream, setStream] = useState<LiveStream>();
  useEffect(() => {
    const opened = new LiveStream();
    setStream(opened);
    return () => opened.close();
  }, []);
  return stream === undefined ? null : <Stream.Provider value={stream}>{children}</Stream.Provider>;
}

export function useStream(): LiveStream {
  const stream = useContext(Stream);
  if (stream === undefined) throw new Error('there is no live stream above this component');
  return stream;
}

export function useLink(): Link {
  const stream = useStream();
  return useSyncExternalStore(stream.onLink, () => stream.link);
}

type Rows<R> = ReadonlyMap<string, R>;

/** Undefined until the first snapshot. */
function useRows<R>(
  topic: 'jobs' | 'machines',
  keyOf: (row: R) => string,
): { rows: Rows<R> | undefined; refused?: string } {
  const stream = useStream();
  const client = useQueryClient();
  const key = useMemo(() => ['live', topic], [topic]);
  const [refused, setRefused] = useState<string>();
  useEffect(() => {
    const pending: Heard[] = [];
    let frame: number | undefined;
    const flush = (): void => {
      frame = undefined;
      const messages = pending.splice(0);
      client.setQueryData<Rows<R>>(key, (before) =>
        messages.reduce((rows, each) => applied(rows, each, keyOf), before),
      );
    };
    const end = stream.subscribe({ topic }, (message) => {
      if (message.type === 'error') {
        setRefused(message.problem.detail);
        return;
      }
      setRefused(undefined);
      pending.push(message);
      frame ??= requestAnimationFrame(flush);
    });
    return () => {
      end();
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }, [stream, client, topic, key, keyOf]);
  const { data } = useQuery<Rows<R>>({ queryKey: key, enabled: false, structuralSharing: false });
  return { rows: data, ...(refused === undefined ? {} : { refused }) };
}

function applied<R>(before: Rows<R> | undefined, message: Heard, keyOf: (row: R) => string): Rows<R> | undefined {
  if (message.type === 'snapshot') return new Map((message.items as R[]).map((row) => [keyOf(row), row]));
  if (message.type !== 'delta') return before;
  const rows = new Map(before);
  for (const key of message.deletes) rows.delete(key);
  for (const row of message.upserts as R[]) rows.set(keyOf(row), row);
  return rows;
}

const byUid = ({ uid }: { readonly uid: string }): string => uid;
const byName = ({ name }: { readonly name: string }): string => name;

export const useJobs = () => useRows<JobRow>('jobs', byUid);
export const useMachines = () => useRows<MachineRow>('machines', byName);

/** Undefined until it is heard of; null when there is none. */
export function useJob(namespace: string, name: string): { job: ComputeJob | null | undefined; refused?: string } {
  const stream = useStream();
  const client = useQueryClient();
  const key = useMemo(() => jobKey(namespace, name), [namespace, name]);
  const [refused, setRefused] = useState<string>();
  useEffect(
    () =>
      stream.subscribe({ topic: 'job', namespace, name }, (message) => {
        if (message.type === 'error') setRefused(message.problem.detail);
        if (message.type === 'object') client.setQueryData(key, message.object as ComputeJob | null);
      }),
    [stream, client, key, namespace, name],
  );
  const { data } = useQuery<ComputeJob | null>({ queryKey: key, enabled: false, structuralSharing: false });
  return { job: data, ...(refused === undefined ? {} : { refused }) };
}

const jobKey = (namespace: string, name: string) => ['job', namespace, name];

/** What the answer to a submission says, until the stream says more. */
export function rememberJob(client: QueryClient, job: ComputeJob): void {
  client.setQueryData(jobKey(job.metadata.namespace ?? '', job.metadata.name), job);
}

export function useEvents(
  namespace: string,
  name: string,
): { events: readonly EventRow[] | undefined; refused?: string } {
  const stream = useStream();
  const [events, setEvents] = useState<Rows<EventRow>>();
  const [refused, setRefused] = useState<string>();
  useEffect(
    () =>
      stream.subscribe({ topic: 'events', namespace, name }, (message) => {
        if (message.type === 'error') setRefused(message.problem.detail);
        else setEvents((before) => applied(before, message, byUid));
      }),
    [stream, namespace, name],
  );
  const sorted = useMemo(() => events && [...events.values()].sort((a, b) => b.at.localeCompare(a.at)), [events]);
  return { events: sorted, ...(refused === undefined ? {} : { refused }) };
}

/** Seconds of the server's clock, told once a second while anybody looks. */
export function useNow(): number {
  const stream = useStream();
  const [now, setNow] = useState(() => Date.now() + stream.skewMs);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') setNow(Date.now() + stream.skewMs);
    }, 1_000);
    return () => clearInterval(timer);
  }, [stream]);
  return now;
}
