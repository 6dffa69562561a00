// What one can do with the selected jobs of the list: stop those that are not over, delete any of them.
// Promises: says how many before it does it; tells of every job that was refused, by its name and with the reason. Acts only on what the
// list shows.
import type { Endings, JobRow } from '@idlewild/operator/portal/schemas.ts';
import { Button, Checkbox, Group, Progress, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconPlayerStop, IconTrash } from '@tabler/icons-react';
import { memo, useState } from 'react';
import { call } from '../../data/api.ts';
import type { Chosen } from '../../data/job-list.ts';
import { isOver, stateOf } from '../../data/job-state.ts';
import { endJobs, type JobToEnd, type Outcome } from '../../data/many-jobs.ts';
import { Dialog } from '../../ui/dialog.tsx';
import css from './jobs.module.css';

type Kind = 'stop' | 'remove';

interface Words {
  readonly verb: string;
  readonly done: string;
  readonly path: string;
  readonly title: (all: string, unfinished: number) => string;
  readonly loss: (unfinished: number) => string;
}

const words: Readonly<Record<Kind, Words>> = {
  stop: {
    verb: 'Stop',
    done: 'being stopped',
    path: '/api/v1/jobs/stops',
    title: (all) => `Stop ${all}?`,
    loss: () =>
      'Their virtual machines are shut down. What these have in memory and on their disks is gone, and so is what they have printed. The jobs stay in the list.',
  },
  remove: {
    verb: 'Delete',
    done: 'being deleted',
    path: '/api/v1/jobs/deletions',
    title: (all, unfinished) => (unfinished === 0 ? `Delete ${all}?` : `Delete ${all} (${unfinished} not over)?`),
    loss: (unfinished) =>
      'They go from the list, and with them what their guests have printed.' +
      (unfinished === 0
        ? ''
        : ' The virtual machines of those that are not over are shut down; what these have in memory and on their disks is gone.'),
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
  readonly selected: number;
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
export const JobBulk = memo(function JobBulk({ selected, stop, remove, selectable, chosen, onAll }: JobBulkProps) {
  const [order, setOrder] = useState<Order>();
  const ask = (kind: Kind): void => setOrder({ kind, jobs: chosen()[kind], stage: { is: 'asking' } });
  const carryOut = async ({ kind, jobs: meant }: Order): Promise<void> => {
    const tell = (done: number): void => setOrder({ kind, jobs: meant, stage: { is: 'busy', done } });
    tell(0);
    const outcome = await endJobs(meant, (some) => send(kind, some), tell);
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

const send = (kind: Kind, some: readonly JobToEnd[]): Promise<Endings> =>
  call<Endings>('POST', words[kind].path, { body: { jobs: some } });

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
  const { verb, done, ...ask } = words[kind];
  const count = order.jobs.length;
  const busy = stage.is === 'busy';
  const unfinished = order.jobs.filter((row) => !isOver(stateOf(row))).length;
  const title = stage.is === 'told' ? 'Not all of it was possible' : ask.title(jobs(count), unfinished);
  return (
    <Dialog opened onClose={onClose} title={title} busy={busy}>
      {stage.is === 'told' ? (
        <Told outcome={stage.outcome} done={done} />
      ) : (
        <>
          <Text mb="xs">{ask.loss(unfinished)}</Text>
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
          {stage.is === 'told' ? 'Close' : 'Keep them'}
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

function Told({ outcome: { done: ended, refused }, done }: { readonly outcome: Outcome; readonly done: string }) {
  return (
    <div role="alert">
      <Text mb="xs">
        {jobs(ended)} {ended === 1 ? 'is' : 'are'} {done}; {jobs(refused.length)} {refused.length === 1 ? 'is' : 'are'}{' '}
        not:
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
