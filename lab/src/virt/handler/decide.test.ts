import { describe, expect, it } from '@jest/globals';
import type { VirtualMachineInstance, VmiStatus } from '../model/instance.ts';
import type { MigrationState } from '../model/migration.ts';
import type { LauncherPod } from '../model/launcher-pod.ts';
import { decideGuest, phaseAfter, type GuestStep, type GuestView } from './decide.ts';

const uid = 'vmi-1';
const migrationUid = 'mig-1';

function anInstance(status: VmiStatus): VirtualMachineInstance {
  return { metadata: { name: 'v', namespace: 'default', uid }, spec: { domain: { devices: {} } }, status };
}

function aPod({ target = false, owner = uid }: { target?: boolean; owner?: string } = {}): LauncherPod {
  return {
    metadata: {
      name: target ? 'target' : 'source',
      namespace: 'default',
      uid: target ? 'pod-t' : 'pod-s',
      labels: target ? { 'kubevirt.io/migrationJobUID': migrationUid } : {},
      ownerReferences: [{ apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachineInstance', name: 'v', uid: owner }],
    },
    spec: { containers: [] },
  };
}

const none: GuestView = { state: 'none' };
const running: GuestView = { state: 'running' };
const sending: GuestView = { state: 'sending', migrationUid };
const sent: GuestView = { state: 'sent', migrationUid, forMs: 100 };
const migration: MigrationState = { migrationUid, sourceNode: 'here', targetNode: 'there' };
const listening = { ...migration, targetNodeAddress: '127.0.0.1' };
const started = { ...listening, startTimestamp: 't1' };

describe('the machine that holds a guest', () => {
  const here = (status: VmiStatus, guest: GuestView): GuestStep =>
    decideGuest({ machine: 'here', vmi: anInstance({ nodeName: 'here', ...status }), pod: aPod(), guest });

  it.each<{ title: string; status: VmiStatus; guest: GuestView; step: GuestStep }>([
    {
      title: 'waits until the instance is scheduled',
      status: { phase: 'Scheduling' },
      guest: none,
      step: { kind: 'none' },
    },
    { title: 'starts a scheduled guest', status: { phase: 'Scheduled' }, guest: none, step: { kind: 'start' } },
    {
      title: 'waits for a guest that starts',
      status: { phase: 'Scheduled' },
      guest: { state: 'starting' },
      step: { kind: 'none' },
    },
    {
      title: 'reports a guest that runs',
      status: { phase: 'Scheduled' },
      guest: running,
      step: { kind: 'report-running' },
    },
    {
      title: 'reports the agent in a guest once it has answered',
      status: { phase: 'Running' },
      guest: { state: 'running', agent: true },
      step: { kind: 'report-agent' },
    },
    {
      title: 'leaves a guest alone whose agent is reported',
      status: { phase: 'Running', conditions: [{ type: 'AgentConnected', status: 'True' }] },
      guest: { state: 'running', agent: true },
      step: { kind: 'none' },
    },
    {
      title: 'reports that the agent is gone',
      status: { phase: 'Running', conditions: [{ type: 'AgentConnected', status: 'True' }] },
      guest: { state: 'running', agent: false },
      step: { kind: 'report-agent' },
    },
    { title: 'leaves a running guest alone', status: { phase: 'Running' }, guest: running, step: { kind: 'none' } },
    {
      title: 'reports a guest that has ended',
      status: { phase: 'Running' },
      guest: { state: 'ended', end: 'shutdown' },
      step: { kind: 'report-ended', end: 'shutdown' },
    },
    {
      title: 'reports a running instance without a guest as lost',
      status: { phase: 'Running' },
      guest: none,
      step: { kind: 'report-ended', end: 'lost' },
    },
    {
      title: 'drops a guest whose instance is final',
      status: { phase: 'Failed' },
      guest: running,
      step: { kind: 'drop', why: 'its VirtualMachineInstance is Failed' },
    },
    {
      title: 'does not send before the target listens',
      status: { phase: 'Running', migrationState: migration },
      guest: running,
      step: { kind: 'none' },
    },
    {
      title: 'sends when the target listens',
      status: { phase: 'Running', migrationState: listening },
      guest: running,
      step: { kind: 'send', migrationUid },
    },
    {
      title: 'does not send a second time',
      status: { phase: 'Running', migrationState: started },
      guest: running,
      step: { kind: 'none' },
    },
    {
      title: 'does not act on a migration that is history',
      status: { phase: 'Running', migrationState: { ...listening, endTimestamp: 't2', failed: true, completed: true } },
      guest: running,
      step: { kind: 'none' },
    },
    {
      title: 'stops sending when asked to',
      status: { phase: 'Running', migrationState: { ...started, abortRequested: true } },
      guest: sending,
      step: { kind: 'stop-sending', requested: true },
    },
    {
      title: 'stops sending when the control plane has ended the migration',
      status: { phase: 'Running', migrationState: { ...started, endTimestamp: 't2', failed: true } },
      guest: sending,
      step: { kind: 'stop-sending', requested: false },
    },
    {
      title: 'waits for the target to take over what was sent',
      status: { phase: 'Running', migrationState: started },
      guest: sent,
      step: { kind: 'none' },
    },
    {
      title: 'gives up a guest that nobody takes over within a minute',
      status: { phase: 'Running', migrationState: started },
      guest: { ...sent, forMs: 61_000 },
      step: { kind: 'report-ended', end: 'lost' },
    },
    {
      title: 'as the new holder completes what a silent source has not',
      status: {
        phase: 'Running',
        migrationState: { ...started, sourceNode: 'there', targetNode: 'here', endTimestamp: 't2' },
      },
      guest: running,
      step: { kind: 'complete' },
    },
  ])('$title', ({ status, guest, step }) => {
    expect(here(status, guest)).toEqual(step);
  });

  it('drops a guest whose instance is gone, or is another one of the same name', () => {
    expect(decideGuest({ machine: 'here', vmi: undefined, pod: aPod(), guest: running }).kind).toBe('drop');
    const vmi = anInstance({ phase: 'Running', nodeName: 'here' });
    expect(decideGuest({ machine: 'here', vmi, pod: aPod({ owner: 'other' }), guest: running }).kind).toBe('drop');
  });

  it('does nothing when the instance has not been seen yet', () => {
    expect(decideGuest({ machine: 'here', vmi: undefined, pod: aPod(), guest: none })).toEqual({ kind: 'none' });
  });
});

describe('the machine that sent a guest away', () => {
  const moved = (state: MigrationState): GuestStep => {
    const vmi = anInstance({ phase: 'Running', nodeName: 'there', migrationState: state });
    return decideGuest({ machine: 'here', vmi, pod: aPod(), guest: sent });
  };

  it('completes the migration once, then ends its pod', () => {
    expect(moved({ ...started, endTimestamp: 't2' })).toEqual({ kind: 'complete' });
    expect(moved({ ...started, endTimestamp: 't2', completed: true })).toEqual({ kind: 'end-pod', end: 'migrated' });
  });
});

describe('the machine that receives a guest', () => {
  const target = (state: MigrationState, guest: GuestView): GuestStep => {
    const vmi = anInstance({ phase: 'Running', nodeName: 'here', migrationState: state });
    return decideGuest({ machine: 'there', vmi, pod: aPod({ target: true }), guest });
  };

  it.each<{ title: string; state: MigrationState; guest: GuestView; kind: GuestStep['kind'] }>([
    { title: 'prepares when it is its turn', state: migration, guest: none, kind: 'prepare-incoming' },
    {
      title: 'publishes its address when it listens',
      state: migration,
      guest: { state: 'incoming' },
      kind: 'publish-target',
    },
    { title: 'waits for the guest', state: started, guest: { state: 'incoming' }, kind: 'none' },
    { title: 'reports the guest that arrived', state: started, guest: running, kind: 'report-arrived' },
    {
      title: 'takes the guest over',
      state: { ...started, targetNodeDomainReadyTimestamp: 't' },
      guest: running,
      kind: 'take-over',
    },
    {
      title: 'fails the migration after losing what it prepared',
      state: listening,
      guest: none,
      kind: 'fail-migration',
    },
    {
      title: 'fails the migration when the incoming guest ended',
      state: started,
      guest: { state: 'ended', end: 'crashed' },
      kind: 'fail-migration',
    },
    {
      title: 'ends its pod after a failed migration',
      state: { ...started, endTimestamp: 't2', failed: true },
      guest: { state: 'incoming' },
      kind: 'drop',
    },
    {
      title: 'waits while another migration is told of',
      state: { ...migration, migrationUid: 'old' },
      guest: none,
      kind: 'none',
    },
    {
      title: 'drops the guest of a migration that was replaced',
      state: { ...migration, migrationUid: 'new' },
      guest: { state: 'incoming' },
      kind: 'drop',
    },
  ])('$title', ({ state, guest, kind }) => {
    expect(target(state, guest).kind).toBe(kind);
  });
});

describe('the phase after a guest', () => {
  it.each([
    ['shutdown', 'Succeeded'],
    ['killed', 'Succeeded'],
    ['crashed', 'Failed'],
    ['lost', 'Failed'],
    ['failed-to-start', 'Failed'],
  ] as const)('is for %s: %s', (end, phase) => {
    expect(phaseAfter(end)).toBe(phase);
  });
});
