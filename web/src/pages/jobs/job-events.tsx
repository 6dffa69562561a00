// What the cluster has recorded about a job, newest first.
import { Table } from '@mantine/core';
import { useEvents } from '../../data/live.tsx';
import { clockTime, fullTime } from '../../data/time.ts';
import { Empty } from '../../ui/empty.tsx';
import { WideTable } from '../../ui/wide-table.tsx';

export function JobEvents({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  const { events, refused } = useEvents(namespace, name);
  if (refused !== undefined) return <Empty title="You may not see events">{refused}</Empty>;
  if (events === undefined) return null;
  if (events.length === 0) {
    return (
      <Empty title="No events">The cluster keeps them for an hour or so. The timeline above keeps what mattered.</Empty>
    );
  }
  return (
    <WideTable minWidth={520} label="Events">
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={110}>Time</Table.Th>
            <Table.Th w={190}>Reason</Table.Th>
            <Table.Th>What was said</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {events.map(({ uid, at, type, reason, message, count }) => (
            <Table.Tr key={uid}>
              <Table.Td title={fullTime(at)}>{clockTime(at)}</Table.Td>
              <Table.Td>
                <strong className={type === 'Warning' ? 'warned' : ''}>{reason}</strong>
                {count > 1 && <span className="quiet"> × {count}</span>}
              </Table.Td>
              <Table.Td>{message}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </WideTable>
  );
}
