// A lab machine as its Node object offers it.
// Promises: pure; every label and taint that matters to matching is read here and nowhere else.

import { isTrue } from '../api/conditions.ts';
import type { Node } from '../api/kubernetes.ts';
import type { Amount } from './capacity.ts';
import { annotations, labels, taints } from './names.ts';

export interface Machine {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly room?: string | undefined;
  readonly dedicated: boolean;
  /** By an admin: a node cannot give itself this label. */
  readonly approved: boolean;
  readonly lending: boolean;
  readonly ownerPresent: boolean;
  readonly ready: boolean;
  readonly lost: boolean;
  readonly cordoned: boolean;
  /** KubeVirt's agent on it is at work. */
  readonly virtualizationReady: boolean;
  /** Keys of taints that keep pods away and have no word of their own here. */
  readonly otherTaints: readonly string[];
  readonly architecture: string;
  readonly cpuModels: readonly string[];
  readonly cpuVendors: readonly string[];
  readonly machineTypes: readonly string[];
  readonly offer: Amount;
  /** Since when it lends, RFC 3339. */
  readonly since?: string | undefined;
  /** Names of container images that are on it already. */
  readonly images: readonly string[];
}

const knownTaints: ReadonlySet<string> = new Set([
  taints.lost,
  taints.ownerPresent,
  taints.pendingApproval,
  'node.kubernetes.io/unschedulable',
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
]);

export function machineOf(node: Node): Machine {
  const own = node.metadata.labels ?? {};
  const tainted = (node.spec?.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule');
  const has = (key: string): boolean => tainted.some((taint) => taint.key === key);
  return {
    name: node.metadata.name,
    labels: own,
    room: own[labels.room],
    dedicated: own[labels.class] === 'dedicated',
    approved: own[labels.approved] === 'true' && !has(taints.pendingApproval),
    lending: own[labels.pool] === 'on',
    ownerPresent: own[labels.presence] === 'present' || has(taints.ownerPresent),
    ready: isTrue(node.status?.conditions, 'Ready') && node.metadata.deletionTimestamp === undefined,
    lost: has(taints.lost),
    cordoned: node.spec?.unschedulable === true,
    virtualizationReady: own[labels.schedulable] === 'true',
    otherTaints: tainted.map(({ key }) => key).filter((key) => !knownTaints.has(key)),
    architecture: own[labels.architecture] ?? node.status?.nodeInfo?.architecture ?? '',
    cpuModels: namesUnder(own, 'cpu-model.node.kubevirt.io/'),
    cpuVendors: namesUnder(own, 'cpu-vendor.node.kubevirt.io/'),
    machineTypes: namesUnder(own, 'machine-type.node.kubevirt.io/'),
    offer: {
      cores: wholeNumber(own[labels.lendCores]),
      memoryMiB: wholeNumber(own[labels.lendMemory]),
      diskMiB: wholeNumber(own[labels.lendDisk]),
    },
    since: offeredSince(node),
    images: (node.status?.images ?? []).flatMap(({ names }) => names ?? []),
  };
}

/** A machine that the pool counts on, even if it is away at the moment. */
export function inPool(machine: Machine): boolean {
  return machine.approved && machine.lending;
}

function namesUnder(own: Readonly<Record<string, string>>, prefix: string): string[] {
  return Object.keys(own)
    .filter((key) => key.startsWith(prefix) && own[key] === 'true')
    .map((key) => key.slice(prefix.length))
    .sort();
}

/** What is not a whole number lends nothing. */
function wholeNumber(text: string | undefined): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

function offeredSince(node: Node): string | undefined {
  const text = node.metadata.annotations?.[annotations.offer];
  if (text === undefined) return undefined;
  try {
    const offer: unknown = JSON.parse(text);
    const since = typeof offer === 'object' && offer !== null && 'since' in offer ? offer.since : undefined;
    return typeof since === 'string' && !Number.isNaN(Date.parse(since)) ? since : undefined;
  } catch {
    // A malformed annotation only costs the machine its tie-break; its labels still say what it lends.
    return undefined;
  }
}
