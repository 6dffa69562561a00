// What pods other than guests ask of each machine, kept as a sum.
// Promises: exact however often pods come and go.

import type { Pod } from '../api/kubernetes.ts';
import {
  difference,
  isNone,
  isScheduledAndUnfinished,
  noRequests,
  requestsOf,
  sum,
  type Requests,
} from '../model/other-pods.ts';

export class Requested {
  readonly #gpuResource: string;
  readonly #pods = new Map<string, { readonly node: string; readonly requests: Requests }>();
  readonly #byNode = new Map<string, Requests>();

  constructor(gpuResource: string) {
    this.#gpuResource = gpuResource;
  }

  on(node: string): Requests {
    return this.#byNode.get(node) ?? noRequests;
  }

  /** @returns the machines that it made a difference to. */
  set(key: string, pod: Pod | undefined): Set<string> {
    const before = this.#pods.get(key);
    const node = pod && isScheduledAndUnfinished(pod) ? pod.spec.nodeName : undefined;
    const requests = pod && node !== undefined ? requestsOf(pod, this.#gpuResource) : noRequests;
    const changed = new Set<string>();
    if (before) {
      this.#pods.delete(key);
      const rest = difference(this.on(before.node), before.requests);
      if (isNone(rest)) this.#byNode.delete(before.node);
      else this.#byNode.set(before.node, rest);
      changed.add(before.node);
    }
    if (node !== undefined && !isNone(requests)) {
      this.#pods.set(key, { node, requests });
      this.#byNode.set(node, sum(this.on(node), requests));
      changed.add(node);
    }
    return changed;
  }
}
