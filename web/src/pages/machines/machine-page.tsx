// One machine: how it stands, what runs on it, and what has happened on it.
import type { JobRow, MachineRow } from '@idlewild/operator/portal/schemas.ts';
import { DataList, Loader, Title } from '@mantine/core';
import { useMemo, type ReactNode } from 'react';
import { Link, useParams } from 'react-router';
import { isOver, sentenceOf, stateOf } from '../../data/job-state.ts';
import { useJobs, useMachines } from '../../data/live.tsx';
import { machineStateOf, memory } from '../../data/machine-state.ts';
import { useMe } from '../../data/me.tsx';
import { Empty } from '../../ui/empty.tsx';
import { MachineChip } from '../../ui/machine-chip.tsx';
import { NotFound } from '../../ui/not-found.tsx';
import { Page } from '../../ui/page.tsx';
import { StateChip } from '../../ui/state-chip.tsx';
import { MachineActions } from './machine-actions.tsx';
import { MachineEvents, MachineHistory } from './machine-history.tsx';
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
        <MachineHistory row={row} />
      </Section>
      <Section title="Events of the machine">
        <MachineEvents row={row} />
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
