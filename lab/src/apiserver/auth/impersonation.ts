// `Impersonate-*` headers: acting as somebody else, for those whom RBAC lets. Tells whom the request is from then on.
import { failure } from '../errors/status.ts';
import type { Attributes, User } from '../registry/types.ts';
import { denialText } from './denial.ts';
import type { Rbac } from './rbac.ts';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

function valuesOf(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : value.split(',')).map((item) => item.trim()).filter((item) => item !== '');
}

const accountShape = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** The impersonated user, or the user itself without such headers. Throws the 403 of a refused impersonation. */
export function impersonate(rbac: Rbac, user: User, headers: Headers): User {
  const [name] = valuesOf(headers['impersonate-user']);
  if (name === undefined) return user;
  const groups = valuesOf(headers['impersonate-group']);
  const extra: Record<string, string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (header.startsWith('impersonate-extra-'))
      extra[decodeURIComponent(header.slice('impersonate-extra-'.length))] = valuesOf(value);
  }
  const check = (asked: Partial<Extract<Attributes, { type: 'resource' }>> & { resource: string }) => {
    const attributes: Attributes = { type: 'resource', verb: 'impersonate', group: '', version: 'v1', ...asked };
    if (rbac.authorize(user, attributes).allowed) return;
    const what = asked.group === undefined || asked.group === '' ? asked.resource : `${asked.resource}.${asked.group}`;
    throw failure(403, 'Forbidden', `${what} "${asked.name ?? ''}" is forbidden: ${denialText(user, attributes)}`, {
      name: asked.name ?? '',
      kind: asked.resource,
    });
  };
  const account = accountShape.exec(name);
  if (account) check({ resource: 'serviceaccounts', namespace: account[1] ?? '', name: account[2] ?? '' });
  else check({ resource: 'users', name });
  for (const group of groups) check({ resource: 'groups', name: group });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values)
      check({ group: 'authentication.k8s.io', resource: 'userextras', subresource: key, name: value });
  }
  const [uid] = valuesOf(headers['impersonate-uid']);
  if (uid !== undefined) check({ group: 'authentication.k8s.io', resource: 'uids', name: uid });
  const implied = account ? ['system:serviceaccounts', `system:serviceaccounts:${account[1] ?? ''}`] : [];
  const all = new Set([
    ...(groups.length > 0 ? groups : implied),
    name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated',
  ]);
  return { name, groups: [...all], ...(uid !== undefined && { uid }), ...(Object.keys(extra).length > 0 && { extra }) };
}
