// What one can do with the selected jobs of the list: stop those that are not over, delete those that are.
// Promises: says how many before it does it; tells of every job that was refused, by its name and with the reason. Acts only on what the
// list shows.
import type { Deletions, JobRow } from '@idlewild/operator/portal/schemas.ts';
import { Button, Checkbox, Group, Progress, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconPlayerStop, IconTrash } from '@tabler/icons-react';
import { memo, useState } from 'react';
import { call } from '../../data/api.ts';
import { deleteJobs, type JobToDelete, type Outcome } from '../../data/job-deletion.ts';
import type { Chosen } from '../../data/job-list.ts';
import { Dialog } from '../../ui/dialog.tsx';
import css from './jobs.module.css';

type Kind = 'stop' | 'remove';

const words: Readonly<Record<Kind, { verb: string; done: string; loss: string; keep: string }>> = {
  stop: {
    verb: 'Stop',
    done: 'being stopped',
    loss: 'Their virtual machines are shut down. What these have in memory and on their disks is gone, and so is what they have printed.',
    keep: 'Keep them',
  },
  remove: {
    verb: 'Delete',
    done: 'deleted',
    loss: 'They go from the list, and with them what their guests have printed.',
    keep: 'Keep them',
  },
};

type Stage =
  | { readonly is: 'asking' }
  | { readonly is: 'busy'; readonly done: number }
  | { readonly is: 'told'; readonly outcome: Outcome };

interface Order {
  readonly kind: Kind;
  /** As they were when one asked: what is selected meanwhile is not meant. */
  readonly jobs: readonly JobRow[];
  readonly stage: Stage;
}

const jobs = (count: number): string => `${count} ${count === 1 ? 'job' : 'jobs'}`;

interface JobBulkProps {
  /** How many of the selected ones can be stopped, and deleted. */
  readonly stop: number;
  readonly remove: number;
  /** How many could be selected at all. */
  readonly selectable: number;
  /** Which they are, at the time of asking. */
  readonly chosen: () => Chosen;
  readonly onAll: (on: boolean) => void;
}

/** Knows numbers and not rows, so that it is not drawn anew whenever some job changes. */
export const JobBulk = memo(function JobBulk({ stop, remove, selectable, chosen, onAll }: JobBulkProps) {
  const selected = stop + remove;
  const [order, setOrder] = useState<Order>();
  const ask = (kind: Kind): void => setOrder({ kind, jobs: chosen()[kind], stage: { is: 'asking' } });
  const carryOut = async ({ kind, jobs: meant }: Order): Promise<void> => {
    const tell = (done: number): void => setOrder({ kind, jobs: meant, stage: { is: 'busy', done } });
    tell(0);
    const outcome = await deleteJobs(meant, send, tell);
    if (outcome.refused.length > 0) {
      setOrder({ kind, jobs: meant, stage: { is: 'told', outcome } });
      return;
    }
    setOrder(undefined);
    const { done } = words[kind];
    notifications.show({ message: `${jobs(meant.length)} ${meant.length === 1 ? 'is' : 'are'} ${done}` });
  };
  return (
    <div className={css.bulk} role="group" aria-label="Selected jobs">
      <Checkbox
        label={selected === 0 ? `Select all ${selectable}` : `${selected} selected`}
        checked={selected > 0 && selected === selectable}
        indeterminate={selected > 0 && selected < selectable}
        disabled={selectable === 0}
        onChange={() => onAll(selected < selectable)}
      />
      <Group gap="xs" wrap="nowrap">
        <Button
          {...{ variant: 'default', size: 'compact-sm', disabled: stop === 0 }}
          leftSection={<IconPlayerStop size={15} aria-hidden />}
          onClick={() => ask('stop')}
        >
          Stop {stop > 0 && stop}
        </Button>
        <Button
          {...{ variant: 'default', size: 'compact-sm', disabled: remove === 0 }}
          leftSection={<IconTrash size={15} aria-hidden />}
          onClick={() => ask('remove')}
        >
          Delete {remove > 0 && remove}
        </Button>
      </Group>
      {order !== undefined && (
        <Confirm order={order} onClose={() => setOrder(undefined)} onYes={() => void carryOut(order)} />
      )}
    </div>
  );
});

const send = (some: readonly JobToDelete[]): Promise<Deletions> =>
  call<Deletions>('POST', '/api/v1/jobs/deletions', { body: { jobs: some } });

/** Names that are read before it is done; the rest are counted. */
const mostNames = 5;

function Confirm({
  order,
  onClose,
  onYes,
}: {
  readonly order: Order;
  readonly onClose: () => void;
  readonly onYes: () => void;
}) {
  const { kind, stage } = order;
  const { verb, done, loss, keep } = words[kind];
  const count = order.jobs.length;
  const busy = stage.is === 'busy';
  const title =
    stage.is === 'told'
      ? 'Not all of it was possible'
      : `${verb} ${jobs(count)}${kind === 'stop' ? ' and delete them' : ''}?`;
  return (
    <Dialog opened onClose={onClose} title={title} busy={busy}>
      {stage.is === 'told' ? (
        <Told outcome={stage.outcome} done={done} />
      ) : (
        <>
          <Text mb="xs">{loss}</Text>
          <Text mb="md" className="quiet" size="sm" style={{ overflowWrap: 'anywhere' }}>
            {order.jobs
              .slice(0, mostNames)
              .map(({ name }) => name)
              .join(', ')}
            {count > mostNames && ` and ${count - mostNames} more`}
          </Text>
        </>
      )}
      {busy && <Progress value={(stage.done / count) * 100} mb="md" aria-label={`${stage.done} of ${count}`} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose} disabled={busy}>
          {stage.is === 'told' ? 'Close' : keep}
        </Button>
        {stage.is !== 'told' && (
          <Button color="red" variant="filled" loading={busy} onClick={onYes}>
            {verb} {jobs(count)}
          </Button>
        )}
      </Group>
    </Dialog>
  );
}

function Told({ outcome: { deleted, refused }, done }: { readonly outcome: Outcome; readonly done: string }) {
  return (
    <div role="alert">
      <Text mb="xs">
        {jobs(deleted)} {deleted === 1 ? 'is' : 'are'} {done}; {jobs(refused.length)}{' '}
        {refused.length === 1 ? 'is' : 'are'} not:
      </Text>
      <ul className={css.refused} tabIndex={0} aria-label="Refused">
        {refused.map(({ namespace, name, detail }) => (
          <li key={`${namespace}/${name}`}>
            <strong>{name}</strong>: {detail}
          </li>
        ))}
      </ul>
    </div>
  );
}
