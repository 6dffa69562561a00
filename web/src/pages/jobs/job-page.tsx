// One job: what it does, what happened to it, what it prints, and what one can do with it.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { jobRowOf } from '@idlewild/operator/portal/rows.ts';
import { Button, Loader, Tabs, Text } from '@mantine/core';
import { IconRepeat, IconTerminal2 } from '@tabler/icons-react';
import { Link, useParams, useSearchParams } from 'react-router';
import { isOver, sentenceOf, stateOf } from '../../data/job-state.ts';
import { useJob } from '../../data/live.tsx';
import { Empty } from '../../ui/empty.tsx';
import { NotFound } from '../../ui/not-found.tsx';
import { Page } from '../../ui/page.tsx';
import { StateChip } from '../../ui/state-chip.tsx';
import { JobEnds } from './job-ends.tsx';
import { JobEvents } from './job-events.tsx';
import { JobFacts } from './job-facts.tsx';
import { JobOutput } from './job-output.tsx';
import { JobResources } from './job-resources.tsx';
import { JobWait } from './job-wait.tsx';
import { JobYaml } from './job-yaml.tsx';
import { Timeline } from './timeline.tsx';

export function JobPage() {
  const { namespace = '', name = '' } = useParams();
  const { job, refused } = useJob(namespace, name);
  if (refused !== undefined) return <Empty title="You may not see this job">{refused}</Empty>;
  if (job === undefined) return <Loader type="dots" aria-label="Loading" />;
  if (job === null) {
    return (
      <Page title={name}>
        <NotFound what="job">
          It was deleted, or the name is another one. A job is deleted with all that it printed.
        </NotFound>
      </Page>
    );
  }
  return <Loaded key={job.metadata.uid} job={job} />;
}

const tabs = ['output', 'resources', 'events', 'details', 'yaml'] as const;

function Loaded({ job }: { readonly job: ComputeJob }) {
  const row = jobRowOf(job);
  const state = stateOf(row);
  const [search, setSearch] = useSearchParams();
  const wanted = search.get('tab') ?? 'output';
  const tab = (tabs as readonly string[]).includes(wanted) ? wanted : 'output';
  return (
    <Page
      title={row.name}
      tab={`${state}: ${row.name}`}
      beside={<StateChip state={state} />}
      actions={
        <>
          {row.console !== 'None' && row.node !== undefined && !isOver(state) && (
            <Button
              component={Link}
              to={`/jobs/${row.namespace}/${row.name}/console`}
              leftSection={<IconTerminal2 size={16} aria-hidden />}
            >
              Connect
            </Button>
          )}
          <Button
            component={Link}
            to={`/new?from=${row.namespace}/${row.name}`}
            variant="default"
            leftSection={<IconRepeat size={16} aria-hidden />}
          >
            Run again
          </Button>
          <JobEnds job={job} over={isOver(state)} stopping={state === 'Stopping'} />
        </>
      }
    >
      <Text mb="md" className="quiet" aria-live="polite">
        {sentenceOf(row)}
      </Text>
      <JobWait job={job} />
      <Timeline job={job} />
      <Tabs
        value={tab}
        onChange={(value) => setSearch({ tab: value ?? 'output' }, { replace: true })}
        mt="md"
        keepMounted={false}
      >
        <Tabs.List>
          <Tabs.Tab value="output">Output</Tabs.Tab>
          <Tabs.Tab value="resources">Resources</Tabs.Tab>
          <Tabs.Tab value="events">Events</Tabs.Tab>
          <Tabs.Tab value="details">Details</Tabs.Tab>
          <Tabs.Tab value="yaml">YAML</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="output" pt="md">
          <JobOutput namespace={row.namespace} name={row.name} />
        </Tabs.Panel>
        <Tabs.Panel value="resources" pt="md">
          <JobResources job={job} />
        </Tabs.Panel>
        <Tabs.Panel value="events" pt="md">
          <JobEvents namespace={row.namespace} name={row.name} />
        </Tabs.Panel>
        <Tabs.Panel value="details" pt="md">
          <JobFacts job={job} />
        </Tabs.Panel>
        <Tabs.Panel value="yaml" pt="md">
          <JobYaml job={job} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
