// A LabelSelector as objects carry it (matchLabels and matchExpressions), asked of a set of labels.
import { asArray, asRecord, asString, stringsOf } from '../schema/json.ts';

export function labelSelectorMatches(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels, matchExpressions } = asRecord(selector);
  const equal = Object.entries(asRecord(matchLabels)).every(([key, value]) => labels[key] === value);
  return (
    equal &&
    asArray(matchExpressions)
      .map(asRecord)
      .every((expression) => expressionMatches(expression, labels))
  );
}

function expressionMatches(expression: Record<string, unknown>, labels: Readonly<Record<string, string>>): boolean {
  const value = labels[asString(expression['key'])];
  const values = stringsOf(expression['values']);
  switch (expression['operator']) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}
