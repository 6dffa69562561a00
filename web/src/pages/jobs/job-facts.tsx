// What a job asked for and what it has used so far.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { DataList } from '@mantine/core';
import { fullTime, span } from '../../data/time.ts';

export function JobFacts({ job }: { readonly job: ComputeJob }) {
  const { spec, status = {}, metadata } = job;
  const { resources, image } = spec;
  const { usage, subscribers = [] } = status;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Namespace', metadata.namespace],
    ['Submitted', `${fullTime(metadata.creationTimestamp ?? '')}${submitter(job)}`],
    ['Image', image.containerDisk],
    ['Kind', spec.mode === 'Batch' ? 'script' : 'session'],
    ['Cores and memory', `${resources.cores}, ${resources.memory}`],
    ['Disk', resources.disk === undefined ? undefined : String(resources.disk)],
    ['Graphics memory', resources.graphicsMemory === undefined ? undefined : String(resources.graphicsMemory)],
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
    ['Core time used', usage?.coreSeconds === undefined ? undefined : span(usage.coreSeconds * 1000)],
    ['Core time lost', usage?.lostCoreSeconds === undefined ? undefined : span(usage.lostCoreSeconds * 1000)],
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
