// The kinds that the API in memory serves, and what is particular to each.
// Facts: Kubernetes pkg/registry (pods, nodes, namespaces), KubeVirt staging/src/kubevirt.io/api/core/v1/types.go (instances
// have no status subresource).

import type { KubeObject } from '@idlewild/operator/kube/object.ts';
import * as resources from '@idlewild/operator/api/resources.ts';
import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import { withDefaults, type DefaultingSchema } from './defaults.ts';
import { isObject, plain, type JsonObject } from './json.ts';

/** Any object, as it is stored: frozen, and shared between all who read it. */
export type ApiObject = KubeObject & JsonObject;

export interface ServedKind {
  readonly type: ResourceType;
  /** Whether the status is written through a subresource of its own. */
  readonly splitStatus: boolean;
  /** Custom kinds keep all metadata through a write of the status; built-in ones take it over. */
  readonly custom: boolean;
  readonly hasGeneration: boolean;
  /** Fills in what creation fills in. */
  created(object: ApiObject): ApiObject;
  /** Fills in what a change of spec may have left out. */
  completed(object: ApiObject): ApiObject;
  /** Seconds between the deletion and the end of what runs, without options; 0 goes at once, undefined knows no grace. */
  graceSeconds?(object: ApiObject): number | undefined;
  /** Deletion answers the object, and not a Status. */
  readonly answersObject?: boolean;
}

/** How objects of the kind name it. */
export function named({ type }: ServedKind): { readonly apiVersion: string; readonly kind: string } {
  return { apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`, kind: type.kind };
}

const asIs = (object: ApiObject): ApiObject => object;
const withoutStatus = (object: ApiObject): ApiObject => {
  const { status: _dropped, ...rest } = object;
  return rest as ApiObject;
};

/** Lists of a spec, and data, that have no entry are none in built-in kinds: their Go types are marked omitempty. */
const withoutEmpty = (object: ApiObject): ApiObject => {
  const { data } = object;
  const isBare = isObject(data) && Object.keys(data).length === 0;
  const spec = memberOf(object, 'spec');
  if (!isBare && !Object.values(spec).some(isEmptyList)) return object;
  const { data: _none, ...rest } = object;
  const kept = Object.fromEntries(Object.entries(spec).filter(([, value]) => !isEmptyList(value)));
  return plain({ ...(isBare ? rest : object), ...('spec' in object ? { spec: kept } : {}) }) as ApiObject;
};

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

const builtIn = (type: ResourceType, extra: Partial<ServedKind> = {}): ServedKind => {
  const created = extra.created ?? asIs;
  return {
    ...{ type, splitStatus: false, custom: false, hasGeneration: false, completed: withoutEmpty },
    ...extra,
    created: (object) => withoutEmpty(created(object)),
  };
};

const custom = (type: ResourceType, splitStatus: boolean, schema?: DefaultingSchema): ServedKind => {
  const completed = schema ? (object: ApiObject) => withDefaults(schema, object) as ApiObject : asIs;
  return {
    ...{ type, splitStatus, custom: true, hasGeneration: true, completed },
    created: splitStatus ? (object) => completed(withoutStatus(object)) : completed,
  };
};

const podKind = builtIn(resources.pods, {
  splitStatus: true,
  hasGeneration: true,
  answersObject: true,
  created: (pod) => plain({ ...pod, status: { phase: 'Pending', qosClass: 'BestEffort' } }) as ApiObject,
  graceSeconds: (pod) => {
    const { nodeName, terminationGracePeriodSeconds } = memberOf(pod, 'spec');
    const { phase } = memberOf(pod, 'status');
    if (!nodeName || phase === 'Succeeded' || phase === 'Failed') return 0;
    return typeof terminationGracePeriodSeconds === 'number' ? terminationGracePeriodSeconds : 30;
  },
});

const namespaceKind = builtIn(resources.namespaces, {
  splitStatus: true,
  created: ({ metadata, ...rest }) => {
    const labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
    const spec = { ...memberOf(rest, 'spec'), finalizers: ['kubernetes'] };
    return plain({ ...rest, metadata: { ...metadata, labels }, spec, status: { phase: 'Active' } }) as ApiObject;
  },
});

const nodeKind = builtIn(resources.nodes, {
  splitStatus: true,
  created: (node) => {
    const status = memberOf(node, 'status');
    const daemonEndpoints = status['daemonEndpoints'] ?? { kubeletEndpoint: { Port: 0 } };
    return plain({ ...node, status: { ...status, daemonEndpoints } }) as ApiObject;
  },
});

/** @param jobSchema the schema in ComputeJob's definition, for its defaults. */
export function servedKinds(jobSchema: DefaultingSchema): readonly ServedKind[] {
  const schema = plain(jobSchema);
  return [
    ...[namespaceKind, nodeKind, podKind],
    builtIn(resources.secrets, {
      created: (secret) => ('type' in secret ? secret : (plain({ ...secret, type: 'Opaque' }) as ApiObject)),
    }),
    builtIn(resources.configMaps),
    builtIn(resources.serviceAccounts, { answersObject: true }),
    builtIn(resources.leases),
    builtIn(resources.networkPolicies, { hasGeneration: true }),
    custom(resources.computeJobs, true, schema),
    custom(resources.virtualMachines, true),
    custom(resources.virtualMachineInstances, false),
    custom(resources.virtualMachineInstanceMigrations, true),
  ];
}

function memberOf(object: JsonObject, name: string): JsonObject {
  const member = object[name];
  return isObject(member) ? member : {};
}
