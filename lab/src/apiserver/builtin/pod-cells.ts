// The cells Ready, Status and Restarts of a pod, as kubectl users know them: `1/1`, `Running`, `Init:0/1`, `2 (5m ago)`.
// A reading of the pod's status alone.
import type { ApiObject } from '../registry/types.ts';
import { asArray, asRecord, asString, isRecord, member } from '../schema/json.ts';

export interface PodCells {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

interface ContainerState {
  readonly ready: boolean;
  readonly started: boolean;
  readonly restarts: number;
  readonly waiting: string;
  readonly running: boolean;
  /** '' when not terminated. */
  readonly terminated: string;
  readonly exitCode: number;
  readonly finishedAt: string;
}

function stateOf(status: unknown): ContainerState {
  const state = asRecord(member(status, 'state'));
  const ended = isRecord(state['terminated']) ? state['terminated'] : undefined;
  const exitCode = Number(ended?.['exitCode'] ?? 0);
  const signal = Number(ended?.['signal'] ?? 0);
  return {
    ready: member(status, 'ready') === true,
    started: member(status, 'started') === true,
    restarts: Number(member(status, 'restartCount') ?? 0),
    waiting: isRecord(state['waiting']) ? asString(state['waiting']['reason']) : '',
    running: isRecord(state['running']),
    terminated: ended ? asString(ended['reason']) || (signal !== 0 ? `Signal:${signal}` : `ExitCode:${exitCode}`) : '',
    exitCode,
    finishedAt: asString(member(status, 'lastState', 'terminated', 'finishedAt')),
  };
}

/** Init containers with restartPolicy Always run beside the others. */
function sidecarNames(pod: ApiObject): ReadonlySet<unknown> {
  const inits = asArray(member(pod, 'spec', 'initContainers')).map(asRecord);
  return new Set(
    inits.filter((container) => container['restartPolicy'] === 'Always').map((container) => container['name']),
  );
}

export function podCells(pod: ApiObject, nowMs: number): PodCells {
  const sidecars = sidecarNames(pod);
  const inits = asArray(member(pod, 'status', 'initContainerStatuses'));
  const mains = asArray(member(pod, 'status', 'containerStatuses')).map(stateOf);
  const running = inits.filter((status) => sidecars.has(member(status, 'name'))).map(stateOf);
  const total = asArray(member(pod, 'spec', 'containers')).length + sidecars.size;
  const ready = [...mains, ...running].filter((state) => state.ready && state.running).length;
  const counted = [...mains, ...running];
  return {
    ready: `${ready}/${total}`,
    status: statusText(pod, inits, mains, sidecars),
    restarts: restartsText(counted, nowMs),
  };
}

function statusText(
  pod: ApiObject,
  inits: readonly unknown[],
  mains: readonly ContainerState[],
  sidecars: ReadonlySet<unknown>,
): string {
  const phase = asString(member(pod, 'status', 'phase')) || 'Unknown';
  let reason = asString(member(pod, 'status', 'reason')) || phase;
  const initializing = initText(pod, inits, sidecars);
  if (initializing !== undefined && phase !== 'Succeeded' && phase !== 'Failed') reason = initializing;
  else {
    let live = false;
    for (const state of mains.toReversed()) {
      if (state.waiting !== '') reason = state.waiting;
      else if (state.terminated !== '') reason = state.terminated;
      else if (state.ready && state.running) live = true;
    }
    if (reason === 'Completed' && live) reason = 'Running';
  }
  if (pod.metadata?.deletionTimestamp === undefined) return reason;
  return member(pod, 'status', 'reason') === 'NodeLost'
    ? 'Unknown'
    : phase === 'Succeeded' || phase === 'Failed'
      ? reason
      : 'Terminating';
}

function initText(pod: ApiObject, inits: readonly unknown[], sidecars: ReadonlySet<unknown>): string | undefined {
  const total = asArray(member(pod, 'spec', 'initContainers')).length;
  for (const [index, status] of inits.entries()) {
    const state = stateOf(status);
    if (state.terminated !== '' && state.exitCode === 0) continue;
    if (sidecars.has(member(status, 'name')) && state.started) continue;
    if (state.terminated !== '') return `Init:${state.terminated}`;
    if (state.waiting !== '' && state.waiting !== 'PodInitializing') return `Init:${state.waiting}`;
    return `Init:${index}/${total}`;
  }
  return undefined;
}

function restartsText(states: readonly ContainerState[], nowMs: number): string {
  const restarts = states.reduce((sum, state) => sum + state.restarts, 0);
  const last = states
    .map((state) => Date.parse(state.finishedAt))
    .filter((time) => !Number.isNaN(time))
    .sort((a, b) => b - a)[0];
  return restarts > 0 && last !== undefined ? `${restarts} (${shortDuration(nowMs - last)} ago)` : String(restarts);
}

/** Milliseconds as kubectl abbreviates them: `45s`, `5m`, `3h`, `2d`. */
function shortDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
