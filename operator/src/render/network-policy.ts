// The NetworkPolicy that isolates the guests of one namespace.
// Promises: pure; the same namespace and ranges render the same object. It selects the launcher pods of all guests but those in
// the open, so that one whose label is missing is isolated too. What KubeVirt itself needs (consoles, migrations, probes) goes
// over sockets on the machine and between virt-handlers, and never to the address of a launcher pod.

import type { Namespace, NetworkPolicy, NetworkPolicyPeer, NetworkPolicySpec } from '../api/kubernetes.ts';
import type { AddressRange } from '../isolation/ranges.ts';
import { labels, managedBy } from '../model/names.ts';

export const networkPolicyName = 'idlewild-guests';

const everywhere = { 4: '0.0.0.0/0', 6: '::/0' } as const;

export function renderNetworkPolicy(namespace: Namespace, ranges: readonly AddressRange[]): NetworkPolicy {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: networkPolicyName,
      namespace: namespace.metadata.name,
      labels: { [labels.managedBy]: managedBy },
    },
    spec: specOf(namespace.metadata.labels?.[labels.guestsMayTalk] === 'true', ranges),
  };
}

function specOf(mayTalk: boolean, ranges: readonly AddressRange[]): NetworkPolicySpec {
  const guests = {
    matchLabels: { [labels.managedBy]: managedBy },
    matchExpressions: [{ key: labels.network, operator: 'NotIn' as const, values: ['Open'] }],
  };
  const internet = ([4, 6] as const).flatMap((family) => internetOf(family, ranges));
  const siblings: NetworkPolicyPeer = { podSelector: guests };
  return {
    podSelector: guests,
    policyTypes: ['Ingress', 'Egress'],
    // An empty list would be left out by the API server, and what it keeps would never be what is wanted.
    ...(mayTalk ? { ingress: [{ from: [siblings] }] } : {}),
    egress: [
      {
        to: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
            podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
          },
        ],
        ports: [
          { protocol: 'UDP', port: 53 },
          { protocol: 'TCP', port: 53 },
        ],
      },
      ...(internet.length === 0 ? [] : [{ to: internet }]),
      ...(mayTalk ? [{ to: [siblings] }] : []),
    ],
  };
}

/** Everything but the ranges; nothing where a range is everything. */
function internetOf(family: 4 | 6, ranges: readonly AddressRange[]): NetworkPolicyPeer[] {
  const own = ranges.filter((range) => range.family === family);
  if (own.some(({ bits }) => bits === 0)) return [];
  const except = own.map(({ cidr }) => cidr);
  return [{ ipBlock: { cidr: everywhere[family], ...(except.length === 0 ? {} : { except }) } }];
}
