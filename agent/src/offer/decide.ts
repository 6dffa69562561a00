// What a machine offers, as labels, annotations and a taint of its Node, and what of it has to be written.
// Promises: pure; keys that are not the offer's are never touched; nothing is written when nothing changed. The approval is not
// among the keys: a machine cannot approve itself.

import type { Node, Taint } from '@idlewild/operator/api/kubernetes.ts';
import { annotations, labels, taints } from '@idlewild/operator/model/names.ts';
import { taintsForPatch } from '@idlewild/operator/model/taints.ts';
import type { Presence } from '../presence/decide.ts';

/** What the owner and the admin let the machine lend; the operator never uses more than is allocatable. */
export interface Caps {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly graphicsMiB: number;
  readonly gpus: number;
  readonly room?: string | undefined;
  readonly dedicated: boolean;
}

export interface Offer {
  readonly caps: Caps;
  readonly presence: Presence;
  /** Since when it is as it is, RFC 3339. */
  readonly since: string;
  /** When the machine was started, RFC 3339. */
  readonly bootedAt: string;
  /** Why not all of what admins say of lending is followed. */
  readonly policyProblem?: string | undefined;
  /** What the owner is short of. */
  readonly pressure?: 'memory' | undefined;
  /** Until when guests may leave a machine that sleeps or shuts down then, RFC 3339. */
  readonly leavesBy?: string | undefined;
  /** The machine ends its guests by itself when it is cut off, whatever becomes of the agent. */
  readonly fenced: boolean;
}

/** The merge patch (RFC 7396) that makes `node` say what the offer says; undefined when it does. */
export function offerPatch(node: Node, offer: Offer): object | undefined {
  const { caps, presence } = offer;
  const wantedLabels: Record<string, string> = {
    [labels.pool]: 'on',
    [labels.class]: caps.dedicated ? 'dedicated' : 'desktop',
    [labels.presence]: presence.present ? 'present' : 'away',
    [labels.fence]: offer.fenced ? 'armed' : 'off',
    [labels.lendCores]: String(caps.cores),
    [labels.lendMemory]: String(caps.memoryMiB),
    [labels.lendDisk]: String(caps.diskMiB),
    [labels.lendGraphicsMemory]: String(caps.graphicsMiB),
    [labels.lendGpus]: String(caps.gpus),
    ...(caps.room === undefined ? {} : { [labels.room]: caps.room }),
  };
  const wantedAnnotations = {
    [annotations.offer]: JSON.stringify({
      since: offer.since,
      reason: presence.reason,
      message: presence.message,
      bootedAt: offer.bootedAt,
      policyProblem: offer.policyProblem,
      pressure: offer.pressure,
      leavesBy: offer.leavesBy,
    }),
  };
  const changedLabels = changes(node.metadata.labels, wantedLabels);
  const changedAnnotations = changes(node.metadata.annotations, wantedAnnotations);
  const changedTaints = taintsFor(node.spec?.taints ?? [], presence.present);
  if (!changedLabels && !changedAnnotations && !changedTaints) return undefined;
  return {
    metadata: {
      // A taint list is replaced whole: a stale one must not bring back what somebody else took away.
      ...(changedTaints ? { resourceVersion: node.metadata.resourceVersion } : {}),
      ...(changedLabels ? { labels: changedLabels } : {}),
      ...(changedAnnotations ? { annotations: changedAnnotations } : {}),
    },
    ...(changedTaints ? { spec: { taints: taintsForPatch(changedTaints) } } : {}),
  };
}

function taintsFor(own: readonly Taint[], ownerPresent: boolean): readonly Taint[] | undefined {
  const tainted = own.some(({ key }) => key === taints.ownerPresent);
  if (tainted === ownerPresent) return undefined;
  return ownerPresent
    ? [...own, { key: taints.ownerPresent, effect: 'NoSchedule' }]
    : own.filter(({ key }) => key !== taints.ownerPresent);
}

function changes(
  own: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
  const entries = Object.entries(wanted).filter(([key, value]) => own?.[key] !== value);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
