// Whose virtual machines are on this machine, for its owner to see.
// Promises: asked of the cluster only when somebody looks, and no more than every few seconds; a cluster that does not answer
// soon is "unknown", never "nobody".

import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { toKubeError } from '@idlewild/operator/kube/errors.ts';
import { labels } from '@idlewild/operator/model/names.ts';
import type { Logger } from 'pino';
import type { Guest } from './view.ts';

const freshMs = 5_000;
const timeoutMs = 2_000;
/** KubeVirt's, on every instance that is on a node (pkg/virt-controller/watch/vmi). */
const nodeLabel = 'kubevirt.io/nodeName';

export interface GuestListOptions {
  readonly client: KubeClient;
  readonly machine: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export class GuestList {
  readonly #o: GuestListOptions;
  #asked: { readonly atMs: number; readonly guests: Promise<readonly Guest[] | undefined> } | undefined;

  constructor(options: GuestListOptions) {
    this.#o = options;
  }

  /** The oldest first; undefined while the cluster cannot be asked. */
  async list(): Promise<readonly Guest[] | undefined> {
    const atMs = this.#o.clock.monotonic();
    if (!this.#asked || atMs - this.#asked.atMs >= freshMs) this.#asked = { atMs, guests: this.#ask() };
    return this.#asked.guests;
  }

  async #ask(): Promise<readonly Guest[] | undefined> {
    const { client, machine, log } = this.#o;
    try {
      const { items } = await client.list<VirtualMachineInstance>(virtualMachineInstances, {
        labelSelector: `${nodeLabel}=${machine}`,
        signal: AbortSignal.timeout(timeoutMs),
      });
      return items.flatMap((item) => guestOf(item) ?? []).sort((a, b) => a.since.localeCompare(b.since));
    } catch (error) {
      log.debug({ err: toKubeError(error).message }, 'the owner is not told for whom guests run: the cluster is away');
      return undefined;
    }
  }
}

/** Undefined for one that has ended. */
function guestOf({ metadata, status = {} }: VirtualMachineInstance): Guest | undefined {
  const { creationTimestamp } = metadata;
  if (status.phase === 'Succeeded' || status.phase === 'Failed' || creationTimestamp === undefined) return undefined;
  const running = status.phase === 'Running';
  const began = status.phaseTransitionTimestamps?.find(({ phase }) => phase === 'Running')?.phaseTransitionTimestamp;
  const leaving = metadata.deletionTimestamp !== undefined || status.evacuationNodeName !== undefined;
  return {
    namespace: metadata.namespace ?? '',
    job: metadata.labels?.[labels.job] ?? metadata.name,
    state: leaving ? 'leaving' : running ? 'running' : 'starting',
    since: (running ? began : undefined) ?? creationTimestamp,
  };
}
