// A new job: what it is, what it needs, and at every moment what the cluster says to it and which machines could take it.
// Promises: nothing is submitted that the cluster has not just agreed to in exactly this form.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Fit } from '@idlewild/operator/portal/schemas.ts';
import { Alert, Button, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useState, type FormEvent } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { stringify } from 'yaml';
import { call, jobPath, Refusal } from '../../data/api.ts';
import {
  asMode,
  draftOf,
  fieldOf,
  firstDraft,
  manifestOf,
  nextName,
  type Draft,
  type DraftField,
} from '../../data/draft.ts';
import { KeptDrafts, type KeptDraft } from '../../data/kept-draft.ts';
import { rememberJob } from '../../data/live.tsx';
import { useMe } from '../../data/me.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { JobFields } from './job-fields.tsx';
import css from './new-job.module.css';
import { Preview } from './preview.tsx';

export type Set = (change: Partial<Draft>) => void;
export type Errors = Partial<Record<DraftField, string>>;

const pauseMs = 400;

export function NewJobPage() {
  const { data: me } = useMe();
  const [search] = useSearchParams();
  const from = search.get('from');
  const old = useQuery({
    queryKey: ['old', from],
    enabled: from !== null,
    queryFn: () => {
      const [namespace = '', name = ''] = (from ?? '').split('/');
      return call<ComputeJob>('GET', jobPath(namespace, name));
    },
    staleTime: Infinity,
  });
  const user = me?.name ?? '';
  const drafts = useMemo(() => new KeptDrafts(localStorage, user, Date.now), [user]);
  const namespaces = (me?.namespaces ?? []).filter(({ create }) => create).map(({ name }) => name);
  const usual =
    namespaces.find((name) => name === 'default') ?? namespaces.find((name) => !/^(kube|idlewild)-/.test(name));
  if (me === undefined || (from !== null && old.isPending)) return null;
  if (namespaces.length === 0) {
    return (
      <Page title="New job">
        <Empty title="You may not submit jobs">
          An admin of the cluster can let you: you need the right to create computejobs.idlewild.dev in a namespace.
        </Empty>
      </Page>
    );
  }
  const first = { ...firstDraft, namespace: usual ?? namespaces[0] ?? '', name: `job-${shortId()}` };
  const start = old.data === undefined ? first : draftOf(old.data, nextName(old.data.metadata.name));
  const found = from === null ? drafts.read() : undefined;
  const kept = found !== undefined && namespaces.includes(found.draft.namespace) ? found : undefined;
  return (
    <Form
      key={from ?? ''}
      first={start}
      kept={kept}
      drafts={drafts}
      namespaces={namespaces}
      again={old.data?.metadata.name}
    />
  );
}

function Form(o: {
  readonly first: Draft;
  readonly kept: KeptDraft | undefined;
  readonly drafts: KeptDrafts;
  readonly namespaces: readonly string[];
  readonly again: string | undefined;
}) {
  const [draft, setDraft] = useState(o.kept?.draft ?? o.first);
  const [kept, setKept] = useState(o.kept);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal>();
  const navigate = useNavigate();
  const client = useQueryClient();
  const set: Set = (change) => setDraft((before) => ({ ...before, ...change }));
  const manifest = useMemo(() => manifestOf(draft), [draft]);
  const [asked] = useDebouncedValue(draft, pauseMs);
  const path = `/api/v1/namespaces/${encodeURIComponent(draft.namespace)}/jobs`;
  const trial = useQuery({
    queryKey: ['trial', asked],
    queryFn: ({ signal }) => call<{ fit: Fit }>('POST', `${path}?dryRun=true`, { body: manifestOf(asked), signal }),
    retry: false,
    staleTime: 5_000,
    gcTime: 10_000,
    placeholderData: (before) => before,
  });
  const settled = asked === draft && !trial.isFetching;
  const trouble = refusal ?? (trial.error instanceof Refusal ? trial.error : undefined);
  const { errors, others } = useMemo(() => sorted(trouble), [trouble]);
  useEffect(() => setRefusal(undefined), [draft]);
  const { drafts } = o;
  const [untouched] = useState(draft);
  useEffect(() => {
    if (asked !== untouched) drafts.keep(asked);
  }, [asked, untouched, drafts]);
  const afresh = (): void => {
    drafts.forget();
    setKept(undefined);
    setDraft(o.first);
  };

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const { job } = await call<{ job: ComputeJob }>('POST', path, { body: manifest });
      drafts.forget();
      rememberJob(client, job);
      void navigate(`/jobs/${job.metadata.namespace}/${job.metadata.name}`);
    } catch (error) {
      setRefusal(error instanceof Refusal ? error : new Refusal({ status: 0, detail: (error as Error).message }));
      setBusy(false);
    }
  };
  const ready = settled && trouble === undefined && trial.data !== undefined;
  return (
    <Page title={o.again === undefined ? 'New job' : `Run ${o.again} again`} tab="New job">
      <form onSubmit={(event) => void submit(event)} className={css.columns} noValidate>
        <Stack gap="md">
          <SegmentedControl
            fullWidth
            aria-label="Kind of job"
            value={draft.mode}
            onChange={(mode) => setDraft((before) => asMode(before, mode as Draft['mode']))}
            data={[
              { value: 'Batch', label: 'Run a script' },
              { value: 'Session', label: 'Work in a desktop' },
            ]}
          />
          {kept !== undefined && <KeptNote kept={kept} afresh={afresh} />}
          {others.length > 0 && (
            <Alert color="red" variant="outline" role="alert" title="The cluster would not take this">
              {others.map((line) => (
                <Text key={line} size="sm">
                  {line}
                </Text>
              ))}
            </Alert>
          )}
          <div className={css.pair}>
            <TextInput
              label="Name"
              value={draft.name}
              error={errors.name}
              onChange={(event) => set({ name: event.currentTarget.value })}
            />
            <Select
              label="Namespace"
              data={o.namespaces}
              value={draft.namespace}
              allowDeselect={false}
              searchable
              onChange={(namespace) => set({ namespace: namespace ?? draft.namespace })}
            />
          </div>
          <JobFields draft={draft} set={set} errors={errors} />
          <div>
            <Button type="submit" size="md" loading={busy} disabled={!ready}>
              Submit
            </Button>
          </div>
        </Stack>
        <Preview
          yaml={stringify(manifest, { lineWidth: 0 })}
          namespace={draft.namespace}
          fit={trouble === undefined ? trial.data?.fit : undefined}
          settled={settled}
        />
      </form>
    </Page>
  );
}

function KeptNote({ kept, afresh }: { readonly kept: KeptDraft; readonly afresh: () => void }) {
  return (
    <Alert variant="outline" color="blue" role="status" title="Here is the job that you were writing">
      {kept.lost.length > 0 && (
        <Text size="sm">Texts of files are never kept in the browser: add {kept.lost.join(', ')} again.</Text>
      )}
      <Button size="compact-sm" variant="default" mt={4} onClick={afresh}>
        Start afresh
      </Button>
    </Alert>
  );
}

function sorted(refusal: Refusal | undefined): { errors: Errors; others: readonly string[] } {
  if (refusal === undefined) return { errors: {}, others: [] };
  const errors: Errors = {};
  const others: string[] = [];
  const told = refusal.parameters.length > 0 ? refusal.parameters : [{ parameter: '', message: refusal.message }];
  for (const each of told) {
    const field = fieldOf(each);
    if (field === undefined) others.push(each.parameter === '' ? each.message : `${each.parameter}: ${each.message}`);
    else errors[field] ??= each.message;
  }
  return { errors, others };
}

function shortId(): string {
  return Math.random().toString(36).slice(2, 6).padEnd(4, '0');
}
