// What follows from an admin's word on a machine.

import { describe, expect, it } from '@jest/globals';
import { aMachine, type MachineOverrides } from '../../../test/builders/node.ts';
import { decideApproval, type ApprovalInput } from './decide.ts';

const approval = 'node-restriction.kubernetes.io/idlewild-approved';
const pending = { key: 'idlewild.dev/pending-approval', effect: 'NoSchedule' } as const;
const minute = 60_000;

function decide(machine: MachineOverrides, o: Partial<Omit<ApprovalInput, 'node'>> = {}): string {
  const facts = { leased: true, guests: 0, revokedForMs: 0, limitMs: 10 * minute, ...o };
  const decision = decideApproval({ ...facts, node: aMachine('pc-7', machine) });
  if (decision.kind !== 'wait') return `${decision.kind}: ${decision.message}`;
  return decision.retryInMs === undefined ? 'wait' : `wait ${decision.retryInMs / minute} min`;
}

const revoked = { approved: false, labels: { [approval]: 'revoked' } };

describe('a machine', () => {
  it.each<[string, MachineOverrides, Partial<Omit<ApprovalInput, 'node'>>, string]>([
    [
      'that nobody has approved is closed',
      { approved: false },
      {},
      `taint: pc-7 has joined and waits for an admin: kubectl label node pc-7 ${approval}=true`,
    ],
    ['stays closed until somebody does', { approved: false, taints: [pending] }, {}, 'wait'],
    [
      'is not approved by any other word',
      { approved: false, labels: { [approval]: 'yes' }, taints: [pending] },
      {},
      'wait',
    ],
    ['that is approved is opened', { taints: [pending] }, {}, 'untaint: an admin has approved pc-7: it may take jobs'],
    ['that is approved and open stays so', {}, {}, 'wait'],
    ['that is revoked is closed', revoked, { guests: 2 }, 'taint: an admin has revoked pc-7: its guests have to leave'],
    [
      'that is revoked keeps its lease while guests leave it',
      { ...revoked, taints: [pending] },
      { guests: 2, revokedForMs: 4 * minute },
      'wait 6 min',
    ],
    [
      'that is revoked loses its lease when they have left',
      { ...revoked, taints: [pending] },
      {},
      'endLease: pc-7 is revoked: no guest is on it any more, and its lease is ended',
    ],
    [
      'that is revoked loses its lease after a while whatever is on it',
      { ...revoked, taints: [pending] },
      { guests: 1, revokedForMs: 10 * minute },
      'endLease: pc-7 is revoked: 1 of its guests has not left within 10 min, and its agent destroys it, and its lease is ended',
    ],
    ['that is revoked and has no lease is done', { ...revoked, taints: [pending] }, { leased: false }, 'wait'],
  ])('%s', (_what, machine, o, expected) => {
    expect(decide(machine, o)).toBe(expected);
  });

  it('that has no agent and lends nothing is none of the pool’s, and becomes one with an agent', () => {
    const node = { ...aMachine('db', { approved: false }) };
    const plain = { ...node, metadata: { ...node.metadata, labels: {} } };
    const rest = { leased: false, guests: 0, revokedForMs: 0, limitMs: minute };
    expect(decideApproval({ ...rest, node: plain })).toEqual({ kind: 'wait' });
    expect(decideApproval({ ...rest, node: plain, leased: true })).toMatchObject({ kind: 'taint' });
  });
});
