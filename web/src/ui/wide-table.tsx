// A table that is too wide for a phone: it scrolls by itself, by keyboard as well, and says what it is.

import { Table } from '@mantine/core';
import type { ReactNode } from 'react';

interface WideTableProps {
  /** Narrower than this it scrolls, px. */
  readonly minWidth: number;
  /** What it shows, for who cannot see it. */
  readonly label: string;
  readonly children: ReactNode;
}

export function WideTable({ minWidth, label, children }: WideTableProps) {
  const viewportProps = { tabIndex: 0, role: 'region', 'aria-label': label };
  return (
    <Table.ScrollContainer minWidth={minWidth} scrollAreaProps={{ viewportProps }}>
      {children}
    </Table.ScrollContainer>
  );
}
