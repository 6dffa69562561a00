// Node selector terms as predicates over nodes, and the weight of preferences.
// Semantics: k8s.io/component-helpers nodeaffinity.
import { meets } from '../model/label-selector.ts';
import type { Node } from '../model/node.ts';
import type { Affinity, NodeSelectorTerm, PodSpec } from '../model/pod.ts';

/** A term matches when all its expressions and fields do; an empty term matches no node. The only field is metadata.name. */
export function termMatches(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  const fieldValues = { 'metadata.name': node.metadata.name };
  return (
    expressions.every((requirement) => meets(node.metadata.labels ?? {}, requirement)) &&
    fields.every((requirement) => meets(fieldValues, requirement))
  );
}

/** The pod's nodeSelector and its required node affinity: terms are alternatives, no term at all matches no node. */
export function matchesNodeAffinity(spec: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => termMatches(term, node));
}

/** The sum of the weights of all preferences that the node meets; an empty preference counts for every node. */
export function preferredNodeWeight(affinity: Affinity | undefined, node: Node): number {
  let sum = 0;
  for (const { weight, preference } of affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
    const empty = !preference.matchExpressions?.length && !preference.matchFields?.length;
    if (empty || termMatches(preference, node)) sum += weight;
  }
  return sum;
}
