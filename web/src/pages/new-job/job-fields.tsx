// The fields of a job: what it runs, what it needs, how one works in it, how long it may take.
import {
  ActionIcon,
  Autocomplete,
  Button,
  Collapse,
  Group,
  NumberInput,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
  UnstyledButton,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconChevronDown, IconChevronRight, IconTrash } from '@tabler/icons-react';
import { images, type Draft } from '../../data/draft.ts';
import type { Errors, Set } from './new-job-page.tsx';
import css from './new-job.module.css';

interface Fields {
  readonly draft: Draft;
  readonly set: Set;
  readonly errors: Errors;
}

const sizes = [
  { label: 'Small', cores: 1, memory: '256Mi' },
  { label: 'Medium', cores: 2, memory: '1Gi' },
  { label: 'Large', cores: 4, memory: '4Gi' },
] as const;

export function JobFields({ draft, set, errors }: Fields) {
  return (
    <>
      <Autocomplete
        label="Image"
        description={images.map(({ value, detail }) => `${value}: ${detail}`).join(' · ')}
        data={images.map(({ value }) => value)}
        value={draft.image}
        error={errors.image}
        onChange={(image) => set({ image })}
      />
      {draft.mode === 'Batch' && (
        <Textarea
          label="Script"
          description="Runs once, as root, by the interpreter of its first line. What it prints is the job’s output."
          autosize
          minRows={5}
          maxRows={18}
          spellCheck={false}
          classNames={{ input: css.code ?? '' }}
          value={draft.script}
          error={errors.script}
          onChange={(event) => set({ script: event.currentTarget.value })}
        />
      )}
      <fieldset className={css.group}>
        <legend>What it needs</legend>
        <Group gap="xs" mb="sm">
          {sizes.map(({ label, cores, memory }) => (
            <Button
              key={label}
              size="xs"
              variant={draft.cores === cores && draft.memory === memory ? 'filled' : 'default'}
              aria-pressed={draft.cores === cores && draft.memory === memory}
              onClick={() => set({ cores, memory })}
            >
              {label}: {cores} {cores === 1 ? 'core' : 'cores'}, {memory}
            </Button>
          ))}
        </Group>
        <div className={css.four}>
          <NumberInput
            label="Cores"
            min={1}
            max={128}
            allowDecimal={false}
            value={draft.cores}
            error={errors.cores}
            onChange={(cores) => set({ cores: Number(cores) })}
          />
          <TextInput
            label="Memory"
            value={draft.memory}
            error={errors.memory}
            onChange={(event) => set({ memory: event.currentTarget.value })}
          />
          <TextInput
            label="Disk"
            placeholder="none"
            value={draft.disk}
            error={errors.disk}
            onChange={(event) => set({ disk: event.currentTarget.value })}
          />
          <TextInput
            label="Graphics memory"
            placeholder="any"
            value={draft.graphicsMemory}
            error={errors.graphicsMemory}
            onChange={(event) => set({ graphicsMemory: event.currentTarget.value })}
          />
        </div>
      </fieldset>
      <div className={css.pair}>
        <Select
          label="Interaction protocol"
          data={[
            { value: 'VNC', label: 'VNC: a screen' },
            { value: 'Serial', label: 'Serial: a terminal' },
            { value: 'None', label: 'None' },
          ]}
          allowDeselect={false}
          value={draft.console}
          error={errors.console}
          onChange={(console) => set({ console: (console ?? 'Serial') as Draft['console'] })}
        />
        <TextInput
          label="Walltime"
          placeholder="no limit"
          value={draft.walltime}
          error={errors.walltime}
          onChange={(event) => set({ walltime: event.currentTarget.value })}
        />
      </div>
      <More draft={draft} set={set} errors={errors} />
    </>
  );
}

function More({ draft, set, errors }: Fields) {
  const [opened, { toggle }] = useDisclosure(draft.files.length > 0);
  const files = draft.files.length === 0 ? 'no files' : `${draft.files.length} files`;
  const summary = `${draft.priority.toLowerCase()} priority, ${yields[draft.ownerReturns] ?? draft.ownerReturns}, ${files}`;
  const change = (index: number, next: Partial<Draft['files'][number]>): void =>
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
              label="When the machine’s owner returns"
              data={Object.entries(yields).map(([value, label]) => ({ value, label }))}
              allowDeselect={false}
              value={draft.ownerReturns}
              onChange={(ownerReturns) => set({ ownerReturns: ownerReturns ?? 'Migrate' })}
            />
          </div>
          {draft.files.map((file, index) => (
            <div key={index} className={css.file}>
              <Group gap="xs" align="end" wrap="nowrap">
                <TextInput
                  label="File in the guest"
                  placeholder="/root/data.csv"
                  flex={1}
                  value={file.path}
                  onChange={(event) => change(index, { path: event.currentTarget.value })}
                />
                <ActionIcon
                  size="lg"
                  variant="default"
                  aria-label={`Remove ${file.path || 'the file'}`}
                  onClick={() => set({ files: draft.files.filter((_, at) => at !== index) })}
                >
                  <IconTrash size={16} />
                </ActionIcon>
              </Group>
              <Textarea
                aria-label={`Content of ${file.path || 'the file'}`}
                autosize
                minRows={3}
                maxRows={12}
                mt={6}
                spellCheck={false}
                classNames={{ input: css.code ?? '' }}
                value={file.content}
                onChange={(event) => change(index, { content: event.currentTarget.value })}
              />
            </div>
          ))}
          {errors.files !== undefined && (
            <Text size="sm" className="warned">
              {errors.files}
            </Text>
          )}
          <div>
            <Button
              variant="default"
              size="xs"
              onClick={() => set({ files: [...draft.files, { path: '/root/', content: '' }] })}
            >
              Add a file
            </Button>
          </div>
        </Stack>
      </Collapse>
    </div>
  );
}

const yields: Readonly<Record<string, string>> = {
  Migrate: 'moves elsewhere while it runs',
  Freeze: 'stands still until they leave',
  Restart: 'begins anew elsewhere',
};
