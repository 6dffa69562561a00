// A job as kubectl would show it.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { Group } from '@mantine/core';
import { stringify } from 'yaml';
import { CopyButton } from '../../ui/copy-button.tsx';
import css from './job.module.css';

export function JobYaml({ job }: { readonly job: ComputeJob }) {
  const text = stringify(job, { lineWidth: 0 });
  return (
    <>
      <Group justify="flex-end" mb="xs">
        <CopyButton text={text} />
      </Group>
      <pre className={css.text} tabIndex={0} aria-label="YAML of the job">
        {text}
      </pre>
    </>
  );
}
