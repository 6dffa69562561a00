// One file that is written into the guest: its path, its mode, and its text or the key of a Secret that holds it.
import { ActionIcon, Group, SegmentedControl, Textarea, TextInput } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import type { DraftFile } from '../../data/draft.ts';
import css from './new-job.module.css';

export function FileFields({
  file,
  change,
  remove,
}: {
  readonly file: DraftFile;
  readonly change: (next: Partial<DraftFile>) => void;
  readonly remove: () => void;
}) {
  const name = file.path || 'the file';
  return (
    <div className={css.file}>
      <Group gap="xs" align="end" wrap="nowrap" mb={6}>
        <TextInput
          label="File in the guest"
          placeholder="/root/data.csv"
          flex={1}
          value={file.path}
          onChange={(event) => change({ path: event.currentTarget.value })}
        />
        <TextInput
          label="Mode"
          placeholder="0644"
          w={84}
          value={file.mode}
          onChange={(event) => change({ mode: event.currentTarget.value })}
        />
        <ActionIcon size="lg" variant="default" aria-label={`Remove ${name}`} onClick={remove}>
          <IconTrash size={16} />
        </ActionIcon>
      </Group>
      <SegmentedControl
        size="xs"
        mb={6}
        aria-label={`Where ${name} comes from`}
        value={file.from}
        onChange={(from) => change({ from: from as DraftFile['from'] })}
        data={[
          { value: 'text', label: 'Text' },
          { value: 'secret', label: 'From a Secret' },
        ]}
      />
      {file.from === 'text' ? (
        <Textarea
          aria-label={`Content of ${name}`}
          autosize
          minRows={3}
          maxRows={12}
          spellCheck={false}
          classNames={{ input: css.code ?? '' }}
          value={file.content}
          onChange={(event) => change({ content: event.currentTarget.value })}
        />
      ) : (
        <div className={css.pair}>
          <TextInput
            label="Secret"
            description="In the job’s namespace; the job waits while it is missing."
            value={file.secretName}
            onChange={(event) => change({ secretName: event.currentTarget.value })}
          />
          <TextInput
            label="Key"
            description="Whose value is the file."
            value={file.secretKey}
            onChange={(event) => change({ secretKey: event.currentTarget.value })}
          />
        </div>
      )}
    </div>
  );
}
