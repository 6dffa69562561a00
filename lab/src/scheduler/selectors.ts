// Label selectors and node selector terms, as predicates over plain label maps.
// Semantics: k8s.io/apimachinery labels.Requirement and component-helpers nodeaffinity; an unknown operator matches nothing.
import type { Node } from '../model/node.ts';
import type { Affinity, LabelSelector, NodeSelectorTerm, PodSpec, SelectorRequirement } from '../model/pod.ts';

type Labels = Readonly<Record<string, string>>;
type Operator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';

const WHOLE_NUMBER = /^[+-]?\d+$/;

function compare(actual: string | undefined, wanted: string | undefined): number | undefined {
  if (actual === undefined || wanted === undefined) return undefined;
  if (!WHOLE_NUMBER.test(actual) || !WHOLE_NUMBER.test(wanted)) return undefined;
  const [left, right] = [BigInt(actual), BigInt(wanted)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** One requirement against one label map; NotIn also matches where the key is missing, Gt and Lt want whole numbers. */
export function meets(labels: Labels, requirement: SelectorRequirement<Operator>): boolean {
  const actual = labels[requirement.key];
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
      return actual !== undefined && values.includes(actual);
    case 'NotIn':
      return actual === undefined || !values.includes(actual);
    case 'Exists':
      return actual !== undefined;
    case 'DoesNotExist':
      return actual === undefined;
    case 'Gt':
      return values.length === 1 && compare(actual, values[0]) === 1;
    case 'Lt':
      return values.length === 1 && compare(actual, values[0]) === -1;
    default:
      return false;
  }
}

/** A label selector: undefined selects nothing, an empty one everything. */
export function selects(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  const pairs = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return pairs && (selector.matchExpressions ?? []).every((requirement) => meets(labels, requirement));
}

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
