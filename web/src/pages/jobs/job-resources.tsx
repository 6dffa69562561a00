// What a job asked for, what its guest was given and what it uses; and what it has used so far. What nobody measures is unknown.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { JobResources as Told } from '@idlewild/operator/portal/schemas.ts';
import { Button, Title } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { call, jobPath } from '../../data/api.ts';
import { accountOf, resourceRows, type Cell } from '../../data/job-resources.ts';
import { useNow } from '../../data/live.tsx';
import { WideTable } from '../../ui/wide-table.tsx';
import css from './job.module.css';

export function JobResources({ job }: { readonly job: ComputeJob }) {
  const now = useNow();
  const { namespace = '', name, uid } = job.metadata;
  const { attempt, node, phase } = job.status ?? {};
  const { data, error, isFetching, refetch } = useQuery({
    // Asked anew for every guest and place, and when somebody wants to know; not by the clock.
    queryKey: ['resources', uid, attempt, node, phase],
    queryFn: ({ signal }) => call<Told>('GET', `${jobPath(namespace, name)}/resources`, { signal }),
    retry: false,
  });
  const told: Told | undefined = error === null ? data : { unknown: { given: error.message, used: error.message } };
  const rows = resourceRows(job, told);
  return (
    <>
      <WideTable minWidth={560} label="Resources">
        <table className={css.facts}>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">Asked for</th>
              <th scope="col">Given{data?.machine === undefined ? '' : ` by ${data.machine}`}</th>
              <th scope="col">Used</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ what, asked, given, used, share }) => (
              <tr key={what}>
                <th scope="row">{what}</th>
                <td>{asked}</td>
                <td>
                  <Shown cell={given} />
                </td>
                <td>
                  <Shown cell={used} />
                  {share !== undefined && (
                    <div className={css.track} aria-hidden>
                      <div className={css.fill} style={{ width: `${share * 100}%` }} />
                    </div>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </WideTable>
      <Button
        {...{ variant: 'default', size: 'compact-sm', mt: 'sm', loading: isFetching }}
        leftSection={<IconRefresh size={15} aria-hidden />}
        onClick={() => void refetch()}
      >
        Measure again
      </Button>
      <Title order={2} size="h5" mt="lg" mb="xs">
        So far
      </Title>
      <dl className={css.pairs}>
        {accountOf(job, now).map(({ what, text }) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function Shown({ cell }: { readonly cell: Cell }) {
  if ('text' in cell) return cell.text;
  return (
    <span className="quiet">
      unknown
      {cell.why !== '' && `: ${cell.why}`}
    </span>
  );
}
