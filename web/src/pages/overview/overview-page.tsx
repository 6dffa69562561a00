// What of mine needs me, and whether the lab is open now. Nothing jumps while it loads: what comes later has its room, or comes below.
import type { JobRow, MachineRow } from '@idlewild/operator/portal/schemas.ts';
import { Button, Group, Skeleton, Text, Title } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useMemo } from 'react';
import { Link } from 'react-router';
import { isOver, sentenceOf, stateOf } from '../../data/job-state.ts';
import { useJobs, useMachines } from '../../data/live.tsx';
import { lendsNow } from '../../data/machine-state.ts';
import { useMe } from '../../data/me.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { StateChip } from '../../ui/state-chip.tsx';
import { UsedBar } from '../../ui/used-bar.tsx';
import { LabSummary } from './lab-summary.tsx';
import css from './overview.module.css';

const mostCards = 12;
/** As many as there will be. */
const places = ['running', 'waiting', 'failed', 'lab'] as const;

export function OverviewPage() {
  const { rows } = useJobs();
  const { data: me } = useMe();
  const { sessions, failed, waiting, running } = useMemo(() => sorted([...(rows?.values() ?? [])]), [rows]);
  if (rows === undefined) {
    return (
      <Page title="Overview">
        <div className={css.numbers} aria-hidden>
          {places.map((each) => (
            <Skeleton key={each} className={each === 'lab' ? (css.lab ?? '') : ''} />
          ))}
        </div>
      </Page>
    );
  }
  return (
    <Page title="Overview">
      <div className={css.numbers}>
        <Count title="Running" count={running.length} to="/jobs?state=Running" />
        <Count title="Waiting" count={waiting.length} to="/jobs?state=Waiting" />
        <Count title="Failed" count={failed.length} to="/jobs?state=Failed" />
        {me?.machines.list === true && <Lab />}
      </div>
      {rows.size === 0 && (
        <Empty
          title="Nothing runs yet"
          action={
            <Button component={Link} to="/new" leftSection={<IconPlus size={16} aria-hidden />}>
              New job
            </Button>
          }
        >
          A job is a script or a desktop in a virtual machine of its own. The first machine of the lab that is idle and
          large enough takes it.
        </Empty>
      )}
      <Cards title="Sessions" rows={sessions} connect />
      <Cards title="Waiting" rows={waiting} />
      <Cards title="Failed" rows={failed} />
      {rows.size > 0 && <LabSummary />}
    </Page>
  );
}

function sorted(rows: readonly JobRow[]) {
  const newest = [...rows].sort((a, b) => b.created.localeCompare(a.created));
  const states = new Map(newest.map((row) => [row, stateOf(row)]));
  const by = (good: (state: ReturnType<typeof stateOf>) => boolean) => newest.filter((row) => good(states.get(row)!));
  return {
    sessions: by((state) => !isOver(state)).filter(({ mode, node }) => mode === 'Session' && node !== undefined),
    failed: by((state) => state === 'Failed'),
    waiting: by((state) => state === 'Waiting' || state === 'Cannot run' || state === 'Parked'),
    running: by((state) => ['Running', 'Slowed', 'Frozen', 'Moving', 'Parking'].includes(state)),
  };
}

function Count({ title, count, to }: { readonly title: string; readonly count: number; readonly to: string }) {
  return (
    <Link to={to} className={`panel ${css.count ?? ''}`}>
      <strong>{count}</strong>
      <span className="quiet">{title}</span>
    </Link>
  );
}

function Lab() {
  const { rows } = useMachines();
  const machines: readonly MachineRow[] = [...(rows?.values() ?? [])];
  const lending = machines.filter(lendsNow);
  const cores = lending.reduce((sum, { lends }) => sum + lends.cores, 0);
  const used = machines.reduce((sum, row) => sum + row.used.cores, 0);
  const owners = machines.filter(({ ownerPresent }) => ownerPresent).length;
  return (
    <Link to="/machines" className={`panel ${css.lab ?? ''}`}>
      <UsedBar
        label="Cores at work"
        used={used}
        of={Math.max(cores, used)}
        text={`${used} of ${Math.max(cores, used)} lent`}
      />
      <Text size="sm" className="quiet" mt={6}>
        {lending.length} of {machines.length} machines lend; {owners} {owners === 1 ? 'owner is' : 'owners are'} there
      </Text>
    </Link>
  );
}

function Cards(o: { readonly title: string; readonly rows: readonly JobRow[]; readonly connect?: boolean }) {
  if (o.rows.length === 0) return null;
  return (
    <section className={css.section} aria-label={o.title}>
      <Title order={2} size="h4" mb="sm">
        {o.title}
      </Title>
      <div className={css.cards}>
        {o.rows.slice(0, mostCards).map((row) => (
          <article key={row.uid} className="panel">
            <Group justify="space-between" wrap="nowrap" mb={6}>
              <Link to={`/jobs/${row.namespace}/${row.name}`} className={css.name}>
                {row.name}
              </Link>
              <StateChip state={stateOf(row)} />
            </Group>
            <Text size="sm" className="quiet" lineClamp={2}>
              {sentenceOf(row)}
            </Text>
            {o.connect === true && row.console !== 'None' && (
              <Button component={Link} to={`/jobs/${row.namespace}/${row.name}/console`} size="xs" mt="sm">
                Connect
              </Button>
            )}
          </article>
        ))}
      </div>
      {o.rows.length > mostCards && (
        <Text size="sm" mt="xs" className="quiet">
          and {o.rows.length - mostCards} more
        </Text>
      )}
    </section>
  );
}
