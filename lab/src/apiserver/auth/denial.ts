// How a refusal is worded: who may not do what to which resource, where. The text after `is forbidden: `.
import type { Attributes, User } from '../registry/types.ts';

/** `User "bob" cannot list resource "pods" in API group "" in the namespace "lab"`. */
export function denialText(user: User, attributes: Attributes): string {
  const who = `User ${JSON.stringify(user.name)}`;
  if (attributes.type === 'path') return `${who} cannot ${attributes.verb} path ${JSON.stringify(attributes.path)}`;
  const { verb, group, resource, subresource, namespace } = attributes;
  const what = subresource === undefined || subresource === '' ? resource : `${resource}/${subresource}`;
  const where =
    namespace === undefined || namespace === ''
      ? 'at the cluster scope'
      : `in the namespace ${JSON.stringify(namespace)}`;
  return `${who} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`;
}
