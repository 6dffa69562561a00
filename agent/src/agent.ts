// The agent of one machine: senses the owner, and keeps the machine's offer on its Node true.
// Promises: an owner's arrival is acted on within a quarter of a second of the sensor; the offer is written when it changed, and
// again after every failure; while the cluster is away the agent goes on sensing.

import { uptime } from 'node:os';
import type { Logger } from 'pino';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { nodes } from '@idlewild/operator/api/resources.ts';
import { Backoff } from '@idlewild/operator/kube/backoff.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { isConflict, toKubeError } from '@idlewild/operator/kube/errors.ts';
import type { Fence } from './fence/fence.ts';
import type { LeaseKeeper } from './lease/keeper.ts';
import type { Standing } from './lease/standing.ts';
import { offerPatch, type Caps } from './offer/decide.ts';
import type { MachineState } from './owner/view.ts';
import type { OwnersWill } from './owner/will.ts';
import { decidePresence, type Presence } from './presence/decide.ts';
import { isShortOfMemory } from './presence/pressure.ts';
import type { PolicySource } from './presence/policy-source.ts';
import type { Readings } from './presence/readings.ts';
import { decideActivity, habitsBy, signAge, type Activity } from './throttle/decide.ts';
import type { Throttle } from './throttle/throttle.ts';

/** How often the input devices are looked at, and how often everything else. */
const inputEveryMs = 200;
const readEveryMs = 2_000;
/** How often guests that have started since are held back as well. */
const holdEveryMs = 500;
/** How often the Node is compared although nothing changed here: somebody else may have changed it. */
const compareEveryMs = 30_000;
const writeTimeoutMs = 5_000;

export interface Sensors {
  inputMs(): number | undefined;
  read(): Readings;
}

export interface AgentOptions {
  readonly machine: string;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sensors: Sensors;
  readonly will: OwnersWill;
  readonly policy: Pick<PolicySource, 'current' | 'problem' | 'read'>;
  readonly caps: Caps;
  readonly throttle: Pick<Throttle, 'apply'>;
  readonly lease: Pick<LeaseKeeper, 'standing'>;
  readonly fence: Pick<Fence, 'armed'>;
  /** For how long guests may leave a machine that is about to sleep or shut down, ms. */
  readonly leavesInMs?: (() => number | undefined) | undefined;
  /** Told of every change of presence, with its time (RFC 3339). */
  readonly onPresence?: ((presence: Presence, at: string) => void) | undefined;
}

export class Agent {
  readonly #o: AgentOptions;
  readonly #bootedAt: string;
  #presence: Presence = { present: true, reason: 'NoSensor', message: 'the agent has just started' };
  #since: string;
  #activity: Activity = { active: false };
  #short = false;
  #leavesBy: string | undefined;
  #fenced = false;
  #standing: Standing['kind'] = 'starting';
  #readMs = Number.NEGATIVE_INFINITY;
  #heldMs = Number.NEGATIVE_INFINITY;
  #changed: () => void = () => undefined;
  #dirty = true;

  constructor(options: AgentOptions) {
    this.#o = options;
    const nowMs = options.clock.now();
    this.#since = new Date(nowMs).toISOString();
    this.#bootedAt = new Date(Math.round(nowMs - uptime() * 1000)).toISOString();
  }

  view(): MachineState {
    const { machine, will } = this.#o;
    const { active } = this.#activity;
    return { machine, presence: this.#presence, since: this.#since, active, stopped: will.stopped };
  }

  /** Looks at everything now; for a wish of the owner that must not wait. */
  look(): void {
    const { clock, sensors, policy, caps, will, log } = this.#o;
    this.#readMs = clock.monotonic();
    const nowMs = clock.now();
    const readings = sensors.read();
    this.#attend(signAge(readings));
    const { current } = policy;
    const owners = decidePresence({
      readings,
      policy: current,
      dedicated: caps.dedicated,
      stopped: will.stopped,
      nowMs,
    });
    const next = this.#asJoined(owners);
    this.#lookAtFence();
    this.#lookAtUrgency(readings, nowMs);
    if (next.present !== this.#presence.present) this.#since = new Date(nowMs).toISOString();
    if (next.present === this.#presence.present && next.reason === this.#presence.reason) return;
    this.#presence = next;
    this.#o.onPresence?.(next, new Date(nowMs).toISOString());
    log.info({ ...next }, next.present ? 'the machine is its owner’s' : 'the machine may be lent');
    this.#dirty = true;
    this.#changed();
  }

  /** A machine that does not hold its lease lends nothing, whatever its owner does. */
  #asJoined(owners: Presence): Presence {
    const { standing } = this.#o.lease;
    if (owners.present || standing.kind === 'starting' || standing.kind === 'joined') return owners;
    return { present: true, reason: 'Joining', message: standing.message };
  }

  #lookAtUrgency(readings: Readings, nowMs: number): void {
    const short = isShortOfMemory(this.#short, readings.memoryStall);
    const leavesInMs = readings.leaving === true ? this.#o.leavesInMs?.() : undefined;
    const leaves = leavesInMs !== undefined;
    if (short === this.#short && leaves === (this.#leavesBy !== undefined)) return;
    this.#short = short;
    // Said once: it does not change while the machine waits.
    this.#leavesBy = leaves ? new Date(nowMs + leavesInMs).toISOString() : undefined;
    this.#dirty = true;
    this.#changed();
  }

  #lookAtFence(): void {
    const { fence, lease, log } = this.#o;
    const { armed } = fence;
    const { kind } = lease.standing;
    if (armed === this.#fenced && kind === this.#standing) return;
    if (armed !== this.#fenced) log.info(armed ? 'the fence is armed' : 'the fence is off');
    this.#fenced = armed;
    this.#standing = kind;
    this.#dirty = true;
    this.#changed();
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#sense(signal), this.#publish(signal)]);
    // Nobody would let the guests go again.
    this.#o.throttle.apply(false);
  }

  async #sense(signal: AbortSignal): Promise<void> {
    const { clock, sensors } = this.#o;
    while (!signal.aborted) {
      const touched = sensors.inputMs();
      this.#attend(touched);
      const arrived = touched !== undefined && touched < 2 * inputEveryMs && !this.#presence.present;
      if (arrived || clock.monotonic() - this.#readMs >= readEveryMs) this.look();
      await clock.sleep(inputEveryMs, signal).catch(() => undefined);
    }
  }

  /** @param ageMs of the last sign of a person. */
  #attend(ageMs: number | undefined): void {
    const { clock, will, caps, policy, throttle, log } = this.#o;
    const nowMs = clock.monotonic();
    const signs = { ageMs, stopped: will.stopped };
    const by = habitsBy(policy.current.idleAfterMs);
    const next = caps.dedicated ? this.#activity : decideActivity(this.#activity, signs, nowMs, by);
    const turned = next.active !== this.#activity.active;
    this.#activity = next;
    if (!turned && nowMs - this.#heldMs < holdEveryMs) return;
    this.#heldMs = nowMs;
    throttle.apply(next.active);
    if (turned) log.info(next.active ? 'the owner is at it: guests are held back' : 'guests are no longer held back');
  }

  async #publish(signal: AbortSignal): Promise<void> {
    const { log } = this.#o;
    const backoff = new Backoff({ baseMs: 250, maxMs: 10_000 });
    while (!signal.aborted) {
      this.#dirty = false;
      let pauseMs = compareEveryMs;
      try {
        await this.#write(AbortSignal.any([signal, AbortSignal.timeout(writeTimeoutMs)]));
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        pauseMs = isConflict(error) ? 0 : backoff.next();
        log.warn({ err: toKubeError(error).message, pauseMs }, 'the offer could not be written');
      }
      if (!this.#dirty) await this.#pause(pauseMs, signal);
    }
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { client, machine, caps, lease, policy, log } = this.#o;
    // What is written before it is known who has the lease would drive guests away.
    const { kind } = lease.standing;
    if (kind === 'starting' || kind === 'cut') return;
    const node = await client.get<Node>(nodes, { name: machine }, { signal });
    if (await policy.read(node, signal)) this.look();
    const offer = {
      caps,
      presence: this.#presence,
      since: this.#since,
      bootedAt: this.#bootedAt,
      fenced: this.#fenced,
      policyProblem: policy.problem,
      // Beside nobody it is the guests' own doing.
      pressure: this.#presence.present && this.#short ? ('memory' as const) : undefined,
      leavesBy: this.#leavesBy,
    };
    const patch = offerPatch(node, offer);
    if (!patch) return;
    await client.mergePatch<Node>(nodes, { name: machine }, patch, { signal });
    log.debug({ patch }, 'offer written');
  }

  /** Until `ms` have passed, or the presence changed. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#changed = () => woken.abort();
    await this.#o.clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
    this.#changed = () => undefined;
  }
}
