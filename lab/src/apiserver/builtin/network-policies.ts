// Network policies: kept, checked and shown, and nothing more. Nothing in the lab routes packets, so they are not enforced.
// Facts: Kubernetes pkg/apis/networking validation and defaults.
import { BlockList, isIP } from 'node:net';
import type { ApiObject, FieldError, ServedResource } from '../registry/types.ts';
import { invalid } from '../schema/errors.ts';
import { asArray, asRecord, asString, member } from '../schema/json.ts';
import { ageColumn, defineKind } from './kind.ts';

interface Range {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

function rangeOf(cidr: unknown): Range | undefined {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(asString(cidr)) ?? [];
  const version = isIP(address);
  const bits = Number(length);
  if (version === 0 || bits > (version === 4 ? 32 : 128)) return undefined;
  return { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' };
}

function isStrictlyWithin(inner: Range, outer: Range): boolean {
  if (inner.family !== outer.family || inner.bits <= outer.bits) return false;
  const block = new BlockList();
  block.addSubnet(outer.address, outer.bits, outer.family);
  return block.check(inner.address, inner.family);
}

function blockErrors(peer: unknown, path: string): FieldError[] {
  const block = member(peer, 'ipBlock');
  if (block === undefined) return [];
  const cidr = member(block, 'cidr');
  const outer = rangeOf(cidr);
  if (!outer) return [invalid(`${path}.ipBlock.cidr`, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24)')];
  return asArray(member(block, 'except')).flatMap((except, index) => {
    const inner = rangeOf(except);
    const field = `${path}.ipBlock.except[${index}]`;
    if (!inner) return [invalid(field, except, 'must be a valid CIDR value, (e.g. 10.9.8.0/24)')];
    return isStrictlyWithin(inner, outer) ? [] : [invalid(field, except, 'must be a strict subset of `cidr`')];
  });
}

function ruleErrors(policy: ApiObject, direction: 'ingress' | 'egress', peers: 'from' | 'to'): FieldError[] {
  return asArray(member(policy, 'spec', direction)).flatMap((rule, at) =>
    asArray(member(rule, peers)).flatMap((peer, index) =>
      blockErrors(peer, `spec.${direction}[${at}].${peers}[${index}]`),
    ),
  );
}

/** A policy that says nothing of its types is about what comes in, and about what goes out if it has rules for that. */
function fill(policy: ApiObject): void {
  const spec = asRecord(policy['spec']);
  if (asArray(spec['policyTypes']).length > 0) return;
  spec['policyTypes'] = asArray(spec['egress']).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

function selectorOf(policy: ApiObject): string {
  const selector = member(policy, 'spec', 'podSelector');
  const labels = Object.entries(asRecord(member(selector, 'matchLabels'))).map(
    ([key, value]) => `${key}=${asString(value)}`,
  );
  const expressions = asArray(member(selector, 'matchExpressions')).map((each) => {
    const [key, operator] = [asString(member(each, 'key')), asString(member(each, 'operator'))];
    const values = asArray(member(each, 'values')).map(asString).join(',');
    switch (operator) {
      case 'Exists':
        return key;
      case 'DoesNotExist':
        return `!${key}`;
      default:
        return `${key} ${operator.toLowerCase()} (${values})`;
    }
  });
  const parts = [...labels, ...expressions];
  return parts.length === 0 ? '<none>' : parts.join(',');
}

export const networkPolicies: ServedResource = defineKind({
  group: 'networking.k8s.io',
  plural: 'networkpolicies',
  singular: 'networkpolicy',
  kind: 'NetworkPolicy',
  definition: 'io.k8s.api.networking.v1.NetworkPolicy',
  namespaced: true,
  shortNames: ['netpol'],
  generation: true,
  columns: [{ name: 'Pod-Selector', type: 'string', value: selectorOf }, ageColumn],
  prepareCreate: fill,
  prepareUpdate: fill,
  validate: (policy) => [...ruleErrors(policy, 'ingress', 'from'), ...ruleErrors(policy, 'egress', 'to')],
});
