// Makes the machine a Node and keeps it one: registers (again after a restart), renews the node lease and posts its status.
// Promises: the lease is renewed every 2 s on its own loop, so that a slow status write never makes a healthy machine look
// lost; labels that others gave the node stay.
import { leases, nodes } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { isAlreadyExists, isNotFound } from '@idlewild/operator/kube/errors.ts';
import { microTime } from '@idlewild/operator/kube/micro-time.ts';
import type { Logger } from 'pino';
import { wholeSeconds } from '../../model/meta.ts';
import { NODE_LEASE_NAMESPACE, type Node } from '../../model/node.ts';
import type { MachineConfig } from '../config.ts';
import { annotationsOf, labelsOf, statusOf, withTransitionTimes, type HostFacts } from './node-object.ts';

const leaseDurationSeconds = 8;
const renewEveryMs = 2_000;
const statusEveryMs = 10_000;
const retryMs = 1_000;
/** KubeVirt's virt-handler says once a minute that it is there. */
const handlerHeartbeatMs = 60_000;

export interface RegistrationOptions {
  readonly client: KubeClient;
  readonly config: MachineConfig;
  readonly facts: HostFacts;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Lease {
  metadata: { name: string; namespace: string; resourceVersion?: string };
  spec: { holderIdentity: string; leaseDurationSeconds: number; renewTime: string };
}

export class Registration {
  readonly #o: RegistrationOptions;
  #uid = '';
  #heartbeatAt = -Infinity;

  constructor(options: RegistrationOptions) {
    this.#o = options;
  }

  get uid(): string {
    return this.#uid;
  }

  /** Resolves when the Node exists and says Ready; tries until then. */
  async register(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#o;
    for (;;) {
      try {
        await this.#registerOnce();
        await this.#renew();
        await this.#postStatus();
        return;
      } catch (error) {
        signal.throwIfAborted();
        log.warn({ err: error }, 'the node could not be registered yet');
        await clock.sleep(retryMs, signal);
      }
    }
  }

  /** Renews and posts until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#every(renewEveryMs, 'renew the node lease', () => this.#renew(), signal),
      this.#every(statusEveryMs, 'post the node status', () => this.#postStatus(), signal),
    ]);
  }

  async #every(ms: number, what: string, act: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#o;
    while (!signal.aborted) {
      const started = clock.monotonic();
      try {
        await act();
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, `could not ${what}`);
      }
      await clock.sleep(Math.max(0, ms - (clock.monotonic() - started)), signal).catch(() => undefined);
    }
  }

  async #registerOnce(): Promise<void> {
    const { client, config, facts } = this.#o;
    const metadata = {
      name: config.name,
      labels: labelsOf(config, facts),
      annotations: annotationsOf(config),
    };
    try {
      const created = await client.create<Node>(nodes, { metadata });
      this.#uid = created.metadata.uid;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const patched = await client.mergePatch<Node>(nodes, { name: config.name }, { metadata });
      this.#uid = patched.metadata.uid;
    }
  }

  async #renew(): Promise<void> {
    const { client, config, clock } = this.#o;
    const ref = { namespace: NODE_LEASE_NAMESPACE, name: config.name };
    const spec = { holderIdentity: config.name, leaseDurationSeconds, renewTime: microTime(clock.now()) };
    try {
      await client.mergePatch<Lease>(leases, ref, { spec });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const owner = { apiVersion: 'v1', kind: 'Node', name: config.name, uid: this.#uid };
      await client.create(leases, { metadata: { ...ref, ownerReferences: [owner] }, spec } as never);
    }
  }

  async #postStatus(): Promise<void> {
    const { client, config, facts, clock } = this.#o;
    const ref = { name: config.name };
    const now = wholeSeconds(clock.now());
    const stored = await client.get<Node>(nodes, ref);
    const status = statusOf(config, facts, now);
    const conditions = withTransitionTimes(status.conditions, stored.status?.conditions, now);
    await client.strategicMergePatch(nodes, ref, { status: { ...status, conditions } }, { subresource: 'status' });
    if (clock.monotonic() - this.#heartbeatAt < handlerHeartbeatMs) return;
    await client.mergePatch(nodes, ref, { metadata: { annotations: { 'kubevirt.io/heartbeat': now } } });
    this.#heartbeatAt = clock.monotonic();
  }
}
