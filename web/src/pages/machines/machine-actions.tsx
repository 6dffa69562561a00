// What an admin may do with a machine: approve it or take that back, keep jobs off it, tell its guests to leave, hold it for a while.
// Promises: what ends or moves guests says so before it is done; a refusal is shown in the words of the cluster.
import type { Drained, MachineRow } from '@idlewild/operator/portal/schemas.ts';
import { ActionIcon, Button, Group, Menu, SegmentedControl, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconDots } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { call } from '../../data/api.ts';
import { Dialog } from '../../ui/dialog.tsx';

interface Change {
  readonly approved?: boolean;
  readonly cordoned?: boolean;
  readonly hold?: { readonly minutes: number; readonly message?: string } | null;
}

/** What is asked about before it is done. */
type Asked = 'revoke' | 'drain' | 'hold';

const pathOf = (name: string): string => `/api/v1/machines/${encodeURIComponent(name)}`;

export function useMachineChange(name: string) {
  const [busy, setBusy] = useState(false);
  const attempt = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true);
    try {
      await what();
    } catch (error) {
      notifications.show({ color: 'red', title: `${name} was not changed`, message: (error as Error).message });
    }
    setBusy(false);
  };
  return {
    busy,
    change: (what: Change) => attempt(() => call('PATCH', pathOf(name), { body: what })),
    drain: () =>
      attempt(async () => {
        const { evicted, refused } = await call<Drained>('POST', `${pathOf(name)}/drain`);
        const guests = evicted === 1 ? '1 guest was told' : `${evicted} guests were told`;
        notifications.show({ message: `${name} takes no jobs any more; ${guests} to leave.` });
        for (const { pod, message } of refused) notifications.show({ color: 'red', title: `${pod} stays`, message });
      }),
  };
}

export function MachineActions({ row }: { readonly row: MachineRow }) {
  const [asked, setAsked] = useState<Asked>();
  const { busy, change, drain } = useMachineChange(row.name);
  const guests = row.used.guests === 1 ? 'its guest is' : `each of its ${row.used.guests} guests is`;
  return (
    <>
      <Menu position="bottom-end" width={250}>
        <Menu.Target>
          <ActionIcon variant="default" size="lg" aria-label={`Actions for ${row.name}`} loading={busy}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {!row.approved && <Menu.Item onClick={() => void change({ approved: true })}>Approve</Menu.Item>}
          <Menu.Item onClick={() => setAsked('drain')}>Drain …</Menu.Item>
          {row.cordoned ? (
            <Menu.Item onClick={() => void change({ cordoned: false })}>Uncordon: take jobs again</Menu.Item>
          ) : (
            <Menu.Item onClick={() => void change({ cordoned: true })}>Cordon: no new jobs</Menu.Item>
          )}
          {row.hold === undefined ? (
            <Menu.Item onClick={() => setAsked('hold')}>Hold for a while …</Menu.Item>
          ) : (
            <Menu.Item onClick={() => void change({ hold: null })}>Release the hold</Menu.Item>
          )}
          {row.approved && (
            <>
              <Menu.Divider />
              <Menu.Item onClick={() => setAsked('revoke')}>Revoke the approval …</Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      <Question
        opened={asked === 'drain'}
        title={`Drain ${row.name}?`}
        yes="Drain it"
        onClose={() => setAsked(undefined)}
        onYes={() => void drain()}
      >
        It is cordoned, so that no new job comes, and {guests} evicted as <code>kubectl drain</code> does: a guest that
        can move goes on elsewhere without a pause, any other is made anew on another machine. It needs your right to
        evict pods in their namespaces. Pods that are no guests stay.
      </Question>
      <Question
        opened={asked === 'revoke'}
        title={`Revoke the approval of ${row.name}?`}
        yes="Revoke it"
        onClose={() => setAsked(undefined)}
        onYes={() => void change({ approved: false })}
      >
        It gets no more jobs, and whatever guests it has, {row.used.guests} now, have to leave at once. Approve it again
        to trust it again.
      </Question>
      <Hold
        name={row.name}
        opened={asked === 'hold'}
        onClose={() => setAsked(undefined)}
        onYes={(hold) => void change({ hold })}
      />
    </>
  );
}

interface QuestionProps {
  readonly opened: boolean;
  readonly title: string;
  readonly yes: string;
  readonly onClose: () => void;
  readonly onYes: () => void;
  readonly children: ReactNode;
}

function Question(o: QuestionProps) {
  return (
    <Dialog opened={o.opened} onClose={o.onClose} title={o.title}>
      <Text component="div" mb="md">
        {o.children}
      </Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={o.onClose}>
          Leave it
        </Button>
        <Button
          onClick={() => {
            o.onClose();
            o.onYes();
          }}
        >
          {o.yes}
        </Button>
      </Group>
    </Dialog>
  );
}

const lengths = [
  { value: '30', label: '30 min' },
  { value: '240', label: '4 h' },
  { value: '1440', label: '1 day' },
  { value: '10080', label: '1 week' },
];

function Hold(o: {
  readonly name: string;
  readonly opened: boolean;
  readonly onClose: () => void;
  readonly onYes: (hold: { readonly minutes: number; readonly message?: string }) => void;
}) {
  const [minutes, setMinutes] = useState('240');
  const [message, setMessage] = useState('');
  return (
    <Question
      opened={o.opened}
      title={`Hold ${o.name}?`}
      yes="Hold it"
      onClose={o.onClose}
      onYes={() => o.onYes({ minutes: Number(minutes), ...(message.trim() === '' ? {} : { message: message.trim() }) })}
    >
      It gets no jobs until then, and takes them again by itself. The guests that it has stay.
      <SegmentedControl mt="md" fullWidth data={lengths} value={minutes} onChange={setMinutes} aria-label="How long" />
      <TextInput
        mt="md"
        label="Why"
        placeholder="for those who wonder"
        maxLength={300}
        value={message}
        onChange={(event) => setMessage(event.currentTarget.value)}
      />
    </Question>
  );
}
