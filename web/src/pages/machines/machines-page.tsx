// The machines of the lab by room, on one screen: which lend, which have their owner there, what runs on them.
import type { MachineRow } from '@idlewild/operator/portal/schemas.ts';
import { Text, Title } from '@mantine/core';
import { useMemo } from 'react';
import { useMachines } from '../../data/live.tsx';
import { lendsNow, machineStateOf } from '../../data/machine-state.ts';
import { useMe } from '../../data/me.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { MachineTile } from './machine-tile.tsx';
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
            <div className={css.head}>
              <Title order={2} size="h4">
                {room}
              </Title>
              <Text size="sm" className="quiet">
                {inShort(machines)}
              </Text>
            </div>
            <div className={css.tiles}>
              {machines.map((row) => (
                <MachineTile
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

const waits = (row: MachineRow): boolean => machineStateOf(row) === 'Waiting for approval';

function byRoom(rows: readonly MachineRow[]): [string, MachineRow[]][] {
  const rooms = new Map<string, MachineRow[]>();
  for (const row of [...rows].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }))) {
    const room = waits(row) ? 'Waiting for approval' : (row.room ?? 'No room');
    rooms.set(room, [...(rooms.get(room) ?? []), row]);
  }
  // What an admin is waited for comes first.
  const first = ([, [row]]: [string, MachineRow[]]): number => (row !== undefined && waits(row) ? 0 : 1);
  return [...rooms].sort((a, b) => first(a) - first(b) || a[0].localeCompare(b[0], undefined, { numeric: true }));
}

function inShort(machines: readonly MachineRow[]): string {
  const lending = machines.filter(lendsNow);
  const cores = lending.reduce((sum, { lends }) => sum + lends.cores, 0);
  const used = machines.reduce((sum, row) => sum + row.used.cores, 0);
  return `${lending.length} of ${machines.length} lend ${cores} cores; ${used} at work`;
}
