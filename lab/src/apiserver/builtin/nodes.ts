// Nodes as an API object: taints, what may not change once set, and the columns of `kubectl get nodes`.
import type { ApiObject, Column, FieldError, ServedResource } from '../registry/types.ts';
import { duplicate, forbidden, invalid } from '../schema/errors.ts';
import { asArray, asRecord, asString, member } from '../schema/json.ts';
import { ageColumn, defineKind, textAt } from './kind.ts';
import { labelValueFault, qualifiedNameFault } from './names.ts';

const rolePrefix = 'node-role.kubernetes.io/';

function statusOf(node: ApiObject): string {
  const ready = asArray(member(node, 'status', 'conditions')).find(
    (condition) => member(condition, 'type') === 'Ready',
  );
  const word = ready === undefined ? 'Unknown' : member(ready, 'status') === 'True' ? 'Ready' : 'NotReady';
  return member(node, 'spec', 'unschedulable') === true ? `${word},SchedulingDisabled` : word;
}

function rolesOf(node: ApiObject): string {
  const roles = Object.entries(node.metadata?.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix)) return [key.slice(rolePrefix.length)];
    return key === 'kubernetes.io/role' && value !== '' ? [value] : [];
  });
  return roles.length === 0 ? '<none>' : roles.sort().join(',');
}

function addressOf(node: ApiObject, type: string): string {
  const found = asArray(member(node, 'status', 'addresses')).find((address) => member(address, 'type') === type);
  return asString(member(found, 'address')) || '<none>';
}

function info(name: string): (node: ApiObject) => string {
  return (node) => asString(member(node, 'status', 'nodeInfo', name)) || '<unknown>';
}

const columns: readonly Column[] = [
  { name: 'Status', type: 'string', value: statusOf },
  { name: 'Roles', type: 'string', value: rolesOf },
  ageColumn,
  { name: 'Version', type: 'string', value: (node) => asString(member(node, 'status', 'nodeInfo', 'kubeletVersion')) },
  { name: 'Internal-IP', type: 'string', priority: 1, value: (node) => addressOf(node, 'InternalIP') },
  { name: 'External-IP', type: 'string', priority: 1, value: (node) => addressOf(node, 'ExternalIP') },
  { name: 'OS-Image', type: 'string', priority: 1, value: info('osImage') },
  { name: 'Kernel-Version', type: 'string', priority: 1, value: info('kernelVersion') },
  { name: 'Container-Runtime', type: 'string', priority: 1, value: info('containerRuntimeVersion') },
];

function validate(node: ApiObject, old: ApiObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  asArray(member(node, 'spec', 'taints')).forEach((item, index) => {
    const taint = asRecord(item);
    const [key, value] = [asString(taint['key']), asString(taint['value'])];
    const [keyFault, valueFault] = [qualifiedNameFault(key), labelValueFault(value)];
    if (keyFault !== undefined) errors.push(invalid(`spec.taints[${index}].key`, key, keyFault));
    if (valueFault !== undefined) errors.push(invalid(`spec.taints[${index}].value`, value, valueFault));
    const identity = `${key}:${asString(taint['effect'])}`;
    if (seen.has(identity)) errors.push(duplicate(`spec.taints[${index}]`, taint));
    seen.add(identity);
  });
  const [before, now] = [member(old, 'spec', 'providerID'), member(node, 'spec', 'providerID')];
  if (before !== undefined && before !== now)
    errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  return errors;
}

/** A node that names no port of its kubelet has the port 0, which is none. */
function fillEndpoints(node: ApiObject): void {
  const status = asRecord(node['status']);
  node['status'] = { ...status, daemonEndpoints: status['daemonEndpoints'] ?? { kubeletEndpoint: { Port: 0 } } };
}

/** Taints say since when, as the eviction of pods counts from there. */
function stampTaints(node: ApiObject, now: number): void {
  for (const taint of asArray(member(node, 'spec', 'taints')).map(asRecord)) {
    if (taint['effect'] === 'NoExecute' && taint['timeAdded'] === undefined)
      taint['timeAdded'] = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}

export const nodes: ServedResource = defineKind({
  group: '',
  plural: 'nodes',
  kind: 'Node',
  definition: 'io.k8s.api.core.v1.Node',
  namespaced: false,
  shortNames: ['no'],
  status: true,
  keepStatusOnCreate: true,
  columns,
  fields: { 'spec.unschedulable': (node) => textAt('spec.unschedulable')(node) || 'false' },
  prepareCreate(node, context) {
    fillEndpoints(node);
    stampTaints(node, context.now());
  },
  prepareUpdate: (node, _old, context) => stampTaints(node, context.now()),
  validate,
});
