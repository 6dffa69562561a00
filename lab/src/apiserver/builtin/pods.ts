// Pods as an API object: what creation fills in, what an update may not touch, and how `kubectl get pods` shows them.
// Nothing here runs a pod.
import type { ApiObject, Column, FieldError, ServedResource, WriteContext } from '../registry/types.ts';
import { forbidden, invalid, notFound, required } from '../schema/errors.ts';
import { asArray, asRecord, asString, member, sameJson } from '../schema/json.ts';
import { ageColumn, defineKind, textAt } from './kind.ts';
import { dnsLabelFault } from './names.ts';
import { podCells } from './pod-cells.ts';

const columns: readonly Column[] = [
  { name: 'Ready', type: 'string', value: (pod, now) => podCells(pod, now).ready },
  { name: 'Status', type: 'string', value: (pod, now) => podCells(pod, now).status },
  { name: 'Restarts', type: 'string', value: (pod, now) => podCells(pod, now).restarts },
  ageColumn,
  { name: 'IP', type: 'string', priority: 1, value: (pod) => asString(member(pod, 'status', 'podIP')) || '<none>' },
  { name: 'Node', type: 'string', priority: 1, value: (pod) => asString(member(pod, 'spec', 'nodeName')) || '<none>' },
  {
    name: 'Nominated Node',
    type: 'string',
    priority: 1,
    value: (pod) => asString(member(pod, 'status', 'nominatedNodeName')) || '<none>',
  },
  { name: 'Readiness Gates', type: 'string', priority: 1, value: () => '<none>' },
];

function containersOf(spec: Record<string, unknown>): Record<string, unknown>[] {
  return [...asArray(spec['initContainers']), ...asArray(spec['containers'])].map(asRecord);
}

function prepareCreate(pod: ApiObject): void {
  const spec = asRecord(pod['spec']);
  for (const container of containersOf(spec)) {
    container['imagePullPolicy'] ??=
      /:[^/]+$/.test(asString(container['image'])) && !asString(container['image']).endsWith(':latest')
        ? 'IfNotPresent'
        : 'Always';
    limitsToRequests(asRecord(container['resources']));
  }
  if (spec['serviceAccountName'] !== undefined) spec['serviceAccount'] = spec['serviceAccountName'];
  pod['status'] = { phase: 'Pending', qosClass: qosClass(spec) };
}

/** The first of the addresses is the address. */
function fillAddresses(pod: ApiObject): void {
  const status = asRecord(pod['status']);
  const ip = asString(status['podIP']);
  if (ip !== '' && member(asArray(status['podIPs'])[0], 'ip') !== ip) pod['status'] = { ...status, podIPs: [{ ip }] };
}

/** A limit without a request is also the request. */
function limitsToRequests(resources: Record<string, unknown>): void {
  const limits = asRecord(resources['limits']);
  if (Object.keys(limits).length > 0) resources['requests'] = { ...limits, ...asRecord(resources['requests']) };
}

function qosClass(spec: Record<string, unknown>): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const resources = containersOf(spec).map((container) => asRecord(container['resources']));
  const named = (key: 'requests' | 'limits', name: string) => resources.map((entry) => asRecord(entry[key])[name]);
  if (
    resources.every(
      (entry) => Object.keys(asRecord(entry['requests'])).length + Object.keys(asRecord(entry['limits'])).length === 0,
    )
  )
    return 'BestEffort';
  const fixed = ['cpu', 'memory'].every((name) => {
    const [limits, requests] = [named('limits', name), named('requests', name)];
    return limits.every((limit, index) => limit !== undefined && sameJson(limit, requests[index]));
  });
  return fixed ? 'Guaranteed' : 'Burstable';
}

function validate(pod: ApiObject, old: ApiObject | undefined, context: WriteContext): FieldError[] {
  const spec = asRecord(pod['spec']);
  if (old) return validateUpdate(spec, asRecord(old['spec']), context.subresource === 'binding');
  const errors: FieldError[] = [];
  if (asArray(spec['containers']).length === 0) errors.push(required('spec.containers'));
  for (const list of ['initContainers', 'containers'] as const) {
    asArray(spec[list]).forEach((item, index) => {
      const container = asRecord(item);
      const at = `spec.${list}[${index}]`;
      const fault = dnsLabelFault(asString(container['name']));
      if (fault !== undefined) errors.push(invalid(`${at}.name`, container['name'], fault));
      if (asString(container['image']) === '') errors.push(required(`${at}.image`));
      errors.push(...missingVolumes(spec, container, at));
    });
  }
  return errors;
}

function missingVolumes(spec: Record<string, unknown>, container: Record<string, unknown>, at: string): FieldError[] {
  const volumes = new Set(asArray(spec['volumes']).map((volume) => asRecord(volume)['name']));
  return asArray(container['volumeMounts']).flatMap((mount, index) => {
    const { name } = asRecord(mount);
    return volumes.has(name) ? [] : [notFound(`${at}.volumeMounts[${index}].name`, name)];
  });
}

/** The members of a pod's spec that may change after creation. */
function withoutMutable(spec: Record<string, unknown>): unknown {
  const {
    activeDeadlineSeconds: _a,
    tolerations: _t,
    terminationGracePeriodSeconds: _g,
    schedulingGates: _s,
    nodeName: _n,
    ...rest
  } = spec;
  const strip = (list: unknown) => asArray(list).map((item) => ({ ...asRecord(item), image: '' }));
  return { ...rest, containers: strip(rest['containers']), initContainers: strip(rest['initContainers']) };
}

/** Only a binding names the node, and only once. */
function validateUpdate(spec: Record<string, unknown>, old: Record<string, unknown>, binding: boolean): FieldError[] {
  const tolerations = asArray(spec['tolerations']);
  const lost = asArray(old['tolerations']).some((before) => !tolerations.some((now) => sameJson(now, before)));
  const moved = spec['nodeName'] !== old['nodeName'] && !(binding && asString(old['nodeName']) === '');
  if (!lost && !moved && sameJson(withoutMutable(spec), withoutMutable(old))) return [];
  const may = [
    '`spec.containers[*].image`',
    '`spec.initContainers[*].image`',
    '`spec.activeDeadlineSeconds`',
    '`spec.tolerations` (only additions to existing tolerations)',
  ];
  const grace = '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';
  return [forbidden('spec', `pod updates may not change fields other than ${[...may, grace].join(',')}`)];
}

export const pods: ServedResource = defineKind({
  group: '',
  plural: 'pods',
  kind: 'Pod',
  definition: 'io.k8s.api.core.v1.Pod',
  namespaced: true,
  shortNames: ['po'],
  categories: ['all'],
  status: true,
  generation: true,
  subresources: [
    { name: 'binding', kind: 'Binding', verbs: ['create'] },
    { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
    { name: 'log', kind: 'Pod', verbs: ['get'] },
  ],
  columns,
  fields: {
    'spec.nodeName': textAt('spec.nodeName'),
    'spec.restartPolicy': textAt('spec.restartPolicy'),
    'spec.schedulerName': textAt('spec.schedulerName'),
    'spec.serviceAccountName': textAt('spec.serviceAccountName'),
    'spec.hostNetwork': (pod) => textAt('spec.hostNetwork')(pod) || 'false',
    'status.phase': textAt('status.phase'),
    'status.podIP': textAt('status.podIP'),
    'status.nominatedNodeName': textAt('status.nominatedNodeName'),
  },
  prepareCreate,
  prepareUpdate: fillAddresses,
  validate,
  gracePeriodSeconds(pod) {
    const phase = member(pod, 'status', 'phase');
    if (asString(member(pod, 'spec', 'nodeName')) === '' || phase === 'Succeeded' || phase === 'Failed') return 0;
    const seconds = member(pod, 'spec', 'terminationGracePeriodSeconds');
    return typeof seconds === 'number' ? seconds : 30;
  },
});
