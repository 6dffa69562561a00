// The head of a page: its title takes the focus when one comes from another page, and names the tab.
import { Group, Title } from '@mantine/core';
import { useEffect, useRef, type ReactNode } from 'react';

export function Page(o: {
  readonly title: string;
  /** In the tab; the title unless given. */
  readonly tab?: string;
  readonly beside?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { title, tab = title } = o;
  useEffect(() => heading.current?.focus({ preventScroll: true }), [title]);
  useEffect(() => {
    document.title = `${tab} · Idlewild`;
  }, [tab]);
  return (
    <>
      <Group justify="space-between" mb="md" gap="sm">
        <Group gap="sm">
          <Title order={1} size="h2" tabIndex={-1} ref={heading} style={{ outline: 'none', overflowWrap: 'anywhere' }}>
            {title}
          </Title>
          {o.beside}
        </Group>
        <Group gap="xs">{o.actions}</Group>
      </Group>
      {o.children}
    </>
  );
}
