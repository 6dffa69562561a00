// What the handler writes into a VirtualMachineInstance at each step: the instance before, the instance after. Pure.
// Who writes what, and when: ../README.md.
import { wholeSeconds } from '../../model/meta.ts';
import { withCondition, withoutConditions } from '../model/conditions.ts';
import {
  MIGRATION_TARGET_LABEL,
  NODE_NAME_LABEL,
  type VirtualMachineInstance,
  type VmiPhase,
  type VmiStatus,
} from '../model/instance.ts';
import type { MigrationState } from '../model/migration.ts';
import type { GuestOs } from '../qemu/guest-agent.ts';
import { isLocal, macOf } from './guest-plan.ts';

type Vmi = VirtualMachineInstance;

/** How much a migration took, for people and measurements. KubeVirt has this only as metrics. */
export const migrationStatsAnnotation = 'lab.idlewild.dev/migration-stats';

export interface Placed {
  readonly nowMs: number;
  readonly podIp: string;
  readonly machineType: string;
}

export function asRunning(vmi: Vmi, { nowMs, podIp, machineType }: Placed): Vmi {
  const now = wholeSeconds(nowMs);
  const local = (vmi.spec.volumes ?? []).every(isLocal);
  const shared = {
    reason: 'DisksNotLiveMigratable',
    message: 'cannot migrate VMI: a volume is not local to the guest',
  };
  let conditions = vmi.status?.conditions ?? [];
  for (const type of ['LiveMigratable', 'StorageLiveMigratable']) {
    conditions = withCondition(conditions, { type, status: local ? 'True' : 'False', ...(local ? {} : shared) }, now);
  }
  return {
    ...withPhase(vmi, 'Running', now, {
      conditions,
      interfaces: interfacesOf(vmi, podIp),
      machine: { type: machineType },
      migrationMethod: 'BlockMigration',
      selinuxContext: 'none',
    } as Partial<VmiStatus>),
  };
}

export function asEnded(vmi: Vmi, phase: 'Succeeded' | 'Failed', nowMs: number): Vmi {
  return withPhase(vmi, phase, wholeSeconds(nowMs), {});
}

export function asPaused(vmi: Vmi, paused: boolean, nowMs: number): Vmi {
  const old = vmi.status?.conditions ?? [];
  const condition = { type: 'Paused', reason: 'PausedByUser', message: 'VMI was paused by user' } as const;
  const conditions = paused
    ? withCondition(old, { ...condition, status: 'True' }, wholeSeconds(nowMs))
    : withoutConditions(old, 'Paused');
  return { ...vmi, status: { ...vmi.status, conditions } };
}

/** The agent in the guest has told who the guest is, or is gone. */
export function asAgent(vmi: Vmi, os: GuestOs | undefined, nowMs: number): Vmi {
  const { guestOSInfo: _old, ...status } = vmi.status ?? {};
  const conditions = status.conditions ?? [];
  if (os === undefined) {
    return { ...vmi, status: { ...status, conditions: withoutConditions(conditions, 'AgentConnected') } };
  }
  const connected = withCondition(conditions, { type: 'AgentConnected', status: 'True' }, wholeSeconds(nowMs));
  return { ...vmi, status: { ...status, conditions: connected, guestOSInfo: { ...os } } };
}

/** @param port where the target takes the source's connections. */
export function asListening(vmi: Vmi, address: string, port: number): Vmi {
  return withMigration(vmi, { targetNodeAddress: address, targetDirectMigrationNodePorts: { [port]: 0 } });
}

export function asSending(vmi: Vmi, nowMs: number): Vmi {
  return withMigration(vmi, { startTimestamp: wholeSeconds(nowMs), mode: 'PreCopy' });
}

export function asArrived(vmi: Vmi, nowMs: number): Vmi {
  return withMigration(vmi, {
    targetNodeDomainDetected: true,
    targetNodeDomainReadyTimestamp: wholeSeconds(nowMs),
  });
}

/** The hand-over: from this write on the guest belongs to the target. */
export function asTakenOver(vmi: Vmi, machine: string, { nowMs, podIp }: Placed): Vmi {
  const { evacuationNodeName: _left, ...status } = vmi.status ?? {};
  const moved: Vmi = {
    ...vmi,
    metadata: { ...vmi.metadata, labels: { ...vmi.metadata.labels, [NODE_NAME_LABEL]: machine } },
    status: {
      ...status,
      nodeName: machine,
      interfaces: interfacesOf(vmi, podIp),
      launcherContainerImageVersion: '',
    },
  };
  return withMigration(moved, { endTimestamp: wholeSeconds(nowMs) });
}

/** @param stats what the source measured; the target, when it must complete for a silent source, has none. */
export function asCompleted(vmi: Vmi, stats: Readonly<Record<string, number>> | undefined): Vmi {
  const { [MIGRATION_TARGET_LABEL]: _target, ...labels } = vmi.metadata.labels ?? {};
  const annotations =
    stats === undefined
      ? vmi.metadata.annotations
      : { ...vmi.metadata.annotations, [migrationStatsAnnotation]: JSON.stringify(stats) };
  const metadata = { ...vmi.metadata, labels, ...(annotations === undefined ? {} : { annotations }) };
  return withMigration({ ...vmi, metadata }, { completed: true });
}

export function asMigrationFailed(vmi: Vmi, reason: string, aborted: boolean, nowMs: number): Vmi {
  return withMigration(vmi, {
    completed: true,
    failed: true,
    endTimestamp: wholeSeconds(nowMs),
    failureReason: reason,
    ...(aborted ? { abortStatus: 'Succeeded' } : {}),
  });
}

function withMigration(vmi: Vmi, fields: Partial<MigrationState>): Vmi {
  return { ...vmi, status: { ...vmi.status, migrationState: { ...vmi.status?.migrationState, ...fields } } };
}

function withPhase(vmi: Vmi, phase: VmiPhase, now: string, fields: Partial<VmiStatus>): Vmi {
  const seen = vmi.status?.phaseTransitionTimestamps ?? [];
  const entry = { phase, phaseTransitionTimestamp: now };
  return {
    ...vmi,
    status: { ...vmi.status, ...fields, phase, phaseTransitionTimestamps: [...seen, entry] },
  };
}

function interfacesOf(vmi: Vmi, podIp: string): Readonly<Record<string, unknown>>[] {
  return (vmi.spec.domain.devices.interfaces ?? []).map((each) => ({
    name: each.name,
    podInterfaceName: 'eth0',
    infoSource: 'domain',
    ipAddress: podIp,
    ipAddresses: [podIp],
    linkState: 'up',
    mac: macOf(vmi),
    queueCount: 1,
  }));
}
