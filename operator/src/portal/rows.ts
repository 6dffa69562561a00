// Rows of lists, made from the cluster's objects.
// Promises: pure; conditions are found by their type; the same object gives the same row.

import type { ComputeJob } from '../api/compute-job.ts';
import { getCondition } from '../api/conditions.ts';
import type { Node } from '../api/kubernetes.ts';
import { quantityToBytes } from '../api/quantity.ts';
import { isFinished, isStopped } from '../model/job.ts';
import { machineOf } from '../model/machine.ts';
import { annotations, labels } from '../model/names.ts';
import type { JobRow, MachineRow } from './schemas.ts';

const longestMessage = 300;

export function jobRowOf(job: ComputeJob): JobRow {
  const { metadata, spec, status = {} } = job;
  const told = getCondition(status.conditions, 'Interrupted');
  const last = status.attempts?.at(-1);
  const { reason, message, node, attempt, waiting, startTime, finishTime, exitCode } = status;
  return {
    uid: metadata.uid ?? '',
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    created: metadata.creationTimestamp ?? '',
    ...(metadata.deletionTimestamp === undefined ? {} : { deleting: true }),
    ...(isStopped(job) && !isFinished(job) ? { stopping: true } : {}),
    mode: spec.mode,
    console: spec.console,
    image: spec.image.containerDisk,
    cores: spec.resources.cores,
    memory: String(spec.resources.memory),
    priority: spec.priority,
    phase: status.phase ?? 'New',
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message: message.slice(0, longestMessage) }),
    ...(node === undefined ? {} : { node }),
    ...(attempt === undefined ? {} : { attempt }),
    attempts: status.attempts?.length ?? 0,
    ...(waiting?.position === undefined ? {} : { position: waiting.position }),
    ...(waiting?.estimate === undefined ? {} : { estimate: waiting.estimate }),
    ...(told?.status === 'True'
      ? {
          interrupted: { reason: told.reason ?? '', message: told.message ?? '', since: told.lastTransitionTime ?? '' },
        }
      : {}),
    ...(status.ladder === undefined ? {} : { owner: rungOf(status.ladder) }),
    ...(last?.ended === undefined || last.reason === undefined ? {} : { ended: last.reason }),
    ...(startTime === undefined ? {} : { started: startTime }),
    ...(finishTime === undefined ? {} : { finished: finishTime }),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

/**
 * @param guests the jobs that have the machine now.
 * @param seen when its agent was last heard of.
 */
export function machineRowOf(node: Node, guests: readonly ComputeJob[], nowMs: number, seen?: string): MachineRow {
  const machine = machineOf(node, { nowMs });
  const { name, room, dedicated, approved, revoked, lending, ownerPresent, ready, lost, cordoned, architecture } =
    machine;
  const { lends, since, hold } = machine;
  const fence = node.metadata.labels?.[labels.fence];
  const why = reasonOf(node.metadata.annotations?.[annotations.offer]);
  return {
    name,
    ...(room === undefined ? {} : { room }),
    ...{ dedicated, approved, revoked, lending, ownerPresent, ready, lost, cordoned, architecture },
    lends: { ...lends },
    used: {
      cores: guests.reduce((sum, { spec }) => sum + spec.resources.cores, 0),
      memoryMiB: guests.reduce((sum, { spec }) => sum + Math.round(memoryOf(spec.resources.memory) / 1_048_576), 0),
      guests: guests.length,
    },
    ...(since === undefined ? {} : { since }),
    ...(hold === undefined
      ? {}
      : { hold: { until: new Date(hold.untilMs).toISOString(), message: hold.message.slice(0, longestMessage) } }),
    ...(why === undefined ? {} : { why }),
    fence: fence === 'armed' || fence === 'off' ? fence : 'unknown',
    ...(seen === undefined ? {} : { seen }),
  };
}

function reasonOf(offer: string | undefined): string | undefined {
  try {
    const { reason } = (JSON.parse(offer ?? '{}') ?? {}) as { reason?: unknown };
    return typeof reason === 'string' && reason !== '' ? reason.slice(0, 100) : undefined;
  } catch {
    // Not the agent's: what it lends is in its labels all the same.
    return undefined;
  }
}

function memoryOf(quantity: string | number): number {
  return Number(quantityToBytes(String(quantity)));
}

function rungOf({ frozen, parking }: NonNullable<NonNullable<ComputeJob['status']>['ladder']>): JobRow['owner'] {
  if (parking !== undefined) return 'parking';
  return frozen === undefined ? 'back' : 'still';
}
