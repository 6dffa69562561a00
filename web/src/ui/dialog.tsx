// What is asked or told before a page goes on, over all else. Escape, a click beside it and its own buttons lead out.
// Promises: no style element, which the page's policy forbids, and no button without a name. Pages use this and no modal of their own.
import { Modal } from '@mantine/core';
import type { ReactNode } from 'react';

export function Dialog(o: {
  readonly opened: boolean;
  readonly title: string;
  readonly onClose: () => void;
  /** It must be waited for: only its own buttons lead out. */
  readonly busy?: boolean;
  readonly children: ReactNode;
}) {
  const free = o.busy !== true;
  return (
    <Modal
      opened={o.opened}
      onClose={o.onClose}
      title={o.title}
      centered
      closeOnEscape={free}
      closeOnClickOutside={free}
      withCloseButton={false}
      lockScroll={false}
    >
      {o.children}
    </Modal>
  );
}
