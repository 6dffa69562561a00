// Looking on at a screen that somebody else works at: a picture a second, which disturbs nobody, and a way to take the screen over.
// Promises: taking over asks first. Pictures are followed only while this is shown.
import { Button, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import { useStream } from '../data/live.tsx';
import { Dialog } from '../ui/dialog.tsx';
import css from './console.module.css';

export interface WatchingProps {
  readonly namespace: string;
  readonly name: string;
  readonly onTakeOver: () => void;
}

export function Watching({ namespace, name, onTakeOver }: WatchingProps) {
  const stream = useStream();
  const [picture, setPicture] = useState<string>();
  const [refused, setRefused] = useState(false);
  const [asking, { open, close }] = useDisclosure();
  useEffect(
    () =>
      stream.subscribe({ topic: 'screen', namespace, name }, (message) => {
        if (message.type === 'still') setPicture(message.picture);
        if (message.type === 'error') setRefused(true);
      }),
    [stream, namespace, name],
  );
  return (
    <>
      {picture !== undefined && <img className={css.watched} src={picture} alt={`Screen of ${name}, once a second`} />}
      <div className={css.remark} role="status">
        <Text fw={700} size="sm">
          Somebody else has this screen
        </Text>
        <Text size="sm">
          {refused
            ? 'A screen has one viewer at a time.'
            : 'You are looking on, at one picture a second. When they leave, the screen is yours by itself.'}
        </Text>
        <Button size="xs" mt="sm" onClick={open}>
          Take over
        </Button>
      </div>
      <Dialog opened={asking} onClose={close} title="Take the screen over?">
        <Text size="sm">
          Whoever has it now can only look on from then, whatever they are doing. Their programs go on in the guest.
        </Text>
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={close}>
            Go on looking on
          </Button>
          <Button
            onClick={() => {
              close();
              onTakeOver();
            }}
          >
            Take it over
          </Button>
        </Group>
      </Dialog>
    </>
  );
}
