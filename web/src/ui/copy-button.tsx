// Copies a text, and says that it has.
import { Button, CopyButton as Copying } from '@mantine/core';

export function CopyButton({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  return (
    <Copying value={text}>
      {({ copied, copy }) => (
        <Button variant="default" size="xs" onClick={copy}>
          {copied ? 'Copied' : label}
        </Button>
      )}
    </Copying>
  );
}
