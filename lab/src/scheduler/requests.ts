// What a pod asks of a node: effective requests as Kubernetes counts them (k8s.io/component-helpers resource.PodRequests).
// Amounts are thousandths of the resource's unit (CPU millicores, memory bytes x 1000), so that sums stay exact integers.
import { quantityToMillis } from '@idlewild/operator/api/quantity.ts';
import type { Container, Pod, Quantities } from '../model/pod.ts';

/** Resource name to thousandths of its unit. */
export type Amounts = ReadonlyMap<string, number>;

/** Parses a map of quantities; throws what quantityToMillis throws for text that is no quantity. */
export function amountsOf(quantities: Quantities | undefined): Map<string, number> {
  return new Map(Object.entries(quantities ?? {}).map(([name, value]) => [name, quantityToMillis(String(value))]));
}

function containerRequests(container: Container): Map<string, number> {
  return amountsOf({ ...container.resources?.limits, ...container.resources?.requests });
}

export function addInto(sum: Map<string, number>, part: Amounts): Map<string, number> {
  for (const [name, amount] of part) sum.set(name, (sum.get(name) ?? 0) + amount);
  return sum;
}

function raiseTo(peak: Map<string, number>, other: Amounts): void {
  for (const [name, amount] of other) peak.set(name, Math.max(peak.get(name) ?? 0, amount));
}

/**
 * Effective requests of a pod: the larger of what runs together at the end (containers and sidecars) and the largest moment
 * of the init sequence, plus the overhead. A sidecar is an init container with restartPolicy Always: it stays from its turn on.
 */
export function podRequests(pod: Pod): Amounts {
  const sidecars = new Map<string, number>();
  const peak = new Map<string, number>();
  for (const init of pod.spec.initContainers ?? []) {
    const own = containerRequests(init);
    if (init.restartPolicy === 'Always') {
      addInto(sidecars, own);
      raiseTo(peak, sidecars);
    } else {
      raiseTo(peak, addInto(new Map(sidecars), own));
    }
  }
  const running = new Map(sidecars);
  for (const container of pod.spec.containers) addInto(running, containerRequests(container));
  raiseTo(peak, running);
  return addInto(peak, amountsOf(pod.spec.overhead));
}
