// What one can do with a console beside typing into it.
import { Button, Group, Textarea } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { Dialog } from '../ui/dialog.tsx';
import type { Console } from './console-page.tsx';
import css from './console.module.css';

export function Toolbar(o: { readonly console: Console | undefined; readonly live: boolean; readonly name: string }) {
  const [typing, { open, close }] = useDisclosure();
  const [text, setText] = useState('');
  const [fitted, setFitted] = useState(true);
  const { console: own, live } = o;
  const back = (): void => (own?.kind === 'vnc' ? own.screen.focus() : own?.serial.focus());
  const send = (): void => {
    close();
    if (own?.kind === 'vnc') void own.screen.type(text).then(back);
    else own?.serial.type(text);
    setText('');
  };
  const picture = async (): Promise<void> => {
    const blob = own?.kind === 'vnc' ? await own.screen.picture() : null;
    if (blob === null) return;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = `${o.name}.png`;
    link.click();
    URL.revokeObjectURL(link.href);
    back();
  };
  const full = async (): Promise<void> => {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen();
    back();
  };
  const button = { size: 'xs', variant: 'default' } as const;
  return (
    <Group gap={6} className={css.tools ?? ''}>
      {own?.kind === 'vnc' && (
        <>
          <Button
            {...button}
            disabled={!live}
            onClick={() => {
              own.screen.sendCtrlAltDel();
              back();
            }}
          >
            Ctrl+Alt+Del
          </Button>
          <Button
            {...button}
            aria-pressed={fitted}
            onClick={() => {
              own.screen.fit(!fitted);
              setFitted(!fitted);
              back();
            }}
          >
            {fitted ? 'Real size' : 'Fit'}
          </Button>
          <Button {...button} disabled={!live} onClick={() => void picture()}>
            Picture
          </Button>
        </>
      )}
      <Button {...button} disabled={!live} onClick={open}>
        Type text
      </Button>
      <Button {...button} onClick={() => void full()}>
        Full screen
      </Button>
      <Dialog opened={typing} onClose={close} title="Type text into the guest">
        <Textarea
          aria-label="Text to type"
          description="It is typed key by key, as on an American keyboard."
          autosize
          minRows={3}
          maxRows={10}
          data-autofocus
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button onClick={send} disabled={text === ''}>
            Type it
          </Button>
        </Group>
      </Dialog>
    </Group>
  );
}
