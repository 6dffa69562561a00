// What jobs need and machines have, worked out once more from the objects alone.
// Promises: shares no code with the operator's model and matching, so that a mistake there is seen here. Must not be used by
// anything but checks.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { durationMs } from '@idlewild/operator/model/duration.ts';

export interface Share {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
}

/** Words of a waiting job for what is about itself and not about machines: why it does not take what is free. */
export const ownReasons: ReadonlySet<string> = new Set([
  'RetryBackoff',
  'RoomRecovering',
  'SecretMissing',
  'NetworkNotReady',
  'NetworkNotAllowed',
  'HeldAgainst',
]);

export const none: Share = { cores: 0, memoryMiB: 0, diskMiB: 0 };

export function sum(a: Share, b: Share): Share {
  return { cores: a.cores + b.cores, memoryMiB: a.memoryMiB + b.memoryMiB, diskMiB: a.diskMiB + b.diskMiB };
}

export function difference(a: Share, b: Share): Share {
  return { cores: a.cores - b.cores, memoryMiB: a.memoryMiB - b.memoryMiB, diskMiB: a.diskMiB - b.diskMiB };
}

export function covers(a: Share, b: Share): boolean {
  return a.cores >= b.cores && a.memoryMiB >= b.memoryMiB && a.diskMiB >= b.diskMiB;
}

const units: Readonly<Record<string, number>> = { Mi: 1, Gi: 1024, Ti: 1024 * 1024, Ki: 1 / 1024 };

export function mebibytes(quantity: string | number | undefined): number {
  if (quantity === undefined) return 0;
  const [, digits = '', unit = ''] = /^([\d.]+)(\w*)$/.exec(String(quantity)) ?? [];
  return Number(digits) * (unit === '' ? 1 / (1024 * 1024) : (units[unit] ?? Number.NaN));
}

/** The guest with what KubeVirt needs beside it: launcher, page tables, vCPUs, I/O thread, video, the sidecar of its console. */
export function needOf({ spec }: ComputeJob): Share {
  const { cores, memory, disk } = spec.resources;
  const guest = Math.ceil(mebibytes(memory));
  const video = spec.console === 'VNC' ? 32 : 0;
  const sidecars = 35;
  const overhead =
    Math.ceil(guest / 512) + 240 + 8 + sidecars + 8 * cores + video + (spec.architecture === 'arm64' ? 128 : 0);
  return { cores, memoryMiB: guest + overhead, diskMiB: Math.ceil(mebibytes(disk)) };
}

export function lentBy({ metadata }: Node): Share {
  const read = (label: string): number => Number(metadata.labels?.[`idlewild.dev/${label}`] ?? 0);
  return { cores: read('lend-cores'), memoryMiB: read('lend-memory-mib'), diskMiB: read('lend-disk-mib') };
}

export function isOwnerThere({ metadata, spec }: Node): boolean {
  const tainted = spec?.taints?.some(({ key }) => key === 'idlewild.dev/owner-present') === true;
  return tainted || metadata.labels?.['idlewild.dev/presence'] === 'present';
}

export function isReady({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
}

export function hasTaint({ spec }: Node, word: string): boolean {
  return spec?.taints?.some(({ key }) => key === word) === true;
}

/** Until when the operator holds the machine down, ms since the epoch; 0 when it does not. */
export function heldUntilMs({ metadata }: Node): number {
  const text = metadata.annotations?.['idlewild.dev/hold'];
  if (text === undefined) return 0;
  const { until } = JSON.parse(text) as { until?: string };
  return until === undefined ? 0 : Date.parse(until);
}

/** Whether guests may be started on the machine at all now; a word when not. */
export function closedBecause(node: Node, nowMs: number): string | undefined {
  const own = node.metadata.labels ?? {};
  if (own['node-restriction.kubernetes.io/idlewild-approved'] !== 'true') return 'NotApproved';
  if (own['idlewild.dev/pool'] !== 'on') return 'NotLending';
  if (isOwnerThere(node)) return 'OwnerPresent';
  if (hasTaint(node, 'idlewild.dev/lost')) return 'MachineLost';
  if (!isReady(node)) return 'NotReady';
  if (node.spec?.unschedulable === true) return 'Cordoned';
  if (own['kubevirt.io/schedulable'] !== 'true') return 'VirtualizationNotReady';
  if (heldUntilMs(node) > nowMs) return 'HeldDown';
  return node.spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule') === true ? 'Tainted' : undefined;
}

/** Whether the machine is of the kind that the job asks for, whatever is on it now. */
export function suits(node: Node, { spec }: ComputeJob): boolean {
  const own = node.metadata.labels ?? {};
  const { rooms = [], nodeSelector = {}, dedicatedOnly = false } = spec.placement ?? {};
  if (own['kubernetes.io/arch'] !== spec.architecture) return false;
  if (rooms.length > 0 && !rooms.includes(own['topology.kubernetes.io/zone'] ?? '')) return false;
  if (Object.entries(nodeSelector).some(([key, value]) => own[key] !== value)) return false;
  return !dedicatedOnly || own['idlewild.dev/class'] === 'dedicated';
}

export const priorities = ['Low', 'Normal', 'High', 'Urgent'] as const;

/** @param ceiling of the namespace. */
export function priorityOf({ spec }: ComputeJob, ceiling: string | undefined): number {
  const highest = ceiling === undefined ? 3 : Math.max(0, priorities.indexOf(ceiling as 'Low'));
  return Math.min(highest, priorities.indexOf(spec.priority));
}

export type JobAttempt = NonNullable<NonNullable<ComputeJob['status']>['attempts']>[number];

export function isOver({ status }: ComputeJob): boolean {
  return (
    status?.conditions?.some(
      ({ type, status: value }) => (type === 'Succeeded' || type === 'Failed') && value === 'True',
    ) === true
  );
}

export function openAttemptOf(job: ComputeJob): JobAttempt | undefined {
  const last = job.status?.attempts?.at(-1);
  return last !== undefined && last.ended === undefined && !isOver(job) ? last : undefined;
}

export function isWaiting(job: ComputeJob): boolean {
  return job.metadata.deletionTimestamp === undefined && !isOver(job) && openAttemptOf(job) === undefined;
}

/** When the guest of the open attempt is gone at the latest, ms since the epoch. */
export function endOf(job: ComputeJob): number {
  const { started, claimed } = openAttemptOf(job) ?? {};
  const notice = job.status?.preemption?.at;
  const { walltime, startDeadline } = job.spec;
  const startsMs = started === undefined ? Date.parse(claimed ?? '') + durationMs(startDeadline) : Date.parse(started);
  const byWalltime = walltime === undefined ? Number.POSITIVE_INFINITY : startsMs + durationMs(walltime);
  return Math.min(byWalltime, notice === undefined ? Number.POSITIVE_INFINITY : Date.parse(notice));
}
