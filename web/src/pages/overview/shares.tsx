// Who has which share of the lab, by namespace or by who submitted. The last thing on its page, for its length is not known before.
import type { Overview, Share } from '@idlewild/operator/portal/schemas.ts';
import { SegmentedControl, Skeleton, Table, Title } from '@mantine/core';
import { useState } from 'react';
import { span } from '../../data/time.ts';
import { WideTable } from '../../ui/wide-table.tsx';
import css from './overview.module.css';

type By = 'shares' | 'people';

export function Shares({ data }: { readonly data: Pick<Overview, By> | undefined }) {
  const [by, setBy] = useState<By>('shares');
  return (
    <section className={css.section} aria-label="Shares">
      <div className={css.head}>
        <Title order={2} size="h4">
          Shares
        </Title>
        <SegmentedControl
          size="xs"
          aria-label="Shares of"
          value={by}
          onChange={(value) => setBy(value as By)}
          data={[
            { value: 'shares', label: 'Namespaces' },
            { value: 'people', label: 'People' },
          ]}
        />
      </div>
      {data === undefined ? <Skeleton height={120} /> : <ShareTable by={by} shares={data[by]} />}
    </section>
  );
}

function ShareTable({ by, shares }: { readonly by: By; readonly shares: readonly Share[] }) {
  const cores = shares.reduce((sum, share) => sum + share.cores, 0);
  const who = by === 'shares' ? 'Namespace' : 'Submitted by';
  return (
    <WideTable minWidth={560} label="Shares">
      <Table>
        <Table.Thead>
          <Table.Tr>
            {[who, 'With a machine', 'Waiting', 'Cores now', 'Share', 'Core time used', 'lost'].map((title) => (
              <Table.Th key={title}>{title}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {shares.map((share) => (
            <Table.Tr key={share.name}>
              <Table.Td className={css.who}>{share.name === '' ? 'not through the portal' : share.name}</Table.Td>
              <Table.Td>{share.running}</Table.Td>
              <Table.Td>{share.waiting}</Table.Td>
              <Table.Td>{share.cores}</Table.Td>
              <Table.Td>{cores === 0 ? '0 %' : `${Math.round((share.cores / cores) * 100)} %`}</Table.Td>
              <Table.Td>{span(share.coreSeconds * 1000)}</Table.Td>
              <Table.Td>{span(share.lostCoreSeconds * 1000)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </WideTable>
  );
}
