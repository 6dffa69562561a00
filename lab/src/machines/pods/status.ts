// The status that the machine writes of a pod: phase, conditions and container statuses, as a kubelet writes them for a
// virt-launcher pod. Pure.
import { createHash } from 'node:crypto';
import { conditionOf, wholeSeconds, type Condition } from '../../model/meta.ts';
import type { Container } from '../../model/pod.ts';
import { LAUNCHER_IMAGE, type LauncherPod } from '../../virt/model/launcher-pod.ts';
import type { Ending, Waiting } from './launcher.ts';

/** Where the containers of a pod stand. */
export type Stage =
  | { readonly kind: 'waiting'; readonly waiting: Waiting }
  | { readonly kind: 'running'; readonly startedAtMs: number }
  | { readonly kind: 'ended'; readonly startedAtMs: number | undefined; readonly ending: Ending };

export interface StatusInput {
  readonly pod: LauncherPod;
  readonly stage: Stage;
  readonly hostIp: string;
  readonly podIp: string;
  /** Digest of the guest image, `sha256:` and hex; undefined until it is there. */
  readonly imageDigest: string | undefined;
  readonly nowMs: number;
}

interface NamedImage extends Container {
  readonly image?: string;
}

const launcherDigest = `sha256:${createHash('sha256').update(LAUNCHER_IMAGE).digest('hex')}`;

/** Only what the machine owns: conditions of others (the scheduler's, the readiness gate) are not among it. */
export function podStatusOf(input: StatusInput) {
  const { pod, stage, nowMs } = input;
  const started = stage.kind === 'waiting' ? undefined : stage.startedAtMs;
  return {
    phase: phaseOf(stage),
    hostIP: input.hostIp,
    ...(started === undefined ? {} : { podIP: input.podIp, podIPs: [{ ip: input.podIp }] }),
    startTime: pod.status?.startTime ?? wholeSeconds(started ?? nowMs),
    conditions: conditionsOf(input),
    initContainerStatuses: containersOf(pod, 'initContainers').map((container) =>
      containerStatus(input, container, true),
    ),
    containerStatuses: containersOf(pod, 'containers').map((container) => containerStatus(input, container, false)),
    ...(stage.kind === 'waiting' && stage.waiting.reason === 'NotSupported'
      ? { reason: stage.waiting.reason, message: stage.waiting.message }
      : {}),
  };
}

export type PodStatus = ReturnType<typeof podStatusOf>;

function phaseOf(stage: Stage): 'Pending' | 'Running' | 'Succeeded' | 'Failed' {
  if (stage.kind === 'waiting') return 'Pending';
  if (stage.kind === 'running') return 'Running';
  return stage.ending.exitCode === 0 ? 'Succeeded' : 'Failed';
}

function containersOf(pod: LauncherPod, list: 'initContainers' | 'containers'): readonly NamedImage[] {
  return (pod.spec[list] ?? []) as readonly NamedImage[];
}

function conditionsOf({ pod, stage, nowMs }: StatusInput): Condition[] {
  const now = wholeSeconds(nowMs);
  const gates = (pod.spec as { readonly readinessGates?: readonly { conditionType: string }[] }).readinessGates ?? [];
  const gatesOpen = gates.every(
    ({ conditionType }) => conditionOf(pod.status?.conditions, conditionType)?.status === 'True',
  );
  const running = stage.kind === 'running';
  const initialized = stage.kind !== 'waiting';
  const notReady =
    stage.kind === 'ended'
      ? { reason: stage.ending.exitCode === 0 ? 'PodCompleted' : 'PodFailed' }
      : { reason: 'ContainersNotReady', message: unready(pod) };
  const closed = { reason: 'ReadinessGatesNotReady' };
  const wanted: Omit<Condition, 'lastTransitionTime'>[] = [
    { type: 'PodReadyToStartContainers', status: running ? 'True' : 'False' },
    {
      type: 'Initialized',
      status: initialized ? 'True' : 'False',
      ...(initialized ? {} : { reason: 'ContainersNotInitialized' }),
    },
    { type: 'ContainersReady', status: running ? 'True' : 'False', ...(running ? {} : notReady) },
    {
      type: 'Ready',
      status: running && gatesOpen ? 'True' : 'False',
      ...(running ? (gatesOpen ? {} : closed) : notReady),
    },
  ];
  return wanted.map((condition) => {
    const old = conditionOf(pod.status?.conditions, condition.type);
    const kept = old?.status === condition.status ? old.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: kept ?? now };
  });
}

function unready(pod: LauncherPod): string {
  return `containers with unready status: [${containersOf(pod, 'containers')
    .map(({ name }) => name)
    .join(' ')}]`;
}

function containerStatus(input: StatusInput, container: NamedImage, init: boolean) {
  const { stage, pod } = input;
  const image = container.image ?? '';
  const staysUp = !init || container.restartPolicy === 'Always';
  const isDisk = init && !staysUp;
  const running = stage.kind === 'running' && staysUp;
  return {
    name: container.name,
    image,
    imageID: stage.kind === 'waiting' ? '' : imageId(image, isDisk ? input.imageDigest : launcherDigest),
    ...(stage.kind === 'waiting' ? {} : { containerID: `qemu://${idOf(pod.metadata.uid, container.name)}` }),
    lastState: {},
    ready: running || (isDisk && stage.kind !== 'waiting'),
    restartCount: 0,
    started: running,
    state: stateOf(stage, isDisk),
  };
}

function stateOf(stage: Stage, isDisk: boolean) {
  if (stage.kind === 'waiting') {
    const { reason, message } = stage.waiting;
    // Only the container of the disk waits for its image; the others wait for it.
    const own = isDisk || reason === 'ContainerCreating' || reason === 'NotSupported';
    const waiting = own ? { reason, ...(message === '' ? {} : { message }) } : { reason: 'PodInitializing' };
    return { waiting };
  }
  const startedAt = stage.startedAtMs === undefined ? {} : { startedAt: wholeSeconds(stage.startedAtMs) };
  if (isDisk) {
    return { terminated: { exitCode: 0, reason: 'Completed', ...startedAt, finishedAt: startedAt.startedAt ?? null } };
  }
  if (stage.kind === 'running') return { running: startedAt };
  const { exitCode, reason, message, atMs } = stage.ending;
  const words = message === undefined ? {} : { message };
  return { terminated: { exitCode, reason, ...words, ...startedAt, finishedAt: wholeSeconds(atMs) } };
}

/** `name@sha256:...`: the name without its tag, as a container runtime reports what it has pulled. */
function imageId(image: string, digest: string | undefined): string {
  if (digest === undefined) return image;
  const bare = image.replace(/@sha256:[0-9a-f]+$/, '').replace(/:[^:/]*$/, '');
  return `${bare}@${digest}`;
}

function idOf(uid: string, container: string): string {
  return createHash('sha256').update(`${uid} ${container}`).digest('hex');
}
