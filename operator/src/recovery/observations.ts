// When each machine's leases were last seen to change, by this process's own clock.
// Promises: clock skew between machines does not matter, for only the fact of a change is read, not its time; after a start every
// machine is given the full time again. So is a kubelet after a time in which the API server could not be heard; an agent is
// given half of its time at least, for no silence is longer than that of a lease which is as it was. A renewal costs one entry of
// a map.

import type { Lease } from '../api/kubernetes.ts';
import type { Clock } from '../kube/clock.ts';
import { shortestGapMs, type Hearing, type Leases, type Voice } from './leases.ts';
import { sealedHolderOf } from './seal.ts';
import { silenceOf } from './silence.ts';

/** How long ago a silence that nobody heard may have ended, ms: an operator that is away for longer has other troubles. */
const toldGapCountsMs = 900_000;

interface Observation {
  /** What differs after each renewal. */
  readonly mark: string;
  readonly atMs: number;
  /** Changes seen by this process. */
  readonly renewals: number;
}

interface AgentObservation extends Observation {
  /** From when its silence counts: later than `atMs` when the API server was not heard for long. */
  readonly countsFromMs: number;
  readonly durationMs: number;
  /** The last long silence that ended. */
  readonly gap: { readonly ms: number; readonly untilMs: number } | undefined;
  /** When the last silence ended of which the machine itself says, by its clock. */
  readonly told: number | undefined;
  /** Whose lease was sealed. */
  readonly sealed: string | undefined;
}

export class LeaseObservations implements Leases {
  readonly #clock: Clock;
  readonly #kubelets = new Map<string, Observation>();
  readonly #agents = new Map<string, AgentObservation>();
  /** Since when the lease of a machine's agent is gone. */
  readonly #gone = new Map<string, number>();
  /** Since when somebody asks for a machine of which nobody told us anything. */
  readonly #unknown = new Map<string, number>();
  readonly #unseen = new Set<Voice>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get blind(): boolean {
    return this.#unseen.size > 0;
  }

  saw(voice: Voice, machine: string, lease: Lease | undefined): void {
    if (voice === 'kubelet') this.#sawKubelet(machine, lease?.spec?.renewTime ?? '');
    else if (lease) this.#sawAgent(machine, lease);
    else if (this.#agents.delete(machine)) this.#gone.set(machine, this.#clock.monotonic());
  }

  forget(machine: string): void {
    this.#kubelets.delete(machine);
    this.#agents.delete(machine);
    this.#gone.delete(machine);
    this.#unknown.delete(machine);
  }

  lostSight(voice: Voice): void {
    this.#unseen.add(voice);
  }

  regainedSight(voice: Voice): void {
    if (!this.#unseen.delete(voice)) return;
    const atMs = this.#clock.monotonic();
    if (voice === 'agent')
      for (const [machine, seen] of this.#agents)
        this.#agents.set(machine, { ...seen, countsFromMs: countedFrom(seen, atMs), gap: gapOf(seen, atMs) });
    else for (const [machine, seen] of this.#kubelets) this.#kubelets.set(machine, { ...seen, atMs });
  }

  of(machine: string): Hearing {
    const now = this.#clock.monotonic();
    const agent = this.#agents.get(machine);
    if (agent) {
      const { durationMs, sealed, gap } = agent;
      const lease = { durationMs, sealed: sealed !== undefined };
      return {
        silentMs: now - agent.countsFromMs,
        renewed: agent.renewals > 0,
        agent: lease,
        ...(gap === undefined ? {} : { gap: { ms: gap.ms, agoMs: now - gap.untilMs } }),
      };
    }
    const kubelet = this.#kubelets.get(machine);
    const gone = this.#gone.get(machine);
    if (!kubelet && gone === undefined) this.#unknown.set(machine, this.#unknown.get(machine) ?? now);
    const since = [kubelet?.atMs, gone, this.#unknown.get(machine)].filter((atMs) => atMs !== undefined);
    const maybeAgent = kubelet && gone === undefined ? {} : { maybeAgent: true };
    return { silentMs: now - Math.max(...since), renewed: (kubelet?.renewals ?? 0) > 0, ...maybeAgent };
  }

  #sawKubelet(machine: string, mark: string): void {
    const before = this.#kubelets.get(machine);
    if (before?.mark === mark) return;
    // Its first lease is no renewal: it may be an old one that we only now got to see.
    const renewals = before && before.mark !== '' ? before.renewals + 1 : 0;
    this.#unknown.delete(machine);
    this.#kubelets.set(machine, { mark, atMs: this.#clock.monotonic(), renewals });
  }

  /** By resourceVersion: it changes with every write, whatever the clock of the machine says. */
  #sawAgent(machine: string, lease: Lease): void {
    const before = this.#agents.get(machine);
    const mark = lease.metadata.resourceVersion ?? '';
    if (before?.mark === mark) return;
    const now = this.#clock.monotonic();
    const durationMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
    const sealed = sealedHolderOf(lease);
    if (sealed !== undefined) {
      // A seal is no sign of life, and what a watch still tells of the time before it is none either.
      const { atMs = now, countsFromMs = now, gap, told } = before ?? {};
      this.#agents.set(machine, { mark, told, atMs, countsFromMs, renewals: 0, durationMs, sealed, gap });
      return;
    }
    if (before?.sealed !== undefined && before.sealed === (lease.spec?.holderIdentity ?? '')) return;
    this.#gone.delete(machine);
    this.#unknown.delete(machine);
    const renewals = before ? before.renewals + 1 : 0;
    const told = silenceOf(lease)?.untilMs;
    const times = { told, atMs: now, countsFromMs: now, gap: gapBefore(before, lease, now) };
    this.#agents.set(machine, { mark, ...times, renewals, durationMs, sealed });
  }
}

/**
 * From when silence counts after the API server was not heard. A lease that nobody wrote since says as much as one that we watched;
 * but an agent that could not write either needs time to do so: after a pause of half a second, a request, and an answer.
 */
function countedFrom({ countsFromMs, durationMs }: AgentObservation, heardMs: number): number {
  return Math.max(countsFromMs, heardMs - durationMs / 2);
}

/** What we heard ourselves, or what the machine says of a time of which we heard less: what became of its guests then is told only now. */
function gapBefore(before: AgentObservation | undefined, lease: Lease, nowMs: number): AgentObservation['gap'] {
  const heard = before && gapOf(before, nowMs);
  const told = silenceOf(lease);
  if (!told || told.untilMs === before?.told || told.agoMs < 0 || told.agoMs > toldGapCountsMs) return heard;
  return { ms: told.ms, untilMs: nowMs };
}

function gapOf({ atMs, gap }: AgentObservation, untilMs: number): AgentObservation['gap'] {
  const ms = untilMs - atMs;
  return ms >= shortestGapMs ? { ms, untilMs } : gap;
}
