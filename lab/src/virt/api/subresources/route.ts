// Which call a request to the aggregated API is. Pure.
import { SUBRESOURCE_GROUP } from '../../manifests/resources.ts';

export const INSTANCE_GETS = ['console', 'vnc', 'vnc/screenshot', 'guestosinfo'] as const;
export const INSTANCE_PUTS = ['pause', 'unpause', 'reset', 'softreboot', 'evacuate/cancel'] as const;
export const MACHINE_PUTS = ['start', 'stop', 'restart', 'migrate', 'evacuate/cancel'] as const;

export type InstanceCall = (typeof INSTANCE_GETS)[number] | (typeof INSTANCE_PUTS)[number];
export type MachineCall = (typeof MACHINE_PUTS)[number];

interface Named {
  readonly namespace: string;
  readonly name: string;
}

export type Route =
  | ({ readonly kind: 'instance'; readonly call: InstanceCall } & Named)
  | ({ readonly kind: 'machine'; readonly call: MachineCall } & Named)
  | { readonly kind: 'version' | 'healthz' | 'discovery' | 'group' }
  | { readonly kind: 'unknown' | 'wrongMethod' | 'noEndpoint' };

const BASE = `/apis/${SUBRESOURCE_GROUP}`;

function includes<T extends string>(list: readonly T[], text: string): text is T {
  return (list as readonly string[]).includes(text);
}

/** @param path without the query. */
export function routeOf(method: string, path: string): Route {
  if (path === BASE) return { kind: 'group' };
  if (path === `${BASE}/v1`) return { kind: 'discovery' };
  if (path === `${BASE}/v1/version`) return { kind: 'version' };
  if (path === `${BASE}/v1/healthz` || path === '/healthz') return { kind: 'healthz' };
  const match = /^\/namespaces\/([^/]+)\/(virtualmachines|virtualmachineinstances)\/([^/]+)(?:\/(.+))?$/.exec(
    path.startsWith(`${BASE}/v1/`) ? path.slice(`${BASE}/v1`.length) : '',
  );
  if (!match) return { kind: 'unknown' };
  const [, namespace = '', resource, name = '', call] = match;
  if (call === undefined) return { kind: 'noEndpoint' };
  const [gets, puts] = resource === 'virtualmachines' ? [[], MACHINE_PUTS] : [INSTANCE_GETS, INSTANCE_PUTS];
  const known = includes<string>(gets, call) ? 'GET' : includes<string>(puts, call) ? 'PUT' : undefined;
  if (known === undefined) return { kind: 'unknown' };
  if (known !== method) return { kind: 'wrongMethod' };
  return resource === 'virtualmachines'
    ? { kind: 'machine', call: call as MachineCall, namespace, name }
    : { kind: 'instance', call: call as InstanceCall, namespace, name };
}

/** APIResourceList of the group's one version. */
export const discovery = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: `${SUBRESOURCE_GROUP}/v1`,
  resources: [
    ...[...INSTANCE_GETS, ...INSTANCE_PUTS].map((call) => entry(`virtualmachineinstances/${call}`)),
    ...MACHINE_PUTS.map((call) => entry(`virtualmachines/${call}`)),
  ],
};

function entry(name: string) {
  return { name, singularName: '', namespaced: true, kind: '', verbs: [] };
}

/** APIGroup. */
export const group = {
  kind: 'APIGroup',
  apiVersion: 'v1',
  name: SUBRESOURCE_GROUP,
  versions: [{ groupVersion: `${SUBRESOURCE_GROUP}/v1`, version: 'v1' }],
  preferredVersion: { groupVersion: `${SUBRESOURCE_GROUP}/v1`, version: 'v1' },
};
