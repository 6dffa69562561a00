// Field selectors (`metadata.name=a,spec.nodeName!=b`): parsed against the fields that a resource lets itself be
// selected by.

import { badRequest } from '../errors/status.ts';
import type { ApiObject, ServedResource } from '../registry/types.ts';

export type FieldSelector = (object: ApiObject) => boolean;

interface Term {
  readonly field: string;
  readonly negated: boolean;
  readonly value: string;
}

export const everyObject: FieldSelector = () => true;

/** Throws a 400 if the text does not parse or names a field that cannot be selected by. */
export function parseFieldSelector(text: string, resource: ServedResource): FieldSelector {
  const terms = termsOf(text);
  if (terms.length === 0) return everyObject;
  for (const { field } of terms) {
    if (field === 'metadata.name' || field === 'metadata.namespace') continue;
    if (!resource.selectableFieldNames.includes(field)) throw badRequest(`field label not supported: ${field}`);
  }
  return (object) => {
    const fields = fieldsOf(resource, object);
    return terms.every(({ field, negated, value }) => ((fields[field] ?? '') === value) !== negated);
  };
}

/** The name that a selector pins (`metadata.name=x`): authorization may be for that name alone. */
export function selectedName(text: string): string | undefined {
  return termsOf(text).find((term) => term.field === 'metadata.name' && !term.negated)?.value;
}

function fieldsOf(resource: ServedResource, object: ApiObject): Record<string, string> {
  return {
    ...resource.selectableFields(object),
    'metadata.name': object.metadata?.name ?? '',
    'metadata.namespace': object.metadata?.namespace ?? '',
  };
}

function termsOf(text: string): Term[] {
  return splitUnescaped(text).map((part) => {
    const match = /^([^=!]+)(==|!=|=)(.*)$/s.exec(part);
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    const [, field = '', operator = '', value = ''] = match;
    return { field, negated: operator === '!=', value: value.replace(/\\([\\,=])/g, '$1') };
  });
}

function splitUnescaped(text: string): string[] {
  return (text.match(/(?:\\.|[^,\\])+/gs) ?? []).filter((part) => part !== '');
}
