// Label and field selectors of lists and watches.
// Promises: what the operator and its tests ask for is answered as Kubernetes does; anything else is refused in words.

import type { KubeObject } from '@idlewild/operator/kube/object.ts';
import { badRequest } from './failures.ts';
import { isObject } from './json.ts';

export type Selector = (object: KubeObject) => boolean;
type Labels = Readonly<Record<string, string>> | undefined;

/** Undefined where there is nothing to select by. */
export function selectorOf(labelSelector: string, fieldSelector: string): Selector | undefined {
  const byLabels = labelSelector === '' ? [] : labelSelector.split(/,(?![^(]*\))/).map(labelTerm);
  const byFields = fieldSelector === '' ? [] : fieldSelector.split(',').map(fieldTerm);
  if (byLabels.length === 0 && byFields.length === 0) return undefined;
  return (object) =>
    byLabels.every((holds) => holds(object.metadata.labels)) && byFields.every((holds) => holds(object));
}

function labelTerm(text: string): (labels: Labels) => boolean {
  const term = text.trim();
  const set = /^([^\s!=]+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
  if (set) {
    const [, key = '', how, list = ''] = set;
    const values = new Set(list.split(',').map((value) => value.trim()));
    const within = (labels: Labels): boolean => labels?.[key] !== undefined && values.has(labels[key]);
    return how === 'in' ? within : (labels) => !within(labels);
  }
  const equality = /^([^\s!=]+)\s*(!=|==|=)\s*([^\s!=]*)$/.exec(term);
  if (equality) {
    const [, key = '', how, value] = equality;
    return how === '!=' ? (labels) => labels?.[key] !== value : (labels) => labels?.[key] === value;
  }
  const absent = /^!\s*([^\s!=()]+)$/.exec(term)?.[1];
  if (absent !== undefined) return (labels) => labels?.[absent] === undefined;
  if (/^[^\s!=()]+$/.test(term)) return (labels) => labels?.[term] !== undefined;
  throw badRequest(`unable to parse requirement: "${text}"`);
}

const fields: Readonly<Record<string, (object: KubeObject) => unknown>> = {
  'metadata.name': ({ metadata }) => metadata.name,
  'metadata.namespace': ({ metadata }) => metadata.namespace,
  'spec.nodeName': (object) => memberOf(object, 'spec', 'nodeName'),
  'status.phase': (object) => memberOf(object, 'status', 'phase'),
};

function fieldTerm(text: string): Selector {
  const [, name = '', how = '', value = ''] = /^([^!=]+)(!=|==|=)(.*)$/.exec(text) ?? [];
  const read = fields[name];
  if (!read) throw badRequest(`field label not supported: ${name || text}`);
  return (object) => ((read(object) ?? '') === value) === (how !== '!=');
}

function memberOf(object: unknown, ...names: readonly string[]): unknown {
  return names.reduce((at, name) => (isObject(at) ? at[name] : undefined), object);
}
