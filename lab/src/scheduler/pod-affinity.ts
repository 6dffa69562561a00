// Pod affinity and anti-affinity: which nodes share a topology domain with matching pods.
// Semantics: kube-scheduler's InterPodAffinity plugin; a node without the topology key belongs to no domain.
import { selects } from '../model/label-selector.ts';
import type { Node } from '../model/node.ts';
import type { Pod, PodAffinityTerm } from '../model/pod.ts';
import type { ClusterSnapshot, NodeUsage } from './snapshot.ts';

export type AffinityVerdict = 'fits' | 'affinity' | 'anti-affinity' | 'existing anti-affinity';

function termCovers(term: PodAffinityTerm, owner: Pod, other: Pod, snapshot: ClusterSnapshot): boolean {
  const namespace = other.metadata.namespace ?? '';
  const own = (term.namespaces?.length ?? 0) === 0 && term.namespaceSelector === undefined;
  const inScope =
    (own && namespace === owner.metadata.namespace) ||
    (term.namespaces?.includes(namespace) ?? false) ||
    selects(term.namespaceSelector, snapshot.namespaceLabels.get(namespace));
  return inScope && selects(term.labelSelector, other.metadata.labels);
}

function domainOf(node: Node, term: PodAffinityTerm): string | undefined {
  return node.metadata.labels?.[term.topologyKey];
}

function sharesDomain(term: PodAffinityTerm, a: Node, b: Node): boolean {
  const domain = domainOf(a, term);
  return domain !== undefined && domain === domainOf(b, term);
}

/** True if a pod that the term covers runs in the candidate's domain. */
function coveredNear(term: PodAffinityTerm, pod: Pod, candidate: Node, snapshot: ClusterSnapshot): boolean {
  return snapshot.nodes.some(
    ({ node, pods }) =>
      sharesDomain(term, candidate, node) && pods.some((other) => termCovers(term, pod, other, snapshot)),
  );
}

/** The first pod of a group that wants to be with its own kind may start anywhere that has the topology keys. */
function startsItsGroup(
  terms: readonly PodAffinityTerm[],
  pod: Pod,
  candidate: Node,
  snapshot: ClusterSnapshot,
): boolean {
  const anywhere = snapshot.nodes.some(({ node, pods }) =>
    terms.some(
      (term) => domainOf(node, term) !== undefined && pods.some((other) => termCovers(term, pod, other, snapshot)),
    ),
  );
  return (
    !anywhere && terms.every((term) => termCovers(term, pod, pod, snapshot) && domainOf(candidate, term) !== undefined)
  );
}

/** Required pod affinity of the pod, its anti-affinity, and the anti-affinity of the pods that are already there. */
export function affinityVerdict(pod: Pod, candidate: NodeUsage, snapshot: ClusterSnapshot): AffinityVerdict {
  const together = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  if (
    !together.every((term) => coveredNear(term, pod, candidate.node, snapshot)) &&
    !startsItsGroup(together, pod, candidate.node, snapshot)
  )
    return 'affinity';
  const apart = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  if (apart.some((term) => coveredNear(term, pod, candidate.node, snapshot))) return 'anti-affinity';
  const repelled = snapshot.nodes.some(({ node, pods }) =>
    pods.some((other) =>
      (other.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(
        (term) => sharesDomain(term, candidate.node, node) && termCovers(term, other, pod, snapshot),
      ),
    ),
  );
  return repelled ? 'existing anti-affinity' : 'fits';
}

/** Weights of the preferred pod affinity that the candidate meets, less those of the preferred anti-affinity. */
export function preferredPodWeight(pod: Pod, candidate: Node, snapshot: ClusterSnapshot): number {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const weigh = (rules: typeof podAffinity) =>
    (rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []).reduce(
      (sum, { weight, podAffinityTerm }) =>
        coveredNear(podAffinityTerm, pod, candidate, snapshot) ? sum + weight : sum,
      0,
    );
  return weigh(podAffinity) - weigh(podAntiAffinity);
}
