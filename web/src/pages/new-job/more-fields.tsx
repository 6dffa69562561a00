// The fields of a job that most jobs leave as they are: priority, network, what an owner's return means for it, files.
import { Button, Checkbox, Collapse, Select, Stack, Text, Textarea, TextInput, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { firstFile, type Draft, type DraftFile } from '../../data/draft.ts';
import { FileFields } from './file-fields.tsx';
import type { Fields } from './job-fields.tsx';
import css from './new-job.module.css';

const networks: Readonly<Record<Draft['network'], string>> = {
  Isolated: 'the internet, but nothing of the lab',
  None: 'no network at all',
  Open: 'whatever its machine reaches',
};

const yields: Readonly<Record<string, string>> = {
  Migrate: 'moves elsewhere while it runs',
  Freeze: 'stands still until they leave',
  Restart: 'begins anew elsewhere',
};

const optionsOf = (words: Readonly<Record<string, string>>) =>
  Object.entries(words).map(([value, label]) => ({ value, label }));

export function MoreFields({ draft, set, errors }: Fields) {
  const [opened, { toggle }] = useDisclosure(draft.files.length > 0 || draft.checkpoint !== '');
  const files = draft.files.length === 0 ? 'no files' : `${draft.files.length} files`;
  const summary = [
    `${draft.priority.toLowerCase()} priority`,
    networks[draft.network],
    yields[draft.ownerReturns] ?? draft.ownerReturns,
    files,
  ].join(', ');
  const change = (index: number, next: Partial<DraftFile>): void =>
    set({ files: draft.files.map((each, at) => (at === index ? { ...each, ...next } : each)) });
  return (
    <div>
      <UnstyledButton onClick={toggle} aria-expanded={opened} className={css.more ?? ''}>
        {opened ? <IconChevronDown size={16} aria-hidden /> : <IconChevronRight size={16} aria-hidden />}
        <strong>More</strong> <span className="quiet">{summary}</span>
      </UnstyledButton>
      <Collapse expanded={opened}>
        <Stack gap="md" pt="sm">
          <div className={css.pair}>
            <Select
              label="Priority"
              data={['Low', 'Normal', 'High', 'Urgent']}
              allowDeselect={false}
              value={draft.priority}
              error={errors.priority}
              onChange={(priority) => set({ priority: priority ?? 'Normal' })}
            />
            <Select
              label="Network"
              data={optionsOf(networks)}
              allowDeselect={false}
              value={draft.network}
              error={errors.network}
              onChange={(network) => set({ network: (network ?? 'Isolated') as Draft['network'] })}
            />
          </div>
          <Select
            label="When the machine’s owner returns"
            description="The guest is held back and frozen at once in any case. This is what follows."
            data={optionsOf(yields)}
            allowDeselect={false}
            value={draft.ownerReturns}
            error={errors.ownerReturns}
            onChange={(ownerReturns) => set({ ownerReturns: ownerReturns ?? 'Migrate' })}
          />
          <Checkbox
            label="Never two guests of this job at a time"
            description="Without this, a replacement may start while nobody knows yet whether a machine that fell silent still runs the old one. For jobs that may well run twice."
            checked={draft.exclusive}
            error={errors.exclusive}
            onChange={(event) => set({ exclusive: event.currentTarget.checked })}
          />
          <Textarea
            label="Save its work before it is shut down"
            description="A script that the guest runs, as root, when it has to go. Leave it empty if there is nothing to save."
            placeholder="none"
            autosize
            minRows={2}
            maxRows={10}
            spellCheck={false}
            classNames={{ input: css.code ?? '' }}
            value={draft.checkpoint}
            error={errors.checkpoint}
            onChange={(event) => set({ checkpoint: event.currentTarget.value })}
          />
          {draft.checkpoint.trim() !== '' && (
            <TextInput
              label="How long saving may take"
              placeholder="30s"
              value={draft.checkpointWithin}
              error={errors.checkpointWithin}
              onChange={(event) => set({ checkpointWithin: event.currentTarget.value })}
            />
          )}
          {draft.files.map((file, index) => (
            <FileFields
              key={index}
              file={file}
              change={(next) => change(index, next)}
              remove={() => set({ files: draft.files.filter((_, at) => at !== index) })}
            />
          ))}
          {errors.files !== undefined && (
            <Text size="sm" className="warned">
              {errors.files}
            </Text>
          )}
          <div>
            <Button variant="default" size="xs" onClick={() => set({ files: [...draft.files, firstFile] })}>
              Add a file
            </Button>
          </div>
        </Stack>
      </Collapse>
    </div>
  );
}
