// The machines of the lab by room: which lend, which have their owner there, what runs on them, and what an admin may do with them.
import type { MachineRow } from '@idlewild/operator/portal/schemas.ts';
import { Button, Group, Menu, Text, Title, ActionIcon } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconDots } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { Link } from 'react-router';
import { call } from '../../data/api.ts';
import { useMachines } from '../../data/live.tsx';
import { machineStateOf, memory } from '../../data/machine-state.ts';
import { useMe } from '../../data/me.tsx';
import { Empty } from '../../ui/empty.tsx';
import { MachineChip } from '../../ui/machine-chip.tsx';
import { Page } from '../../ui/page.tsx';
import { UsedBar } from '../../ui/used-bar.tsx';
import { LabSwitches } from './lab-switches.tsx';
import css from './machines.module.css';

export function MachinesPage() {
  const { rows, refused } = useMachines();
  const { data: me } = useMe();
  const rooms = useMemo(() => byRoom([...(rows?.values() ?? [])]), [rows]);
  return (
    <Page title="Machines">
      {refused !== undefined ? (
        <Empty title="You may not see the machines">{refused}</Empty>
      ) : rows === undefined ? null : rows.size === 0 ? (
        <Empty title="No machines yet">
          A machine joins the lab when it joins the cluster and its agent says what it lends. An admin then approves it
          here.
        </Empty>
      ) : (
        rooms.map(([room, machines]) => (
          <section key={room} className={css.room} aria-label={room}>
            <Title order={2} size="h4" mb="sm">
              {room}
            </Title>
            <div className={css.tiles}>
              {machines.map((row) => (
                <Tile
                  key={row.name}
                  row={row}
                  mayChange={me?.machines.change === true}
                  hasSwitches={me?.machines.switches === true}
                />
              ))}
            </div>
          </section>
        ))
      )}
    </Page>
  );
}

function byRoom(rows: readonly MachineRow[]): [string, MachineRow[]][] {
  const rooms = new Map<string, MachineRow[]>();
  for (const row of [...rows].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }))) {
    const room = row.room ?? 'No room';
    rooms.set(room, [...(rooms.get(room) ?? []), row]);
  }
  return [...rooms].sort(([a], [b]) => a.localeCompare(b));
}

interface Change {
  readonly approved?: boolean;
  readonly cordoned?: boolean;
}

interface TileProps {
  readonly row: MachineRow;
  readonly mayChange: boolean;
  readonly hasSwitches: boolean;
}

function Tile({ row, mayChange, hasSwitches }: TileProps) {
  const [busy, setBusy] = useState(false);
  const change = async (what: Change): Promise<void> => {
    setBusy(true);
    try {
      await call('PATCH', `/api/v1/machines/${encodeURIComponent(row.name)}`, { body: what });
    } catch (error) {
      notifications.show({ color: 'red', title: `${row.name} was not changed`, message: (error as Error).message });
    }
    setBusy(false);
  };
  const { lends, used } = row;
  return (
    <article className="panel" aria-label={row.name}>
      <Group justify="space-between" wrap="nowrap" mb="xs">
        <div>
          <strong>{row.name}</strong>{' '}
          <Text span size="sm" className="quiet">
            {row.dedicated ? 'dedicated' : 'a desktop'}
          </Text>
        </div>
        {mayChange && row.approved && (
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="default" aria-label={`Actions for ${row.name}`} loading={busy}>
                <IconDots size={16} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => void change({ cordoned: !row.cordoned })}>
                {row.cordoned ? 'Let it take jobs again' : 'Drain: guests leave, none come'}
              </Menu.Item>
              <Menu.Item onClick={() => void change({ approved: false })}>Revoke the approval</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        )}
      </Group>
      <Group gap="xs" mb="sm">
        <MachineChip state={machineStateOf(row)} />
      </Group>
      <UsedBar label="Cores" used={used.cores} of={lends.cores} text={`${used.cores} of ${lends.cores}`} />
      <UsedBar
        label="Memory"
        used={used.memoryMiB}
        of={lends.memoryMiB}
        text={`${memory(used.memoryMiB)} of ${memory(lends.memoryMiB)}`}
      />
      <Text size="sm" mt="sm" className={css.foot ?? ''}>
        {row.hold?.message ??
          (used.guests === 0 ? (
            <span className="quiet">No guests</span>
          ) : (
            <Link to={`/jobs?q=${encodeURIComponent(row.name)}`}>
              {used.guests} {used.guests === 1 ? 'guest' : 'guests'}
            </Link>
          ))}
      </Text>
      {mayChange && !row.approved && (
        <Button mt="sm" size="xs" fullWidth loading={busy} onClick={() => void change({ approved: true })}>
          Approve
        </Button>
      )}
      {hasSwitches && <LabSwitches row={row} />}
    </article>
  );
}
