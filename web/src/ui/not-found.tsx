// Nothing has the name that the address asks for: says so, and leads to those that there are.
import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { Empty } from './empty.tsx';

export type Missing = 'job' | 'machine';

const lists: Readonly<Record<Missing, { readonly to: string; readonly label: string }>> = {
  job: { to: '/jobs', label: 'All jobs' },
  machine: { to: '/machines', label: 'All machines' },
};

export function NotFound({ what, children }: { readonly what: Missing; readonly children: ReactNode }) {
  const { to, label } = lists[what];
  return (
    <Empty
      title={`There is no such ${what}`}
      action={
        <Button component={Link} to={to} variant="default">
          {label}
        </Button>
      }
    >
      {children}
    </Empty>
  );
}
