// What a job is and where it is.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { DataList } from '@mantine/core';
import { fullTime } from '../../data/time.ts';

export function JobFacts({ job }: { readonly job: ComputeJob }) {
  const { spec, status = {}, metadata } = job;
  const { image } = spec;
  const { subscribers = [] } = status;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Namespace', metadata.namespace],
    ['Submitted', `${fullTime(metadata.creationTimestamp ?? '')}${submitter(job)}`],
    ['Image', image.containerDisk],
    ['Kind', spec.mode === 'Batch' ? 'script' : 'session'],
    ['Console', spec.console],
    ['Priority', spec.priority],
    ['Walltime', spec.walltime ?? 'no limit'],
    ['Machine', status.node],
    [
      'Also ready',
      subscribers
        .slice(1)
        .map(({ node }) => node)
        .join(', ') || undefined,
    ],
    ['Exit code', status.exitCode === undefined ? undefined : String(status.exitCode)],
  ];
  return (
    <DataList>
      {facts.map(
        ([label, value]) =>
          value !== undefined && (
            <DataList.Item key={label}>
              <DataList.ItemLabel>{label}</DataList.ItemLabel>
              <DataList.ItemValue>{value}</DataList.ItemValue>
            </DataList.Item>
          ),
      )}
    </DataList>
  );
}

function submitter({ metadata: { annotations } }: ComputeJob): string {
  const by = annotations?.['idlewild.dev/submitted-by'];
  return by === undefined ? '' : ` by ${by}`;
}
