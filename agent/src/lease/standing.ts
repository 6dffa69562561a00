// By which numbers an agent keeps the lease of its machine, and what follows from having it or not.

import type { EndReason, TermLengths } from './decide.ts';
import type { LeaseTerms } from './lease-object.ts';

export interface KeeperTerms extends LeaseTerms, TermLengths {
  readonly renewSeconds: number;
  readonly requestTimeoutSeconds: number;
  /** For guests of which a second copy is tolerated, from just before the last successful renewal was sent. */
  readonly sharedSeconds: number;
}

/** Whether the machine may lend: not before it holds its lease and is clean of what ran here before. */
export type Standing =
  /** It is about to take over from its predecessor, and nothing has changed so far. */
  | { readonly kind: 'starting' }
  | { readonly kind: 'joining'; readonly message: string }
  | { readonly kind: 'joined' }
  /** It holds the lease as far as it knows, and could not renew it for too long. Nothing is written until one is known. */
  | { readonly kind: 'cut'; readonly message: string };

/** Ends of sentences such as "guests are ended, because". */
export const causes: Readonly<Record<EndReason, string>> = {
  Silent: 'the cluster could not be reached for too long',
  Sealed: 'the cluster had given this machine up, and may run it elsewhere',
  Deprived: 'the lease of this machine was taken from it',
  Restarted: 'it belonged to an earlier start of this machine',
  Unknown: 'this machine has just joined, and nobody knew whose it was',
};
