// The fields of a job: what it runs, what it needs, how one works in it, how long it may take.
import { Autocomplete, Button, Group, NumberInput, Select, Textarea, TextInput } from '@mantine/core';
import { images, type Draft } from '../../data/draft.ts';
import { MoreFields } from './more-fields.tsx';
import type { Errors, Set } from './new-job-page.tsx';
import css from './new-job.module.css';

export interface Fields {
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
      <MoreFields draft={draft} set={set} errors={errors} />
    </>
  );
}
