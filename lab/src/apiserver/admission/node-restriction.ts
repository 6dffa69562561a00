// What a kubelet may not do although it is authorized: touch another node, or give itself labels that only an admin may
// give (NodeRestriction).

import { forbidden } from '../errors/status.ts';
import type { ApiObject } from '../registry/types.ts';
import type { AdmissionRequest } from '../rest/parts.ts';
import { asRecord, asString, member } from '../schema/json.ts';
import type { Store } from '../storage/store.ts';

const userPrefix = 'system:node:';
const restricted = /(^|\.)node-restriction\.kubernetes\.io\//;

export function refuseByNodeRestriction(store: Store, request: AdmissionRequest): void {
  const { user, resource, operation } = request;
  if (!user.name.startsWith(userPrefix) || !user.groups.includes('system:nodes')) return;
  const node = user.name.slice(userPrefix.length);
  if (resource.group === '' && resource.plural === 'nodes') refuseNode(request, node);
  if (resource.plural === 'serviceaccounts' && request.subresource === 'token') refuseToken(store, request, node);
  if (resource.group === '' && resource.plural === 'pods' && request.subresource === '' && operation === 'CREATE') {
    const mirror = request.object?.metadata?.annotations?.['kubernetes.io/config.mirror'];
    if (mirror === undefined)
      throw forbidden(
        resource,
        request.name,
        `pod does not have "kubernetes.io/config.mirror" annotation, node "${node}" can only create mirror pods`,
      );
  }
  if (resource.plural === 'pods' && (request.subresource === 'status' || operation === 'DELETE')) {
    const bound = (request.old?.['spec'] as { nodeName?: string } | undefined)?.nodeName ?? '';
    if (bound !== node) {
      throw forbidden(
        resource,
        request.name,
        `node "${node}" can only ${operation === 'DELETE' ? 'delete pods' : 'update pod status for pods'} with spec.nodeName set to itself`,
      );
    }
  }
}

/** A kubelet asks for tokens of the pods that run on it, and for no others. */
function refuseToken(store: Store, { resource, name, namespace, object }: AdmissionRequest, node: string): void {
  const ref = asRecord(member(object, 'spec', 'boundObjectRef'));
  const refuse = (why: string) => forbidden(resource, name, `node requested token ${why}`);
  if (ref['kind'] !== 'Pod') throw refuse('not bound to a pod');
  if (asString(ref['uid']) === '') throw refuse('with a pod binding without a uid');
  const pod = store.get('/pods', namespace, asString(ref['name']));
  if (pod?.metadata?.uid !== ref['uid'])
    throw refuse(`bound to a pod that does not exist with uid ${String(ref['uid'])}`);
  if (member(pod, 'spec', 'nodeName') !== node) throw refuse('bound to a pod scheduled on a different node');
}

function refuseNode(request: AdmissionRequest, node: string): void {
  const { resource, name, operation, old, object } = request;
  if (name !== node) throw forbidden(resource, name, `node "${node}" is not allowed to modify node "${name}"`);
  if (operation === 'DELETE' || object === undefined) return;
  const touched = changedLabels(old, object).filter((label) => restricted.test(label));
  if (touched.length > 0) {
    throw forbidden(resource, name, `is not allowed to modify labels: ${touched.sort().join(', ')}`);
  }
  if (operation === 'UPDATE' && JSON.stringify(taints(old)) !== JSON.stringify(taints(object))) {
    throw forbidden(resource, name, `node "${node}" is not allowed to modify taints`);
  }
}

function changedLabels(old: ApiObject | undefined, object: ApiObject): string[] {
  const before = old?.metadata?.labels ?? {};
  const after = object.metadata?.labels ?? {};
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => before[key] !== after[key]);
}

function taints(object: ApiObject | undefined): unknown {
  return (object?.['spec'] as { taints?: unknown[] } | undefined)?.taints ?? [];
}
