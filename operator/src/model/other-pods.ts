// What pods that are no guests of ours ask of a machine: it is not to be lent a second time.
// Promises: pure; whole millicores and bytes, so that adding and taking away again is exact.

import type { Pod, ResourceList } from '../api/kubernetes.ts';
import { quantityToBytes, quantityToMillis } from '../api/quantity.ts';

export interface Requests {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly gpus: number;
}

export const noRequests: Requests = { cpuMillis: 0, memoryBytes: 0, diskBytes: 0, gpus: 0 };

/** Whether it holds what it asks for on a machine now. */
export function isScheduledAndUnfinished(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return pod.spec.nodeName !== undefined && pod.spec.nodeName !== '' && phase !== 'Succeeded' && phase !== 'Failed';
}

/**
 * As the scheduler counts: containers and sidecars together, or the largest step of the start if that is more, or what the pod
 * asks for as a whole, plus the runtime's overhead (k8s.io/component-helpers resource.PodRequests).
 * @param gpuResource the extended resource that counts as a graphics processor.
 */
export function requestsOf(pod: Pod, gpuResource: string): Requests {
  let running = noRequests;
  for (const { resources } of pod.spec.containers) running = sum(running, listed(resources?.requests, gpuResource));
  let sidecars = noRequests;
  let starting = noRequests;
  for (const { resources, restartPolicy } of pod.spec.initContainers ?? []) {
    const own = listed(resources?.requests, gpuResource);
    if (restartPolicy === 'Always') {
      sidecars = sum(sidecars, own);
      starting = larger(starting, sidecars);
    } else {
      starting = larger(starting, sum(sidecars, own));
    }
  }
  const containers = larger(sum(running, sidecars), starting);
  return sum(asAWhole(pod.spec.resources?.requests, containers), listed(pod.spec.overhead, gpuResource));
}

/** A pod may ask for processors and memory as a whole, and not for anything else. */
function asAWhole(list: ResourceList | undefined, containers: Requests): Requests {
  return {
    ...containers,
    ...(list?.['cpu'] === undefined ? {} : { cpuMillis: quantityToMillis(list['cpu']) }),
    ...(list?.['memory'] === undefined ? {} : { memoryBytes: quantityToBytes(list['memory']) }),
  };
}

export function sum(a: Requests, b: Requests): Requests {
  return {
    cpuMillis: a.cpuMillis + b.cpuMillis,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    diskBytes: a.diskBytes + b.diskBytes,
    gpus: a.gpus + b.gpus,
  };
}

export function difference(a: Requests, b: Requests): Requests {
  return {
    cpuMillis: a.cpuMillis - b.cpuMillis,
    memoryBytes: a.memoryBytes - b.memoryBytes,
    diskBytes: a.diskBytes - b.diskBytes,
    gpus: a.gpus - b.gpus,
  };
}

export function isNone({ cpuMillis, memoryBytes, diskBytes, gpus }: Requests): boolean {
  return cpuMillis === 0 && memoryBytes === 0 && diskBytes === 0 && gpus === 0;
}

function larger(a: Requests, b: Requests): Requests {
  return {
    cpuMillis: Math.max(a.cpuMillis, b.cpuMillis),
    memoryBytes: Math.max(a.memoryBytes, b.memoryBytes),
    diskBytes: Math.max(a.diskBytes, b.diskBytes),
    gpus: Math.max(a.gpus, b.gpus),
  };
}

function listed(list: ResourceList | undefined, gpuResource: string): Requests {
  if (!list) return noRequests;
  return {
    cpuMillis: quantityToMillis(list['cpu'] ?? 0),
    memoryBytes: quantityToBytes(list['memory'] ?? 0),
    diskBytes: quantityToBytes(list['ephemeral-storage'] ?? 0),
    gpus: quantityToBytes(list[gpuResource] ?? 0),
  };
}
