// What the form stands for: machines that could take it, the manifest, the command line.
import type { Fit } from '@idlewild/operator/portal/schemas.ts';
import { Group, Text } from '@mantine/core';
import { kubectlOf } from '../../data/draft.ts';
import { fitWords } from '../../data/fit-words.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import css from './new-job.module.css';

export function Preview(o: {
  readonly yaml: string;
  readonly namespace: string;
  readonly fit: Fit | undefined;
  readonly settled: boolean;
}) {
  const words = o.fit === undefined ? undefined : fitWords(o.fit);
  return (
    <aside className={css.aside} aria-label="What this would be">
      <div
        className={`panel ${css.fit ?? ''}`}
        role="status"
        data-settled={o.settled}
        data-ink={words?.ink ?? 'neutral'}
      >
        <Text fw={600}>
          {words?.title ?? (o.settled ? 'The cluster would not take this yet' : 'Asking the cluster')}
        </Text>
        <Text size="sm" className="quiet">
          {words === undefined
            ? 'See the fields that are marked.'
            : words.why.join(', ') || 'Nothing keeps any machine from it.'}
        </Text>
      </div>
      <Group justify="space-between" mt="md" mb={6}>
        <Text fw={600} size="sm">
          The same as YAML
        </Text>
        <CopyButton text={kubectlOf(o.namespace, o.yaml)} label="Copy as kubectl command" />
      </Group>
      <pre className={css.yaml} tabIndex={0} aria-label="YAML of the new job">
        {o.yaml}
      </pre>
    </aside>
  );
}
