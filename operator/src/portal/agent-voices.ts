// When the agents of the machines were last heard of, from the leases that they renew every few seconds.
// Promises: one list every ten seconds however many machines and pages there are, for a watch would tell of every renewal; tells
// of a machine only when its page would say something else. Where leases may not be read nothing is known, and that harms nothing.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Lease } from '../api/kubernetes.ts';
import { leases } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { machineLeaseNamespace } from '../model/names.ts';

const everyMs = 10_000;
/** A newer time is told of only when the one that was told is so much older. */
const staleMs = 30_000;

export class AgentVoices {
  readonly #o: {
    readonly client: KubeClient;
    readonly clock: Clock;
    readonly log: Logger;
    readonly onNews: (machine: string) => void;
  };
  /** What was told, RFC 3339. */
  readonly #heard = new Map<string, string>();
  #refused = false;

  constructor(options: {
    readonly client: KubeClient;
    readonly clock: Clock;
    readonly log: Logger;
    readonly onNews: (machine: string) => void;
  }) {
    this.#o = options;
  }

  heardOf(machine: string): string | undefined {
    return this.#heard.get(machine);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look(signal);
      await delay(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { client, log, onNews } = this.#o;
    let found: readonly Lease[];
    try {
      found = (await client.list<Lease>(leases, { namespace: machineLeaseNamespace, signal })).items;
      this.#refused = false;
    } catch (error) {
      if (!signal.aborted && !this.#refused) log.info({ err: error }, 'when machines were last seen is not known');
      this.#refused = true;
      return;
    }
    const there = new Set<string>();
    for (const { metadata, spec } of found) {
      there.add(metadata.name);
      const renewed = spec?.renewTime;
      const told = this.#heard.get(metadata.name);
      if (renewed === undefined || (told !== undefined && Date.parse(renewed) - Date.parse(told) < staleMs)) continue;
      this.#heard.set(metadata.name, renewed);
      onNews(metadata.name);
    }
    for (const name of this.#heard.keys()) {
      if (there.has(name)) continue;
      this.#heard.delete(name);
      onNews(name);
    }
  }
}
