// Keeps the Lease of this machine, and with it the permission of its guests to live.
// Promises: guests live only by a renewal that is known to have succeeded, counted from before it was sent; a machine that was
// deprived of its lease joins anew under another name after the last of its guests has gone; another agent on the same boot may
// follow without a guest noticing. One loop
// renews; what ends guests never waits for it.

import type { Lease, Node } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { leases, nodes } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { isAlreadyExists, isConflict, isNotFound, toKubeError } from '@idlewild/operator/kube/errors.ts';
import type { Logger } from 'pino';
import type { BootClock } from '../fence/boot.ts';
import type { Fence } from '../fence/fence.ts';
import { decideLease, holderOf, inheritedTerm, mayLive, termFrom, type EndReason, type Term } from './decide.ts';
import { claimedLease, seenOf } from './lease-object.ts';
import { ownGuests, sharedPods } from './own-guests.ts';
import { causes, type KeeperTerms, type Standing } from './standing.ts';

export interface KeeperOptions {
  readonly machine: string;
  /** Of the Lease. */
  readonly namespace: string;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly boot: BootClock;
  readonly fence: Fence;
  readonly terms: KeeperTerms;
  /** A name that no agent ever had. */
  readonly epoch: () => string;
  readonly log: Logger;
  readonly onChange: () => void;
}

/** How often guests that must not live are looked for. */
const guardEveryMs = 500;
const restEveryMs = 1_000;
const learnEveryMs = 10_000;
const askAgainMs = 1_000;

export class LeaseKeeper {
  readonly #o: KeeperOptions;
  /** The Lease as last seen, null if there was none; undefined when it has to be looked at. */
  #lease: Lease | null | undefined;
  #quietSinceMs = 0;
  #quietVersion: string | undefined;
  #holder: string | undefined;
  #candidate: string | undefined;
  #fresh = true;
  #term: Term | undefined;
  #pods = new Map<string, number>();
  #shared: readonly string[] = [];
  /** The cluster, too, knows of no guest here that began before it joined. */
  #settled = false;
  #clean = false;
  #cause: EndReason = 'Unknown';
  #failing: string | undefined;
  #told: Standing = { kind: 'starting' };

  constructor(options: KeeperOptions) {
    this.#o = options;
    const inherited = options.fence.inherited();
    if (inherited) {
      this.#term = inheritedTerm(inherited.deadlineS, options.terms);
      this.#pods = new Map(inherited.pods);
      this.#shared = [...inherited.pods.keys()];
      this.#cause = 'Silent';
    }
  }

  get standing(): Standing {
    const lives = mayLive(this.#term, this.#o.boot.now());
    if (this.#holder !== undefined && this.#settled && lives) return { kind: 'joined' };
    if (this.#fresh && lives) return { kind: 'starting' };
    const message = this.#o.fence.trouble ?? this.#failing ?? 'it joins the cluster, and is cleaned of what ran before';
    return { kind: this.#holder !== undefined && this.#settled ? 'cut' : 'joining', message };
  }

  /** Until the signal ("stopped"), or another agent of this machine has taken over ("superseded"). */
  async run(signal: AbortSignal): Promise<'stopped' | 'superseded'> {
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const beside = Promise.all([this.#guard(either), this.#learn(either)]);
    try {
      return await this.#keep(signal);
    } finally {
      ended.abort();
      await beside;
    }
  }

  async #guard(signal: AbortSignal): Promise<void> {
    const { boot, clock } = this.#o;
    while (!signal.aborted) {
      if (!mayLive(this.#term, boot.now())) await this.#end();
      this.#tell();
      const restMs = this.#term ? (this.#term.endS - boot.now()) * 1000 : guardEveryMs;
      // The end of a term is met to the millisecond; a machine that was suspended meanwhile has the switch, too.
      const pauseMs = restMs > 0 ? Math.min(restMs + 1, restEveryMs) : guardEveryMs;
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  async #keep(signal: AbortSignal): Promise<'stopped' | 'superseded'> {
    const { clock, terms, log } = this.#o;
    const renewMs = terms.renewSeconds * 1000;
    while (!signal.aborted) {
      const beganMs = clock.monotonic();
      let everyMs = renewMs;
      try {
        const step = await this.#step(signal);
        if (step === 'superseded') return step;
        if (step === 'again') everyMs = 0;
        this.#failing = undefined;
      } catch (error) {
        if (signal.aborted) break;
        const { kind, message: said } = toKubeError(error);
        const message = kind === 'aborted' ? `no answer within ${terms.requestTimeoutSeconds} s` : said;
        if (this.#failing === undefined) log.warn({ err: message }, 'the lease could not be renewed');
        this.#failing = `it cannot hold its lease: ${message}`;
        // Soon, but no sooner than a server that is just starting can bear.
        everyMs = renewMs / 4;
      }
      this.#tell();
      const restMs = beganMs + everyMs - clock.monotonic();
      if (restMs > 0) await clock.sleep(restMs, signal).catch(() => undefined);
    }
    await this.#renewOnceMore();
    return 'stopped';
  }

  /** Throws KubeError. @returns "again" when the next step is due at once. */
  async #step(signal: AbortSignal): Promise<'again' | 'rest' | 'superseded'> {
    const { machine, boot, terms, epoch, log, clock } = this.#o;
    const quietMs = clock.monotonic() - this.#quietSinceMs;
    const step = decideLease({
      ...{ machine, boot: boot.id, holder: this.#holder, candidate: this.#candidate, fresh: this.#fresh },
      ...{ clean: this.#clean, leaseMs: terms.leaseSeconds * 1000, expired: !mayLive(this.#term, boot.now()) },
      seen:
        this.#lease === undefined
          ? { kind: 'unknown' }
          : this.#lease === null
            ? { kind: 'absent' }
            : seenOf(this.#lease, quietMs),
    });
    switch (step.kind) {
      case 'look':
        await this.#look(signal);
        return 'again';
      case 'renew':
        return (await this.#write(this.#lease?.spec?.holderIdentity ?? '', signal)) ? 'rest' : 'again';
      case 'takeOver':
        this.#candidate ??= holderOf(machine, epoch());
        log.info({ holder: this.#candidate }, 'takes over from the agent before it');
        this.#settled = true;
        return (await this.#write(this.#candidate, signal)) ? 'rest' : 'again';
      case 'join':
        this.#fresh = false;
        this.#candidate ??= holderOf(machine, epoch());
        log.info({ holder: this.#candidate }, 'joins');
        return (await this.#write(this.#candidate, signal)) ? 'rest' : 'again';
      case 'end':
        this.#deprive(step.reason);
        return (await this.#end()) ? 'again' : 'rest';
      case 'wait':
        this.#lease = undefined;
        return 'rest';
      case 'leave':
        log.warn({ holder: this.#lease?.spec?.holderIdentity }, 'another agent of this machine has taken over');
        return 'superseded';
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { client, machine, namespace } = this.#o;
    try {
      const ref = { namespace, name: machine };
      this.#see(await client.get<Lease>(leases, ref, { signal: this.#soon(signal) }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#lease = null;
    }
  }

  #see(lease: Lease): void {
    const { resourceVersion } = lease.metadata;
    if (resourceVersion !== this.#quietVersion) this.#quietSinceMs = this.#o.clock.monotonic();
    this.#quietVersion = resourceVersion;
    this.#lease = lease;
  }

  /** Takes or renews the lease. @returns false when somebody else was quicker, so that another look is due. Throws KubeError. */
  async #write(holder: string, signal: AbortSignal): Promise<boolean> {
    const { client, machine, namespace, boot, terms, clock } = this.#o;
    const previous = this.#lease ?? undefined;
    const known = holder === this.#holder ? previous?.metadata.ownerReferences?.[0]?.uid : undefined;
    const node =
      known === undefined
        ? await client.get<Node>(nodes, { name: machine }, { signal: this.#soon(signal) })
        : { metadata: { name: machine, uid: known } };
    const sentS = boot.now();
    const silentMs = this.#term && (sentS - this.#term.renewedS) * 1000;
    const claim = { namespace, holder, node, boot: boot.id, terms, nowMs: clock.now(), silentMs };
    const lease = claimedLease(previous, claim);
    try {
      const o = { signal: this.#soon(signal) };
      this.#see(await (previous ? client.replace<Lease>(leases, lease, o) : client.create<Lease>(leases, lease, o)));
    } catch (error) {
      // Or the write of ours whose answer came too late.
      const overtaken = isConflict(error) || (previous ? isNotFound(error) : isAlreadyExists(error));
      // Whatever the server says may be about the Lease: that of an update of one that was deleted is "internal error".
      if (toKubeError(error).status !== undefined) this.#lease = undefined;
      if (overtaken) return false;
      throw error;
    }
    this.#fresh = false;
    this.#holder = holder;
    this.#candidate = undefined;
    if (!this.#settled) await this.#settle(signal);
    if (this.#settled) this.#permit(sentS);
    return true;
  }

  #permit(sentS: number): void {
    const { terms, fence } = this.#o;
    this.#term = termFrom(sentS, terms);
    this.#clean = false;
    this.#pods = new Map(this.#shared.map((pod) => [pod, sentS + terms.sharedSeconds]));
    fence.permit(sentS + terms.switchAfterSeconds, this.#pods);
  }

  /** What began here before it joined may be running elsewhere by now: nothing of it may come up again. */
  async #settle(signal: AbortSignal): Promise<void> {
    const guests = await this.#guests(signal);
    this.#settled = guests?.length === 0 && (await this.#end());
  }

  /** Which guests may live longer; beside the renewals, which must not wait for it. */
  async #learn(signal: AbortSignal): Promise<void> {
    const { clock, machine } = this.#o;
    while (!signal.aborted) {
      const guests = this.#settled ? await this.#guests(signal) : undefined;
      if (guests) this.#shared = sharedPods(guests, machine);
      await clock.sleep(guests ? learnEveryMs : askAgainMs, signal).catch(() => undefined);
    }
  }

  /** Undefined when the cluster does not tell. */
  async #guests(signal: AbortSignal): Promise<readonly VirtualMachineInstance[] | undefined> {
    const { client, machine, log } = this.#o;
    try {
      return await ownGuests(client, machine, this.#soon(signal));
    } catch (error) {
      log.debug({ err: toKubeError(error).message }, 'the guests of this machine are not known');
      return undefined;
    }
  }

  /** Whoever comes next has the whole time to start. */
  async #renewOnceMore(): Promise<void> {
    if (!this.#holder || !this.#lease || !mayLive(this.#term, this.#o.boot.now())) return;
    try {
      await this.#write(this.#holder, new AbortController().signal);
    } catch (error) {
      this.#o.log.warn({ err: toKubeError(error).message }, 'the lease could not be renewed a last time');
    }
  }

  #deprive(reason: EndReason): void {
    this.#cause = reason;
    // Guests of a predecessor of which a second copy is tolerated keep their own time.
    if (reason === 'Silent') return;
    this.#term = undefined;
    this.#pods = new Map();
    this.#shared = [];
    this.#settled = false;
    this.#holder = undefined;
    this.#candidate = undefined;
    this.#o.fence.withdraw();
  }

  async #end(): Promise<boolean> {
    const { fence, boot } = this.#o;
    const nowS = boot.now();
    const reason = this.#term === undefined ? this.#cause : 'Silent';
    const spared = [...this.#pods].flatMap(([pod, untilS]) => (nowS < untilS ? [pod] : []));
    this.#clean = await fence.end({ reason, words: causes[reason] }, new Set(spared));
    return this.#clean;
  }

  #tell(): void {
    const { standing } = this;
    const told = this.#told;
    this.#told = standing;
    if (JSON.stringify(told) !== JSON.stringify(standing)) this.#o.onChange();
  }

  #soon(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, AbortSignal.timeout(this.#o.terms.requestTimeoutSeconds * 1000)]);
  }
}
