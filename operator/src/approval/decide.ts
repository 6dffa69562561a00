// What becomes of a machine by an admin's word on its Node: none yet, `true`, or `revoked`.
// Promises: pure and level-based: the label decides, and the taint and the lease follow it. A machine that nobody approves takes no
// guests; a revoked one keeps its lease until its guests have left, so that they leave alive.

import type { Node } from '../api/kubernetes.ts';
import { inWords } from '../model/duration.ts';
import { isRevoked } from '../model/machine.ts';
import { labels, taints } from '../model/names.ts';

export interface ApprovalInput {
  readonly node: Node;
  /** Its agent holds a lease. */
  readonly leased: boolean;
  /** Guests that are on it. */
  readonly guests: number;
  /** Since this operator saw that it is revoked, ms; 0 when it is not. */
  readonly revokedForMs: number;
  /** How long guests may take to leave a revoked machine, ms. */
  readonly limitMs: number;
}

export type ApprovalNews = 'MachinePending' | 'MachineApproved' | 'MachineRevoked' | 'MachineShutOut';

export type ApprovalDecision =
  | { readonly kind: 'taint' | 'untaint' | 'endLease'; readonly news: ApprovalNews; readonly message: string }
  | { readonly kind: 'wait'; readonly retryInMs?: number | undefined };

export function decideApproval({ node, leased, guests, revokedForMs, limitMs }: ApprovalInput): ApprovalDecision {
  const own = node.metadata.labels ?? {};
  const { name } = node.metadata;
  const tainted = node.spec?.taints?.some(({ key }) => key === taints.pendingApproval) === true;
  if (own[labels.approved] === 'true') {
    if (!tainted) return { kind: 'wait' };
    return { kind: 'untaint', news: 'MachineApproved', message: `an admin has approved ${name}: it may take jobs` };
  }
  // Nodes without agent are none of the pool's machines.
  if (!leased && own[labels.pool] === undefined) return { kind: 'wait' };
  const revoked = isRevoked(node);
  if (!tainted) {
    return revoked
      ? { kind: 'taint', news: 'MachineRevoked', message: `an admin has revoked ${name}: its guests have to leave` }
      : { kind: 'taint', news: 'MachinePending', message: pendingWords(name) };
  }
  if (!revoked || !leased) return { kind: 'wait' };
  if (guests > 0 && revokedForMs < limitMs) return { kind: 'wait', retryInMs: limitMs - revokedForMs };
  const left =
    guests === 0
      ? 'no guest is on it any more'
      : `${guests} of its guests ${guests === 1 ? 'has' : 'have'} not left within ${inWords(limitMs)}, and its agent destroys ${guests === 1 ? 'it' : 'them'}`;
  return { kind: 'endLease', news: 'MachineShutOut', message: `${name} is revoked: ${left}, and its lease is ended` };
}

function pendingWords(name: string): string {
  return `${name} has joined and waits for an admin: kubectl label node ${name} ${labels.approved}=true`;
}
