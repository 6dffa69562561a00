// One machine: how it stands, what runs on it, and what has happened on it.
import type { EventRow, JobRow, MachineLine, MachineRow } from '@idlewild/operator/portal/schemas.ts';
import { DataList, Loader, Table, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, type ReactNode } from 'react';
import { Link, useParams } from 'react-router';
import { call } from '../../data/api.ts';
import { isOver, sentenceOf, stateOf } from '../../data/job-state.ts';
import { useJobs, useMachines } from '../../data/live.tsx';
import { machineStateOf, memory } from '../../data/machine-state.ts';
import { useMe } from '../../data/me.tsx';
import { fullTime, shortTime, span } from '../../data/time.ts';
import { words } from '../../data/timeline.ts';
import { Empty } from '../../ui/empty.tsx';
import { WideTable } from '../../ui/wide-table.tsx';
import { MachineChip } from '../../ui/machine-chip.tsx';
import { NotFound } from '../../ui/not-found.tsx';
import { Page } from '../../ui/page.tsx';
import { StateChip } from '../../ui/state-chip.tsx';
import { MachineActions } from './machine-actions.tsx';
import { Fence, Seen, Why } from './machine-tile.tsx';
import css from './machines.module.css';

export function MachinePage() {
  const { name = '' } = useParams();
  const { rows, refused } = useMachines();
  if (refused !== undefined) return <Empty title="You may not see the machines">{refused}</Empty>;
  if (rows === undefined) return <Loader type="dots" aria-label="Loading" />;
  const row = rows.get(name);
  if (row === undefined) {
    return (
      <Page title={name}>
        <NotFound what="machine">It has left the cluster, or the name is another one.</NotFound>
      </Page>
    );
  }
  return <Loaded row={row} />;
}

function Loaded({ row }: { readonly row: MachineRow }) {
  const { data: me } = useMe();
  const { rows: jobs } = useJobs();
  const guests = useMemo(
    () => [...(jobs?.values() ?? [])].filter((job) => job.node === row.name && !isOver(stateOf(job))),
    [jobs, row.name],
  );
  return (
    <Page
      title={row.name}
      beside={<MachineChip state={machineStateOf(row)} />}
      actions={me?.machines.change === true && <MachineActions row={row} />}
    >
      <Why row={row} />
      <div className={css.halves}>
        <section className="panel" aria-label="The machine">
          <Facts row={row} />
        </section>
        <section className="panel" aria-label="Guests">
          <Title order={2} size="h5" mb="xs">
            Guests now
          </Title>
          <Guests shown={guests} all={row.used.guests} />
        </section>
      </div>
      <Section title="What happened here">
        <History row={row} />
      </Section>
      <Section title="Events of the machine">
        <Events row={row} />
      </Section>
    </Page>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section className={css.section} aria-label={title}>
      <Title order={2} size="h4" mb="xs">
        {title}
      </Title>
      {children}
    </section>
  );
}

function Facts({ row }: { readonly row: MachineRow }) {
  const { lends, used } = row;
  const facts: readonly (readonly [string, ReactNode])[] = [
    ['Room', row.room ?? 'none'],
    ['Kind', `${row.dedicated ? 'dedicated' : 'a desktop'}, ${row.architecture}`],
    ['Trust', row.revoked ? 'revoked' : row.approved ? 'approved' : 'not approved yet'],
    ['Fence', <Fence key="fence" row={row} />],
    ['Agent', <Seen key="seen" row={row} />],
    ['Cores', `${used.cores} of ${lends.cores} at work`],
    ['Memory', `${memory(used.memoryMiB)} of ${memory(lends.memoryMiB)} at work`],
    ['Disk', memory(lends.diskMiB)],
    ...(lends.graphicsMiB > 0 ? [['Graphics memory', memory(lends.graphicsMiB)] as const] : []),
    ...(lends.gpus > 0 ? [['Graphics processors', String(lends.gpus)] as const] : []),
  ];
  return (
    <DataList>
      {facts.map(([label, value]) => (
        <DataList.Item key={label}>
          <DataList.ItemLabel>{label}</DataList.ItemLabel>
          <DataList.ItemValue>{value}</DataList.ItemValue>
        </DataList.Item>
      ))}
    </DataList>
  );
}

function Guests({ shown, all }: { readonly shown: readonly JobRow[]; readonly all: number }) {
  const others = Math.max(0, all - shown.length);
  return (
    <ul className={css.guests}>
      {shown.map((job) => (
        <li key={job.uid}>
          <StateChip state={stateOf(job)} />
          <Link to={`/jobs/${job.namespace}/${job.name}`}>{job.name}</Link>
          <span className="quiet">
            {job.namespace}, {job.cores} {job.cores === 1 ? 'core' : 'cores'}; {sentenceOf(job)}
          </span>
        </li>
      ))}
      {others > 0 && (
        <li className="quiet">
          {shown.length > 0 ? 'and ' : ''}
          {others} of namespaces that you do not see
        </li>
      )}
      {all === 0 && <li className="quiet">none</li>}
    </ul>
  );
}

/** Asked anew when something about the machine has changed. */
function useAsked<T>(row: MachineRow, what: 'history' | 'events') {
  const client = useQueryClient();
  const { name } = row;
  useEffect(() => {
    void client.invalidateQueries({ queryKey: ['machine', name, what] });
  }, [client, name, what, row]);
  return useQuery({
    queryKey: ['machine', name, what],
    queryFn: async ({ signal }) => {
      const path = `/api/v1/machines/${encodeURIComponent(name)}/${what}`;
      return (await call<{ readonly items: readonly T[] }>('GET', path, { signal })).items;
    },
    retry: false,
  });
}

function History({ row }: { readonly row: MachineRow }) {
  const { data, error } = useAsked<MachineLine>(row, 'history');
  if (error) return <p className="quiet">{error.message}</p>;
  if (data === undefined) return <p className="quiet">…</p>;
  return (
    <>
      <Lines
        what="What jobs met here"
        none="Nothing that a job remembers."
        rows={data.map((line) => ({
          key: `${line.at}${line.job}${line.reason}`,
          at: line.at,
          reason: words(line.reason),
          warned: (line.secondsLost ?? 0) > 0,
          about: <Link to={`/jobs/${line.namespace}/${line.job}`}>{line.job}</Link>,
          message: `${line.message}${line.secondsLost === undefined ? '' : `; ${span(line.secondsLost * 1000)} of work were lost`}`,
        }))}
      />
      <p className="quiet">Of jobs that are still there and that you may see.</p>
    </>
  );
}

function Events({ row }: { readonly row: MachineRow }) {
  const { data, error } = useAsked<EventRow>(row, 'events');
  if (error) return <p className="quiet">{error.message}</p>;
  if (data === undefined) return <p className="quiet">…</p>;
  return (
    <Lines
      what="Events of the machine"
      none="None; the cluster keeps them for an hour or so."
      rows={data.map(({ uid, at, reason, message, count, type }) => ({
        key: uid,
        at,
        reason: count > 1 ? `${words(reason)} × ${count}` : words(reason),
        warned: type === 'Warning',
        message,
      }))}
    />
  );
}

interface Line {
  readonly key: string;
  readonly at: string;
  readonly reason: string;
  readonly warned: boolean;
  readonly about?: ReactNode;
  readonly message: string;
}

interface LinesProps {
  readonly rows: readonly Line[];
  readonly what: string;
  readonly none: string;
}

function Lines({ rows, what, none }: LinesProps) {
  if (rows.length === 0) return <p className="quiet">{none}</p>;
  return (
    <WideTable minWidth={560} label={what}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={130}>Time</Table.Th>
            <Table.Th w={200}>What</Table.Th>
            <Table.Th>In words</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ key, at, reason, warned, about, message }) => (
            <Table.Tr key={key}>
              <Table.Td title={fullTime(at)}>{shortTime(at)}</Table.Td>
              <Table.Td>
                <strong className={warned ? 'warned' : ''}>{reason}</strong>
              </Table.Td>
              <Table.Td>
                {about}
                {about !== undefined && message !== '' ? ': ' : ''}
                {message}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </WideTable>
  );
}
