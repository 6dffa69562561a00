// A lab machine as its Node object offers it.
// Promises: pure; every label, annotation and taint that matters to matching is read here and nowhere else; what is malformed
// lends nothing and harms no other machine.

import { isTrue } from '../api/conditions.ts';
import type { Node } from '../api/kubernetes.ts';
import { quantityToBytes, quantityToMillis } from '../api/quantity.ts';
import { least, type Amount } from './capacity.ts';
import { annotations, labels, taints } from './names.ts';
import { noRequests, type Requests } from './other-pods.ts';

export interface Machine {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly room?: string | undefined;
  readonly dedicated: boolean;
  /** By an admin: a node cannot give itself this label. */
  readonly approved: boolean;
  /** An admin took its approval back: its guests have to leave. */
  readonly revoked: boolean;
  readonly lending: boolean;
  readonly ownerPresent: boolean;
  /** Why its guests have to leave sooner than its owner's mere return asks for. */
  readonly urgency?: Urgency | undefined;
  readonly ready: boolean;
  readonly lost: boolean;
  readonly cordoned: boolean;
  /** KubeVirt's agent on it is at work. */
  readonly virtualizationReady: boolean;
  /** Keys of taints that keep guests away and have no word of their own here. */
  readonly otherTaints: readonly string[];
  /** Why it cannot be trusted to destroy its guests when it is cut off, in words. */
  readonly unfenced?: string | undefined;
  readonly architecture: string;
  readonly cpuModels: readonly string[];
  readonly cpuVendors: readonly string[];
  readonly machineTypes: readonly string[];
  /** What it lends at most: its labels, bounded by what Kubernetes may give away on it. */
  readonly lends: Amount;
  /** What it lends now: `lends`, less what pods other than guests leave of the machine. */
  readonly offer: Amount;
  /** Since when it lends, RFC 3339. */
  readonly since?: string | undefined;
  /** The same in ms since the epoch. */
  readonly sinceMs?: number | undefined;
  /** Until when its owner is expected to be away, ms since the epoch; undefined when nobody knows. */
  readonly awayUntilMs?: number | undefined;
  /** Nothing is started on it until then: it made trouble. */
  readonly hold?: Hold | undefined;
  /** Names under which container images that are on it may be asked for. */
  readonly images: ReadonlySet<string>;
}

/** The owner is short of memory, which frozen guests do not give back; the machine shuts down or goes to sleep; or it is revoked. */
export type Urgency =
  | { readonly kind: 'memory' | 'revoked' }
  /** `untilMs`: for so long it waits for its guests, ms since the epoch; undefined when it does not say. */
  | { readonly kind: 'leaving'; readonly untilMs?: number | undefined };

export interface Hold {
  readonly untilMs: number;
  readonly message: string;
}

export interface MachineContext {
  /** Of pods other than guests that are on it. */
  readonly requested?: Requests | undefined;
  /** The extended resource that counts as a graphics processor. */
  readonly gpuResource?: string | undefined;
  /** What is wrong with its fence. */
  readonly unfenced?: string | undefined;
  /** Holds that end by then are over, ms since the epoch; without it none is. */
  readonly nowMs?: number | undefined;
}

/** What NVIDIA's device plugin calls a processor that may be handed through. */
export const defaultGpuResource = 'nvidia.com/gpu';

/**
 * Taints that are no other taint: they have a word of their own among the reasons, or guests tolerate them. Launcher pods also
 * tolerate not-ready and unreachable for five minutes; that is to sit out a hiccup, not to be started there.
 */
const knownTaints: ReadonlySet<string> = new Set([
  taints.volatile,
  taints.lost,
  taints.ownerPresent,
  taints.pendingApproval,
  'node.kubernetes.io/unschedulable',
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
]);

/** The value of the approval's label that takes it back; `true` gives it. */
const revoked = 'revoked';

const defaultRegistry = 'docker.io/';

export function machineOf(
  node: Node,
  { requested = noRequests, gpuResource, unfenced, nowMs = 0 }: MachineContext = {},
): Machine {
  const own = node.metadata.labels ?? {};
  const tainted = (node.spec?.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule');
  const has = (key: string): boolean => tainted.some((taint) => taint.key === key);
  const resource = gpuResource ?? defaultGpuResource;
  const lent: Amount = {
    cores: wholeNumber(own[labels.lendCores]),
    memoryMiB: wholeNumber(own[labels.lendMemory]),
    diskMiB: wholeNumber(own[labels.lendDisk]),
    graphicsMiB: wholeNumber(own[labels.lendGraphicsMemory]),
    gpus: wholeNumber(own[labels.lendGpus]),
  };
  const offer = offerOf(node);
  return {
    name: node.metadata.name,
    labels: own,
    room: own[labels.room],
    dedicated: own[labels.class] === 'dedicated',
    approved: own[labels.approved] === 'true' && !has(taints.pendingApproval),
    revoked: isRevoked(node),
    lending: own[labels.pool] === 'on',
    ownerPresent: isOwnerPresent(node),
    urgency: isRevoked(node) ? { kind: 'revoked' } : offer.urgency,
    ready: isReady(node) && !has('node.kubernetes.io/not-ready') && !has('node.kubernetes.io/unreachable'),
    lost: has(taints.lost),
    cordoned: node.spec?.unschedulable === true || has('node.kubernetes.io/unschedulable'),
    virtualizationReady: own[labels.schedulable] === 'true',
    otherTaints: tainted.map(({ key }) => key).filter((key) => !knownTaints.has(key)),
    unfenced,
    architecture: own[labels.architecture] ?? node.status?.nodeInfo?.architecture ?? '',
    cpuModels: namesUnder(own, 'cpu-model.node.kubevirt.io/'),
    cpuVendors: namesUnder(own, 'cpu-vendor.node.kubevirt.io/'),
    machineTypes: namesUnder(own, 'machine-type.node.kubevirt.io/'),
    lends: least(lent, left(node, noRequests, resource)),
    offer: least(lent, left(node, requested, resource)),
    since: offer.since,
    sinceMs: offer.since === undefined ? undefined : Date.parse(offer.since),
    awayUntilMs: offer.awayUntilMs,
    hold: holdOf(node, nowMs),
    images: imagesOf(node),
  };
}

/** Its guests are on the yield ladder. */
export function isYielding(machine: Machine | undefined): machine is Machine {
  return machine !== undefined && (machine.ownerPresent || machine.revoked);
}

/** Declared lost by recovery. */
export function isLost(node: Node): boolean {
  return node.spec?.taints?.some(({ key }) => key === taints.lost) === true;
}

/** Its owner or its admin wants it back: every guest on it has to yield. */
export function isWantedBack(node: Node): boolean {
  return isOwnerPresent(node) || isRevoked(node);
}

export function isRevoked({ metadata }: Node): boolean {
  return metadata.labels?.[labels.approved] === revoked;
}

export function isOwnerPresent({ metadata, spec }: Node): boolean {
  const tainted = (spec?.taints ?? []).some(
    ({ key, effect }) => key === taints.ownerPresent && effect !== 'PreferNoSchedule',
  );
  return tainted || metadata.labels?.[labels.presence] === 'present';
}

/** A machine that the pool counts on, even if it is away at the moment. */
export function inPool(machine: Machine): boolean {
  return machine.approved && machine.lending;
}

function isReady(node: Node): boolean {
  return isTrue(node.status?.conditions, 'Ready') && node.metadata.deletionTimestamp === undefined;
}

/** What Kubernetes may still give away; a node that says nothing of a kind does not bound it, except for processors. */
function left(node: Node, requested: Requests, gpuResource: string): Amount {
  const allocatable = node.status?.allocatable ?? {};
  const rest = (kind: string, taken: number, unit: number, read: (quantity: string | number) => number): number => {
    const all = allocatable[kind];
    return all === undefined ? Infinity : Math.max(0, Math.floor((read(all) - taken) / unit));
  };
  const mebibyte = 2 ** 20;
  return {
    cores: rest('cpu', requested.cpuMillis, 1000, quantityToMillis),
    memoryMiB: rest('memory', requested.memoryBytes, mebibyte, quantityToBytes),
    diskMiB: rest('ephemeral-storage', requested.diskBytes, mebibyte, quantityToBytes),
    graphicsMiB: Infinity,
    gpus: allocatable[gpuResource] === undefined ? 0 : rest(gpuResource, requested.gpus, 1, quantityToBytes),
  };
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

/** "docker.io/lab/tiny:latest" may be asked for as "lab/tiny", too: the registry and the tag have defaults. */
function imagesOf(node: Node): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { names: own = [] } of node.status?.images ?? []) {
    for (const name of own) {
      const known = name.endsWith(':latest') ? [name, name.slice(0, -':latest'.length)] : [name];
      for (const each of known) {
        names.add(each);
        if (each.startsWith(defaultRegistry)) names.add(each.slice(defaultRegistry.length));
      }
    }
  }
  return names;
}

/** A malformed annotation only costs the machine its tie-break; its labels still say what it lends. */
function offerOf(node: Node): { since?: string; awayUntilMs?: number; urgency?: Urgency } {
  const offer = jsonOf(node.metadata.annotations?.[annotations.offer]);
  const awayUntilMs = timeOf(offer['expectedAwayUntil']);
  const since = rfc3339Of(timeOf(offer['since']));
  return {
    ...(since === undefined ? {} : { since }),
    ...(awayUntilMs === undefined ? {} : { awayUntilMs }),
    ...urgencyOf(offer),
  };
}

function urgencyOf(offer: Readonly<Record<string, unknown>>): { urgency?: Urgency } {
  if (offer['reason'] === 'Leaving') return { urgency: { kind: 'leaving', untilMs: timeOf(offer['leavesBy']) } };
  return offer['pressure'] === 'memory' ? { urgency: { kind: 'memory' } } : {};
}

/** A malformed hold holds nothing down: nobody could say until when. */
function holdOf(node: Node, nowMs: number): Hold | undefined {
  const hold = jsonOf(node.metadata.annotations?.[annotations.hold]);
  const untilMs = timeOf(hold['until']);
  if (untilMs === undefined || untilMs <= nowMs) return undefined;
  return { untilMs, message: typeof hold['message'] === 'string' ? hold['message'] : 'it made trouble' };
}

function timeOf(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** In the form that the API server takes for a time; what people write and Date reads may be in another. */
function rfc3339Of(ms: number | undefined): string | undefined {
  const text = ms === undefined ? '' : new Date(ms).toISOString();
  return /^\d{4}-/.test(text) ? text : undefined;
}

function jsonOf(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
