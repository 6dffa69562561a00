// Label selectors as predicates over plain label maps, for every controller that selects objects.
// Semantics: k8s.io/apimachinery labels.Requirement; an unknown operator matches nothing.
import type { LabelSelector, SelectorRequirement } from './pod.ts';

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
export function selects(selector: LabelSelector<Operator> | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  const pairs = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return pairs && (selector.matchExpressions ?? []).every((requirement) => meets(labels, requirement));
}
