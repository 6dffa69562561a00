// What the list of jobs is filtered by. Takes words and not rows, so that it is not drawn anew whenever some job changes.
import { Select, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { memo } from 'react';
import type { JobFilter } from '../../data/job-list.ts';
import css from './jobs.module.css';

interface JobFiltersProps extends JobFilter {
  /** States that there are, each with how many: `Waiting 3`, one a line. */
  readonly states: string;
  /** One a line. */
  readonly namespaces: string;
  readonly set: (name: 'q' | 'state' | 'namespace', value: string | null) => void;
}

export const JobFilters = memo(function JobFilters({
  text,
  state,
  namespace,
  states,
  namespaces,
  set,
}: JobFiltersProps) {
  const spaces = lines(namespaces);
  return (
    <div className={css.filters} role="search">
      <TextInput
        aria-label="Search by name, machine or reason"
        placeholder="Name, machine or reason"
        leftSection={<IconSearch size={16} aria-hidden />}
        value={text}
        onChange={(event) => set('q', event.currentTarget.value)}
      />
      <Select
        aria-label="State"
        placeholder="Any state"
        clearable
        data={lines(states).map((line) => {
          const [, value = line, count = '0'] = /^(.*) (\d+)$/.exec(line) ?? [];
          return { value, label: `${value} (${count})` };
        })}
        value={state}
        onChange={(value) => set('state', value)}
      />
      {(spaces.length > 1 || namespace !== null) && (
        <Select
          aria-label="Namespace"
          placeholder="Any namespace"
          clearable
          searchable
          data={spaces}
          value={namespace}
          onChange={(value) => set('namespace', value)}
        />
      )}
    </div>
  );
});

const lines = (text: string): string[] => (text === '' ? [] : text.split('\n'));
