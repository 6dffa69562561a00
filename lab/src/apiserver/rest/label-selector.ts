// Label selectors as in a query string (`a=b,c!=d,e in (f,g),!h,i`) and as in an object (matchLabels and
// matchExpressions). Refuses what does not parse with the message that Kubernetes gives.

import { badRequest } from '../errors/status.ts';
import { selects } from '../../model/label-selector.ts';
import type { LabelSelector as Selection } from '../../model/pod.ts';

type Labels = Readonly<Record<string, string>>;
export type LabelSelector = (labels: Labels | undefined) => boolean;

export const everyLabel: LabelSelector = () => true;

const operators = ['in', 'notin', '=', '==', '!=', 'gt', 'lt'] as const;
type Operator = (typeof operators)[number];

/** Throws a 400 with the parser's complaint. */
export function parseLabelSelector(text: string): LabelSelector {
  const tokens = tokensOf(text);
  if (tokens.length === 0) return everyLabel;
  const requirements: LabelSelector[] = [];
  for (;;) {
    requirements.push(requirement(tokens));
    const next = tokens.shift();
    if (next === undefined) break;
    if (next !== ',') throw refused(`found '${next}', expected: ',' or 'end of string'`);
    if (tokens.length === 0) throw refused(`found '', expected: identifier after ','`);
  }
  return (labels) => requirements.every((matches) => matches(labels));
}

function requirement(tokens: string[]): LabelSelector {
  const negated = tokens[0] === '!';
  if (negated) tokens.shift();
  const key = tokens.shift();
  if (key === undefined || isSpecial(key))
    throw refused(`found '${key ?? ''}', expected: !, identifier, or 'end of string'`);
  checkKey(key);
  if (negated) return (labels) => labels?.[key] === undefined;
  const next = tokens[0];
  if (next === undefined || next === ',') return (labels) => labels?.[key] !== undefined;
  if (!operators.includes(next as Operator)) throw refused(`found '${next}', expected: ${operators.join(', ')}`);
  tokens.shift();
  return matcher(key, next as Operator, tokens);
}

function matcher(key: string, operator: Operator, tokens: string[]): LabelSelector {
  if (operator === 'in' || operator === 'notin') {
    const values = new Set(valuesOf(tokens));
    if (operator === 'in') return (labels) => labels?.[key] !== undefined && values.has(labels[key]);
    return (labels) => labels?.[key] === undefined || !values.has(labels[key]);
  }
  const next = tokens[0];
  const value = next === undefined || next === ',' ? '' : (tokens.shift() ?? '');
  if (isSpecial(value)) throw refused(`found '${value}', expected: identifier`);
  checkValue(key, value);
  switch (operator) {
    case '=':
    case '==':
      return (labels) => labels?.[key] === value;
    case '!=':
      return (labels) => labels?.[key] !== value;
    case 'gt':
      return (labels) => labels?.[key] !== undefined && Number(labels[key]) > Number(value);
    case 'lt':
      return (labels) => labels?.[key] !== undefined && Number(labels[key]) < Number(value);
  }
}

function valuesOf(tokens: string[]): string[] {
  const open = tokens.shift();
  if (open !== '(') throw refused(`found '${open ?? ''}' expected: '('`);
  const values: string[] = [];
  for (;;) {
    const next = tokens.shift();
    if (next === undefined) throw refused(`found '', expected: ',', ')' or identifier`);
    if (next === ')') return values.length === 0 ? [''] : values;
    if (next !== ',') values.push(next);
  }
}

function tokensOf(text: string): string[] {
  const found = text.match(/\(|\)|,|!=|==|=|!|<|>|[^\s(),!=<>]+/g) ?? [];
  return found.map((token) => (token === '>' ? 'gt' : token === '<' ? 'lt' : token));
}

function isSpecial(token: string): boolean {
  return /^(\(|\)|,|!=|==|=|!)$/.test(token);
}

function checkKey(key: string): void {
  const name = key.slice(key.indexOf('/') + 1);
  if (name.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(name)) return;
  throw refused(
    `<nil>: Invalid value: "${key}": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  );
}

function checkValue(key: string, value: string): void {
  if (value.length <= 63 && /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/.test(value)) return;
  throw refused(
    `values[0][${key}]: Invalid value: "${value}": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
  );
}

function refused(why: string): Error {
  return badRequest(`unable to parse requirement: ${why}`);
}

/** The selector of an object. Absent selects nothing, empty selects everything, as in Kubernetes. */
export function objectSelector(selector: unknown): LabelSelector {
  return (labels) => selects((selector ?? undefined) as Selection | undefined, labels);
}
