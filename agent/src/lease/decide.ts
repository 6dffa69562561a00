// What an agent does about the Lease of its machine, and until when the guests on it may live.
// Promises: pure. Nothing is joined while a guest may still run that the cluster may have started again elsewhere; an agent that
// follows another one on the same boot takes over without harm to any guest.

/** The Lease as last seen. */
export type Seen =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'there';
      readonly holder: string;
      /** The operator has given the machine up: only a new holder may have it. */
      readonly sealed: boolean;
      /** The boot of the machine that wrote it; empty when it does not say. */
      readonly boot: string;
      /** Monotonic, since when it has been seen unchanged, ms. */
      readonly quietMs: number;
    };

export interface LeaseFacts {
  readonly seen: Seen;
  readonly machine: string;
  readonly boot: string;
  /** What the holder is called when it is this agent; undefined before it first held the lease and after it was deprived of it. */
  readonly holder: string | undefined;
  /** The name it last asked for without hearing whether it got it. */
  readonly candidate: string | undefined;
  /** It has just been started, and has held nothing so far: what runs here was its predecessor's to answer for. */
  readonly fresh: boolean;
  /** Guests may not live any longer, see mayLive. */
  readonly expired: boolean;
  /** No guest is left that must go, and there has been none since that was decided. */
  readonly clean: boolean;
  /** D, ms. */
  readonly leaseMs: number;
}

export const endReasons = ['Silent', 'Sealed', 'Deprived', 'Restarted', 'Unknown'] as const;
/** Why guests were ended: no renewal, the operator's seal, another holder or none, another boot, or nobody knows who let them in. */
export type EndReason = (typeof endReasons)[number];

export type LeaseStep =
  | { readonly kind: 'look' }
  | { readonly kind: 'renew' }
  /** With a name of its own; what runs here stays. */
  | { readonly kind: 'takeOver' }
  /** With a name of its own, on a machine without guests. */
  | { readonly kind: 'join' }
  /** First no guest may be left. */
  | { readonly kind: 'end'; readonly reason: EndReason }
  /** Somebody else keeps renewing it in this machine's name: wait until they are silent. */
  | { readonly kind: 'wait' }
  /** Another agent of this very machine has taken over. */
  | { readonly kind: 'leave' };

export function decideLease(facts: LeaseFacts): LeaseStep {
  const { seen, machine, boot, holder, candidate, fresh, expired, clean } = facts;
  if (seen.kind === 'unknown') return { kind: 'look' };
  if (seen.kind === 'there' && (seen.holder === holder || seen.holder === candidate)) return { kind: 'renew' };
  const sameBoot = seen.kind === 'there' && machineOf(seen.holder) === machine && seen.boot === boot;
  if (sameBoot && holder !== undefined) return { kind: 'leave' };
  if (sameBoot && fresh && (!expired || clean)) return { kind: 'takeOver' };
  // Whoever held it has guests, whatever was true before.
  if (!clean || holder !== undefined) return { kind: 'end', reason: endReason(facts, sameBoot) };
  if (seen.kind === 'there' && !fresh && !isFree(seen, facts)) return { kind: 'wait' };
  return { kind: 'join' };
}

function endReason({ seen, holder, fresh }: LeaseFacts, sameBoot: boolean): EndReason {
  if (seen.kind === 'there' && seen.sealed) return 'Sealed';
  if (holder !== undefined || !fresh) return 'Deprived';
  if (sameBoot) return 'Silent';
  return seen.kind === 'there' ? 'Restarted' : 'Unknown';
}

/** Nobody renews it. */
function isFree({ holder, sealed, quietMs }: Seen & { kind: 'there' }, { leaseMs }: LeaseFacts): boolean {
  return sealed || holder === '' || quietMs >= leaseMs;
}

export function holderOf(machine: string, epoch: string): string {
  return `${machine}_${epoch}`;
}

function machineOf(holder: string): string {
  const end = holder.lastIndexOf('_');
  return end < 0 ? '' : holder.slice(0, end);
}

/** From when on guests may live and until when. All in seconds since the machine was started, suspended time included. */
export interface Term {
  /** Just before the renewal was sent that succeeded last. */
  readonly renewedS: number;
  /** Until when this agent lets guests live that nobody may start twice. */
  readonly endS: number;
}

export interface TermLengths {
  /** A, seconds. */
  readonly killAfterSeconds: number;
  /** S, seconds. */
  readonly switchAfterSeconds: number;
  /** K, seconds. */
  readonly killSeconds: number;
}

/** @param sentS just before the renewal was sent. */
export function termFrom(sentS: number, { killAfterSeconds }: TermLengths): Term {
  return { renewedS: sentS, endS: sentS + killAfterSeconds };
}

/** What is left of a predecessor's: as long as the switch just does not act, since a new agent takes a moment to start. */
export function inheritedTerm(deadlineS: number, { switchAfterSeconds, killSeconds }: TermLengths): Term {
  return { renewedS: deadlineS - switchAfterSeconds, endS: deadlineS - killSeconds };
}

export function mayLive(term: Term | undefined, nowS: number): boolean {
  return term !== undefined && nowS < term.endS;
}
