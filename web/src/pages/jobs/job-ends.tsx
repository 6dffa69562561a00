// The two ways to end a job from its page: to stop it, which keeps its record, and to delete it.
// Promises: says what is lost before it is; offers only what one may do. A job that is over is only deleted.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { Button, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { IconPlayerStop, IconTrash } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { useNavigate } from 'react-router';
import { call, jobPath } from '../../data/api.ts';
import { useMe } from '../../data/me.tsx';
import { Dialog } from '../../ui/dialog.tsx';

interface JobEndsProps {
  readonly job: ComputeJob;
  readonly over: boolean;
  /** It has been told to end already. */
  readonly stopping: boolean;
}

export function JobEnds({ job, over, stopping }: JobEndsProps) {
  const { namespace = '', name, uid = '', deletionTimestamp } = job.metadata;
  const { data: me } = useMe();
  const navigate = useNavigate();
  const may = me?.namespaces.find((each) => each.name === namespace);
  const path = `${jobPath(namespace, name)}?uid=${encodeURIComponent(uid)}`;
  const stop = async (): Promise<void> => {
    await call('PATCH', path, { body: { stop: true } });
    notifications.show({ message: `${name} is being stopped` });
  };
  const remove = async (): Promise<void> => {
    await call('DELETE', path);
    notifications.show({ message: over ? `${name} was deleted` : `${name} is being stopped and deleted` });
    void navigate('/jobs');
  };
  return (
    <>
      {may?.stop === true && !over && (
        <End
          {...{ word: stopping ? 'Stopping' : 'Stop', yes: 'Stop it', failed: `${name} was not stopped` }}
          icon={<IconPlayerStop size={16} aria-hidden />}
          disabled={stopping}
          title={`Stop ${name}?`}
          loss={
            job.status?.node === undefined
              ? 'It leaves the queue and is not tried again. The job stays in the list, with what happened to it.'
              : 'Its virtual machine is shut down. What it has in memory and on its disk is gone, and so is what it has printed. The job stays in the list, with what happened to it.'
          }
          act={stop}
        />
      )}
      {may?.delete === true && (
        <End
          {...{ word: 'Delete', yes: 'Delete it', failed: `${name} was not deleted` }}
          icon={<IconTrash size={16} aria-hidden />}
          disabled={deletionTimestamp !== undefined}
          title={over ? `Delete ${name}?` : `Stop ${name} and delete it?`}
          loss={
            over
              ? 'The job goes from the list, and with it what its guests have printed.'
              : 'Its virtual machine is shut down. What it has in memory and on its disk is gone, and so is what it has printed.'
          }
          act={remove}
        />
      )}
    </>
  );
}

function End(o: {
  readonly word: string;
  readonly icon: ReactNode;
  readonly disabled: boolean;
  readonly title: string;
  readonly loss: string;
  readonly yes: string;
  /** The title of what is told when it was refused. */
  readonly failed: string;
  readonly act: () => Promise<void>;
}) {
  const [opened, { open, close }] = useDisclosure();
  const [busy, setBusy] = useState(false);
  const carryOut = async (): Promise<void> => {
    setBusy(true);
    try {
      await o.act();
    } catch (error) {
      notifications.show({ color: 'red', title: o.failed, message: (error as Error).message });
    }
    setBusy(false);
    close();
  };
  return (
    <>
      <Button variant="default" leftSection={o.icon} onClick={open} disabled={o.disabled}>
        {o.word}
      </Button>
      <Dialog opened={opened} onClose={close} title={o.title}>
        <Text mb="md">{o.loss}</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Keep it
          </Button>
          <Button color="red" variant="filled" loading={busy} onClick={() => void carryOut()}>
            {o.yes}
          </Button>
        </Group>
      </Dialog>
    </>
  );
}
