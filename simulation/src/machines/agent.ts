// The agent of a simulated machine, and the switch beside it: they keep the machine's Lease and end its guests when they cannot.
// Promises: what is done is decided by the code of the real agent; only the hands are played here. Guests are ended level-triggered:
// what comes up without permission is ended, too. Must not know what the operator thinks.

import { decideLease, holderOf, mayLive, termFrom, type Seen, type Term } from '@idlewild/agent/lease/decide.ts';
import { claimedLease, seenOf } from '@idlewild/agent/lease/lease-object.ts';
import type { Lease, Node } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { leases, nodes, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import type { Clock, Timer } from '@idlewild/operator/kube/clock.ts';
import { isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import { refOf } from '@idlewild/operator/kube/object.ts';
import { annotations, machineLeaseNamespace } from '@idlewild/operator/model/names.ts';
import type { MemoryApi } from '../api/memory-api.ts';
import type { Guest, Guests } from '../kubevirt/guests.ts';
import type { Hosts } from '../kubevirt/hosts.ts';

export interface AgentWorld {
  readonly api: MemoryApi;
  readonly clock: Clock;
  readonly hosts: Hosts;
  readonly guests: Guests;
  /** Lower-case hexadecimal, never the same twice. */
  readonly epoch: () => string;
  /** Whether machines that can reach the network reach the API server. */
  readonly isServed: () => boolean;
  /** A renewal that would succeed is not written: in a pool of thousands each would cost a write every two seconds. */
  readonly assumesRenewals: boolean;
}

/** As the real agent's flags are unless told; seconds. */
const terms = {
  ...{ leaseSeconds: 10, killAfterSeconds: 6, switchAfterSeconds: 7.5, checkSeconds: 0.6, killSeconds: 0.5 },
  sharedSeconds: 300,
};
const reactionMs = 500;

export class SimulatedAgent {
  readonly machine: string;
  readonly #o: AgentWorld;
  #lease: Lease | null | undefined;
  #holder: string | undefined;
  #candidate: string | undefined;
  #fresh = true;
  #clean = false;
  #term: Term | undefined;
  #boots: number;
  /** Its process runs. The switch is no part of that. */
  #works = true;
  #timer: Timer | undefined;

  constructor(machine: string, o: AgentWorld) {
    this.machine = machine;
    this.#o = o;
    this.#boots = o.hosts.get(machine).boots;
  }

  /** What comes due every two seconds while it works and the API server answers. */
  beat(): void {
    const { hosts, isServed } = this.#o;
    const { boots } = hosts.get(this.machine);
    if (boots !== this.#boots) this.#begin(boots);
    if (!this.#works || !hosts.isReachable(this.machine) || !isServed()) return;
    // As many steps as follow one another at once.
    while (this.#step() === 'again');
  }

  /** It was renewed until now, and cannot be from now on. */
  falls(): void {
    if (!this.#works || this.#holder === undefined) return;
    this.#write(this.#holder);
  }

  /** Its process is killed, or stands still. */
  stop(): void {
    this.#works = false;
  }

  /** Another process begins, on the same boot. */
  restart(): void {
    if (!this.#works) this.#begin(this.#boots);
    this.beat();
  }

  /** A guest came up here. */
  sawGuest(): void {
    if (!this.#mayLive(this.#o.clock.monotonic())) this.#lookIn(reactionMs);
  }

  #begin(boots: number): void {
    const sameBoot = boots === this.#boots;
    this.#boots = boots;
    this.#works = true;
    this.#fresh = true;
    this.#clean = false;
    this.#lease = this.#holder = this.#candidate = undefined;
    if (!sameBoot) this.#term = undefined;
  }

  #step(): 'again' | 'rest' {
    const { clock, epoch } = this.#o;
    const step = decideLease({
      ...{ machine: this.machine, boot: this.#boot(), holder: this.#holder, candidate: this.#candidate },
      ...{ fresh: this.#fresh, clean: this.#clean, leaseMs: terms.leaseSeconds * 1000, seen: this.#seen() },
      expired: !mayLive(this.#term, clock.monotonic() / 1000),
    });
    switch (step.kind) {
      case 'look':
        this.#lease = this.#o.api.get<Lease>(leases, this.#ref()) ?? null;
        return 'again';
      case 'renew':
        return this.#write(this.#lease?.spec?.holderIdentity ?? '');
      case 'join':
        this.#fresh = false;
        return this.#write((this.#candidate ??= holderOf(this.machine, epoch())));
      case 'takeOver':
        return this.#write((this.#candidate ??= holderOf(this.machine, epoch())));
      case 'end':
        this.#term = this.#holder = this.#candidate = undefined;
        this.#clean = true;
        for (const guest of this.#o.guests.on(this.machine)) this.#kill(guest);
        return 'again';
      case 'wait':
      case 'leave':
        throw new Error(`the agent of ${this.machine} met another one, of which there is none: ${step.kind}`);
    }
  }

  #write(holder: string): 'again' | 'rest' {
    const { api, clock } = this.#o;
    const node = api.get<Node>(nodes, { name: this.machine });
    // It goes with its Node, without which there is none to be held.
    if (!node) return 'rest';
    const previous = this.#lease ?? undefined;
    const lease = claimedLease(previous, {
      ...{ namespace: machineLeaseNamespace, holder, node, boot: this.#boot(), terms },
      nowMs: clock.now(),
    });
    try {
      const user = 'agents';
      const written = previous
        ? api.replace(leases, this.#ref(), lease, { user })
        : api.create(leases, lease as never, { user });
      this.#lease = written as unknown as Lease;
    } catch (error) {
      if (!isConflict(error as Error) && !isNotFound(error as Error)) throw error;
      this.#lease = undefined;
      return 'again';
    }
    this.#fresh = this.#clean = false;
    this.#holder = holder;
    this.#candidate = undefined;
    this.#term = termFrom(clock.monotonic() / 1000, terms);
    this.#lookIn(0);
    return 'rest';
  }

  /** The agent while it works, the switch a little later in any case. */
  #mayLive(nowMs: number): boolean {
    if (this.#isAssumed()) return true;
    if (this.#works) return mayLive(this.#term, nowMs / 1000);
    return this.#term !== undefined && nowMs < this.#switchMs(this.#term);
  }

  #switchMs({ renewedS }: Term): number {
    return (renewedS + terms.switchAfterSeconds + terms.checkSeconds) * 1000;
  }

  #isAssumed(): boolean {
    const { assumesRenewals, hosts, isServed } = this.#o;
    return (
      assumesRenewals && this.#works && this.#holder !== undefined && hosts.isReachable(this.machine) && isServed()
    );
  }

  /** One timer at a time: it goes off when the term would end, and is set anew when that has moved. */
  #lookIn(ms: number): void {
    const { clock } = this.#o;
    if (this.#timer) return;
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#look();
      },
      Math.max(ms, this.#untilEndMs()),
    );
  }

  #look(): void {
    const { clock, guests } = this.#o;
    const now = clock.monotonic();
    if (this.#isAssumed()) return;
    if (this.#mayLive(now)) {
      this.#lookIn(1);
      return;
    }
    const shared = (this.#term?.renewedS ?? -Infinity) + terms.sharedSeconds > now / 1000;
    let spared = false;
    for (const guest of guests.on(this.machine)) {
      if (shared && this.#isShared(guest)) spared = true;
      else this.#kill(guest);
    }
    if (spared) this.#lookIn(reactionMs);
  }

  #untilEndMs(): number {
    if (!this.#term) return 0;
    const endMs = this.#works ? this.#term.endS * 1000 : this.#switchMs(this.#term);
    return endMs - this.#o.clock.monotonic();
  }

  #kill({ vmiUid }: Guest): void {
    this.#o.guests.kill(vmiUid, 'fenced');
  }

  #isShared({ vmi }: Guest): boolean {
    const found = this.#o.api.get<VirtualMachineInstance>(virtualMachineInstances, refOf(vmi));
    return found?.metadata.annotations?.[annotations.exclusive] === 'false';
  }

  #seen(): Seen {
    if (this.#lease === undefined) return { kind: 'unknown' };
    return this.#lease === null ? { kind: 'absent' } : seenOf(this.#lease, 0);
  }

  #boot(): string {
    return `boot-${this.#boots}`;
  }

  #ref(): { readonly namespace: string; readonly name: string } {
    return { namespace: machineLeaseNamespace, name: this.machine };
  }
}
