// A place where nothing is yet: says what would be there, and offers the one thing to do.
import { Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

export function Empty(o: { readonly title: string; readonly children: ReactNode; readonly action?: ReactNode }) {
  return (
    <Stack align="center" gap="xs" py={64} px="md" ta="center">
      <Title order={2} size="h4">
        {o.title}
      </Title>
      <Text className="quiet" maw={460}>
        {o.children}
      </Text>
      {o.action}
    </Stack>
  );
}
