// What a machine does next about the guest of one of its launcher pods: virt-handler's part. Pure.
// The steps and their order are those of ../README.md.
import type { VirtualMachineInstance } from '../model/instance.ts';
import { MIGRATION_JOB_LABEL, type LauncherPod } from '../model/launcher-pod.ts';

/** How a guest ended. `lost`: the process is gone and nobody saw why, or its machine had no power. */
export type GuestEnd = 'shutdown' | 'crashed' | 'killed' | 'migrated' | 'lost' | 'failed-to-start';

/** The guest that a launcher pod holds, as far as decisions need it. */
export type GuestView =
  | { readonly state: 'none' }
  | { readonly state: 'starting' }
  /** `agent`: the agent in it has said who the guest is. */
  | { readonly state: 'running'; readonly agent?: boolean }
  /** Prepared for a migration; nothing has arrived yet. */
  | { readonly state: 'incoming' }
  | { readonly state: 'sending'; readonly migrationUid: string }
  /** All of it has been sent; since when, ms. */
  | { readonly state: 'sent'; readonly migrationUid: string; readonly forMs: number }
  | { readonly state: 'ended'; readonly end: GuestEnd };

export type GuestStep =
  | { readonly kind: 'none' }
  | { readonly kind: 'start' }
  | { readonly kind: 'report-running' }
  /** The agent in the guest came or went. */
  | { readonly kind: 'report-agent' }
  | { readonly kind: 'report-ended'; readonly end: GuestEnd }
  /** The guest may not live on here; its pod ends. */
  | { readonly kind: 'drop'; readonly why: string }
  | { readonly kind: 'prepare-incoming'; readonly migrationUid: string }
  /** The incoming guest listens: the source may begin. */
  | { readonly kind: 'publish-target' }
  | { readonly kind: 'fail-migration'; readonly why: string }
  | { readonly kind: 'send'; readonly migrationUid: string }
  | { readonly kind: 'stop-sending'; readonly requested: boolean }
  | { readonly kind: 'report-arrived' }
  | { readonly kind: 'take-over' }
  | { readonly kind: 'complete' }
  /** This machine's share of the guest is over; its pod ends well. */
  | { readonly kind: 'end-pod'; readonly end: GuestEnd };

export interface Situation {
  readonly machine: string;
  readonly vmi: VirtualMachineInstance | undefined;
  readonly pod: LauncherPod;
  readonly guest: GuestView;
}

/** The target must report the guest within this time after the source has sent everything, or it counts as lost. */
const takeOverLimitMs = 60_000;

const nothing: GuestStep = { kind: 'none' };

export function decideGuest(situation: Situation): GuestStep {
  const { machine, vmi, pod, guest } = situation;
  const alive = guest.state !== 'none' && guest.state !== 'ended';
  if (vmi === undefined || vmi.metadata.uid !== ownerUid(pod)) {
    if (alive) return { kind: 'drop', why: 'its VirtualMachineInstance is gone' };
    return guest.state === 'ended' ? { kind: 'end-pod', end: guest.end } : nothing;
  }
  const phase = vmi.status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed') {
    if (alive) return { kind: 'drop', why: `its VirtualMachineInstance is ${phase}` };
    return guest.state === 'ended' ? { kind: 'end-pod', end: guest.end } : nothing;
  }
  if (vmi.status?.nodeName === machine) return asHolder(vmi, guest, machine);
  if (guest.state === 'sent' || guest.state === 'sending') return asSource(vmi, guest);
  return asTarget(vmi, pod, guest, machine);
}

function asHolder(vmi: VirtualMachineInstance, guest: GuestView, machine: string): GuestStep {
  const phase = vmi.status?.phase;
  const migration = vmi.status?.migrationState;
  switch (guest.state) {
    case 'none':
      if (phase === 'Scheduled') return { kind: 'start' };
      return phase === 'Running' ? { kind: 'report-ended', end: 'lost' } : nothing;
    case 'starting':
    case 'incoming':
      return nothing;
    case 'running':
      if (phase === 'Scheduled') return { kind: 'report-running' };
      if (migration?.targetNode === machine && migration.endTimestamp !== undefined && migration.completed !== true) {
        return { kind: 'complete' };
      }
      if (
        migration?.migrationUid !== undefined &&
        migration.sourceNode === machine &&
        migration.targetNodeAddress !== undefined &&
        migration.startTimestamp === undefined &&
        migration.endTimestamp === undefined
      ) {
        return { kind: 'send', migrationUid: migration.migrationUid };
      }
      return phase === 'Running' && guest.agent !== undefined && guest.agent !== isAgentConnected(vmi)
        ? { kind: 'report-agent' }
        : nothing;
    case 'sending':
      return asSource(vmi, guest);
    case 'sent':
      return guest.forMs > takeOverLimitMs ? { kind: 'report-ended', end: 'lost' } : nothing;
    case 'ended':
      return { kind: 'report-ended', end: guest.end };
  }
}

function asSource(
  vmi: VirtualMachineInstance,
  guest: Extract<GuestView, { readonly migrationUid: string }>,
): GuestStep {
  const migration = vmi.status?.migrationState;
  const ours = migration?.migrationUid === guest.migrationUid;
  if (guest.state === 'sending') {
    if (ours && migration.abortRequested === true && migration.endTimestamp === undefined) {
      return { kind: 'stop-sending', requested: true };
    }
    return !ours || migration.endTimestamp !== undefined ? { kind: 'stop-sending', requested: false } : nothing;
  }
  if (ours && migration.endTimestamp !== undefined && migration.failed !== true && migration.completed !== true) {
    return { kind: 'complete' };
  }
  return { kind: 'end-pod', end: 'migrated' };
}

function asTarget(vmi: VirtualMachineInstance, pod: LauncherPod, guest: GuestView, machine: string): GuestStep {
  const migration = vmi.status?.migrationState;
  const made = pod.metadata.labels?.[MIGRATION_JOB_LABEL];
  if (made === undefined) {
    // The guest runs elsewhere, and this pod never was to receive it.
    if (guest.state === 'ended') return { kind: 'end-pod', end: guest.end };
    return guest.state === 'none'
      ? nothing
      : { kind: 'drop', why: `it runs on ${vmi.status?.nodeName ?? 'no machine'}` };
  }
  const current = migration?.migrationUid === made && migration.targetNode === machine;
  if (!current) {
    // Not this pod's turn yet, or not any more.
    return guest.state === 'none' ? nothing : { kind: 'drop', why: 'its migration is over' };
  }
  if (migration.endTimestamp !== undefined) return { kind: 'drop', why: 'its migration has ended' };
  switch (guest.state) {
    case 'none':
      return migration.targetNodeAddress === undefined
        ? { kind: 'prepare-incoming', migrationUid: made }
        : { kind: 'fail-migration', why: 'the target machine has lost the incoming guest' };
    case 'running':
      return { kind: migration.targetNodeDomainReadyTimestamp === undefined ? 'report-arrived' : 'take-over' };
    case 'ended':
      return { kind: 'fail-migration', why: 'the incoming guest has ended' };
    case 'incoming':
      return migration.targetNodeAddress === undefined ? { kind: 'publish-target' } : nothing;
    case 'starting':
    case 'sending':
    case 'sent':
      return nothing;
  }
}

function isAgentConnected(vmi: VirtualMachineInstance): boolean {
  return vmi.status?.conditions?.some(({ type, status }) => type === 'AgentConnected' && status === 'True') === true;
}

function ownerUid(pod: LauncherPod): string | undefined {
  return pod.metadata.ownerReferences?.find((owner) => owner.kind === 'VirtualMachineInstance')?.uid;
}

/** What the phase of the instance becomes. An orderly stop ends well, whoever asked for it. */
export function phaseAfter(end: GuestEnd): 'Succeeded' | 'Failed' {
  return end === 'shutdown' || end === 'killed' || end === 'migrated' ? 'Succeeded' : 'Failed';
}
