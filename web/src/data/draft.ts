// What the form of a new job holds, and the manifest that it stands for.
// Promises: pure; a manifest says only what differs from the cluster's defaults; a draft of an old job makes the same job again.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';

/** A file is given as text, or is a key of a Secret in the job's namespace. */
export interface DraftFile {
  readonly path: string;
  readonly from: 'text' | 'secret';
  readonly content: string;
  readonly secretName: string;
  readonly secretKey: string;
  /** Octal; empty: the cluster's own choice. */
  readonly mode: string;
}

export interface Draft {
  readonly namespace: string;
  readonly name: string;
  readonly mode: 'Batch' | 'Session';
  readonly image: string;
  readonly script: string;
  readonly cores: number;
  readonly memory: string;
  readonly disk: string;
  readonly graphicsMemory: string;
  readonly gpus: number;
  readonly console: 'VNC' | 'Serial' | 'None';
  readonly walltime: string;
  readonly priority: string;
  readonly network: 'None' | 'Isolated' | 'Open';
  readonly ownerReturns: string;
  readonly exclusive: boolean;
  /** Empty: the guest is not asked to save its work. */
  readonly checkpoint: string;
  readonly checkpointWithin: string;
  readonly files: readonly DraftFile[];
  /** Parts of an old job that the form has no field for. */
  readonly rest: Readonly<Record<string, unknown>>;
}

export const images = [
  { value: 'lab/tiny', label: 'tiny', detail: 'boots in seconds, for scripts' },
  { value: 'lab/debian', label: 'Debian', detail: 'a whole distribution, serial console' },
  { value: 'lab/desktop', label: 'Desktop', detail: 'a graphical desktop' },
] as const;

export const firstFile: DraftFile = {
  path: '/root/',
  from: 'text',
  content: '',
  secretName: '',
  secretKey: '',
  mode: '',
};

export const firstDraft: Draft = {
  namespace: '',
  name: '',
  mode: 'Batch',
  image: 'lab/tiny',
  script: '#!/bin/sh\necho "hello from $(uname -n)"\n',
  cores: 1,
  memory: '256Mi',
  disk: '',
  graphicsMemory: '',
  gpus: 0,
  console: 'Serial',
  walltime: '4h',
  priority: 'Normal',
  network: 'Isolated',
  ownerReturns: 'Migrate',
  exclusive: true,
  checkpoint: '',
  checkpointWithin: '',
  files: [],
  rest: {},
};

/** What changes with the choice between a script and a session; the rest of the draft stays. */
export function asMode(draft: Draft, mode: Draft['mode']): Draft {
  if (mode === draft.mode) return draft;
  return mode === 'Session'
    ? { ...draft, mode, image: 'lab/desktop', console: 'VNC', cores: Math.max(2, draft.cores), memory: '768Mi' }
    : { ...draft, mode, image: 'lab/tiny', console: 'Serial' };
}

export interface Manifest {
  readonly apiVersion: 'idlewild.dev/v1alpha1';
  readonly kind: 'ComputeJob';
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

export function manifestOf(draft: Draft): Manifest {
  const { mode, image, script, cores, memory, disk, graphicsMemory, console, walltime, priority, ownerReturns } = draft;
  const given = (name: string, value: string) => (value.trim() === '' ? {} : { [name]: value.trim() });
  const { network, exclusive, checkpoint, checkpointWithin, rest } = draft;
  const yields = {
    ...(exclusive ? {} : { exclusive }),
    ...(ownerReturns === 'Migrate' ? {} : { ownerReturns }),
    ...(checkpoint.trim() === '' ? {} : { checkpoint: { script: checkpoint, ...given('within', checkpointWithin) } }),
  };
  return {
    apiVersion: 'idlewild.dev/v1alpha1',
    kind: 'ComputeJob',
    metadata: { name: draft.name },
    spec: {
      mode,
      image: { containerDisk: image.trim() },
      resources: {
        cores,
        ...given('memory', memory),
        ...given('disk', disk),
        ...given('graphicsMemory', graphicsMemory),
        ...(draft.gpus === 0 ? {} : { gpus: draft.gpus }),
      },
      console,
      ...(network === 'Isolated' ? {} : { network }),
      ...(mode === 'Session' ? {} : { script }),
      ...(draft.files.length === 0 ? {} : { files: draft.files.map(fileOf) }),
      ...given('walltime', walltime),
      ...(priority === 'Normal' ? {} : { priority }),
      ...(Object.keys(yields).length === 0 ? {} : { interruption: yields }),
      ...rest,
    },
  };
}

function fileOf({ path, from, content, secretName, secretKey, mode }: DraftFile): object {
  const source = from === 'text' ? { content } : { secretKeyRef: { name: secretName.trim(), key: secretKey.trim() } };
  return { path, ...source, ...(mode.trim() === '' ? {} : { mode: mode.trim() }) };
}

/** @param name of the new job. */
export function draftOf({ metadata, spec }: ComputeJob, name: string): Draft {
  const {
    mode,
    image,
    script,
    resources,
    console,
    walltime,
    priority,
    network,
    interruption,
    files = [],
    // Another job is to run.
    stop: _stopped,
    ...others
  } = spec;
  const { ownerReturns, exclusive, checkpoint } = interruption;
  return {
    namespace: metadata.namespace ?? '',
    name,
    mode,
    image: image.containerDisk,
    script: script ?? '',
    cores: resources.cores,
    memory: String(resources.memory),
    disk: String(resources.disk ?? ''),
    graphicsMemory: String(resources.graphicsMemory ?? ''),
    gpus: resources.gpus,
    console,
    walltime: walltime ?? '',
    priority,
    network,
    ownerReturns,
    exclusive,
    checkpoint: checkpoint?.script ?? '',
    checkpointWithin: checkpoint?.within ?? '',
    files: files.map(({ path, content = '', secretKeyRef, mode }) => ({
      path,
      from: secretKeyRef === undefined ? 'text' : 'secret',
      content,
      secretName: secretKeyRef?.name ?? '',
      secretKey: secretKeyRef?.key ?? '',
      mode,
    })),
    rest: others,
  };
}

/** render, render-2, render-3 ... */
export function nextName(name: string): string {
  const [, stem = name, number] = /^(.*?)(?:-(\d+))?$/.exec(name) ?? [];
  return `${stem.slice(0, 38)}-${Number(number ?? 1) + 1}`;
}

export type DraftField =
  | 'name'
  | 'image'
  | 'script'
  | 'cores'
  | 'memory'
  | 'disk'
  | 'graphicsMemory'
  | 'console'
  | 'walltime'
  | 'priority'
  | 'network'
  | 'ownerReturns'
  | 'exclusive'
  | 'checkpointWithin'
  | 'checkpoint'
  | 'files';

const paths: Readonly<Record<string, DraftField>> = {
  'metadata.name': 'name',
  'spec.image': 'image',
  'spec.script': 'script',
  'spec.resources.cores': 'cores',
  'spec.resources.memory': 'memory',
  'spec.resources.disk': 'disk',
  'spec.resources.graphicsMemory': 'graphicsMemory',
  'spec.console': 'console',
  'spec.walltime': 'walltime',
  'spec.priority': 'priority',
  'spec.network': 'network',
  'spec.interruption.ownerReturns': 'ownerReturns',
  'spec.interruption.exclusive': 'exclusive',
  'spec.interruption.checkpoint.within': 'checkpointWithin',
  'spec.interruption.checkpoint': 'checkpoint',
  'spec.files': 'files',
};

/** Which field a refusal is about; a rule of the whole spec names its field in its words. */
export function fieldOf({
  parameter,
  message,
}: {
  readonly parameter: string;
  readonly message: string;
}): DraftField | undefined {
  const known = (path: string): DraftField | undefined =>
    Object.entries(paths).find(
      ([each]) => path === each || path.startsWith(`${each}.`) || path.startsWith(`${each}[`),
    )?.[1];
  const named = /\b(?:spec|metadata)\.[a-zA-Z.]+/.exec(message)?.[0];
  return known(parameter) ?? (named === undefined ? undefined : known(named));
}

/** The same job from a command line. */
export function kubectlOf(namespace: string, yaml: string): string {
  return `kubectl apply --namespace ${namespace} -f - <<'IDLEWILD'\n${yaml}IDLEWILD\n`;
}
