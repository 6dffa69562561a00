// Things that happened, newest first, as a table: when, what, and the same in words.
import { Table } from '@mantine/core';
import type { ReactNode } from 'react';
import { fullTime, shortTime } from '../../data/time.ts';
import { WideTable } from '../../ui/wide-table.tsx';

interface PastRow {
  readonly key: string;
  readonly at: string;
  readonly reason: string;
  readonly warned: boolean;
  readonly about?: ReactNode;
  readonly message: string;
}

interface PastTableProps {
  readonly rows: readonly PastRow[];
  readonly what: string;
  readonly none: string;
}

export function PastTable({ rows, what, none }: PastTableProps) {
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
