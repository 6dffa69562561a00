// Whether one flow passes all NetworkPolicies of a cluster, as Kubernetes defines them (networking.k8s.io/v1): a pod that no policy
// selects for a direction is open in it, one that some select lets through what any of them allows, and a flow needs both its ends.
// Promises: pure. Where Kubernetes leaves it open whether an ipBlock holds pods, it does, which lets more through.

import { BlockList, isIPv4 } from 'node:net';
import { selects } from '@idlewild/lab/model/label-selector.ts';
import type { NetworkPolicy, NetworkPolicyPeer } from '@idlewild/operator/api/kubernetes.ts';

type Labels = Readonly<Record<string, string>>;

/** A pod, or with an address alone something outside of the cluster. */
export interface End {
  readonly address: string;
  readonly pod?: {
    readonly namespace: string;
    readonly labels: Labels;
    readonly ports?: Readonly<Record<string, number>>;
  };
}

export interface Flow {
  readonly from: End;
  readonly to: End;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
}

export interface World {
  readonly policies: readonly NetworkPolicy[];
  /** Labels of namespaces by name, but for the one that Kubernetes sets. */
  readonly namespaces: Readonly<Record<string, Labels>>;
}

interface Port {
  readonly port?: number | string;
  readonly endPort?: number;
  readonly protocol?: string;
}
interface Rule {
  readonly ports?: readonly Port[];
  readonly peers?: readonly NetworkPolicyPeer[];
}

export function passes(world: World, flow: Flow): boolean {
  return leaves(world, flow) && enters(world, flow);
}

function leaves(world: World, flow: Flow): boolean {
  const policies = selecting(world, flow.from, 'Egress');
  const rules = policies.flatMap(({ metadata, spec }) =>
    (spec.egress ?? []).map(({ to, ports }) => ({ home: metadata.namespace, rule: { peers: to, ports } as Rule })),
  );
  return policies.length === 0 || rules.some(({ home, rule }) => allows(world, home, rule, flow.to, flow));
}

function enters(world: World, flow: Flow): boolean {
  const policies = selecting(world, flow.to, 'Ingress');
  const rules = policies.flatMap(({ metadata, spec }) =>
    ((spec.ingress ?? []) as readonly { from?: NetworkPolicyPeer[]; ports?: Port[] }[]).map(({ from, ports }) => ({
      home: metadata.namespace,
      rule: { peers: from, ports } as Rule,
    })),
  );
  return policies.length === 0 || rules.some(({ home, rule }) => allows(world, home, rule, flow.from, flow));
}

function selecting({ policies }: World, { pod }: End, direction: 'Ingress' | 'Egress'): NetworkPolicy[] {
  if (pod === undefined) return [];
  return policies.filter(({ metadata, spec }) => {
    // Without a word, a policy is about what comes in, and about what goes out if it says something of it.
    const types = spec.policyTypes ?? ['Ingress', ...(spec.egress === undefined ? [] : ['Egress'])];
    return metadata.namespace === pod.namespace && types.includes(direction) && selects(spec.podSelector, pod.labels);
  });
}

function allows(world: World, home: string | undefined, { peers, ports }: Rule, other: End, flow: Flow): boolean {
  const named = peers === undefined || peers.length === 0 || peers.some((peer) => isPeer(world, home, peer, other));
  return named && (ports === undefined || ports.length === 0 || ports.some((port) => isPort(port, flow)));
}

function isPort({ port, endPort, protocol = 'TCP' }: Port, { port: asked, protocol: by = 'TCP', to }: Flow): boolean {
  if (protocol !== by) return false;
  if (port === undefined) return true;
  if (typeof port === 'string') return to.pod?.ports?.[port] === asked;
  return asked >= port && asked <= (endPort ?? port);
}

function isPeer(world: World, home: string | undefined, peer: NetworkPolicyPeer, { address, pod }: End): boolean {
  if (peer.ipBlock !== undefined) {
    const { cidr, except = [] } = peer.ipBlock;
    return within(cidr, address) && !except.some((range) => within(range, address));
  }
  if (pod === undefined) return false;
  const inNamespace =
    peer.namespaceSelector === undefined
      ? pod.namespace === home
      : selects(peer.namespaceSelector, {
          ...world.namespaces[pod.namespace],
          'kubernetes.io/metadata.name': pod.namespace,
        });
  return inNamespace && (peer.podSelector === undefined || selects(peer.podSelector, pod.labels));
}

function within(cidr: string, address: string): boolean {
  const [start = '', bits = ''] = cidr.split('/');
  if (isIPv4(start) !== isIPv4(address)) return false;
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(start, Number(bits), family);
  return list.check(address, family);
}
