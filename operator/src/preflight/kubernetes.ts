// Whether the cluster itself is one that Idlewild can work in. Pure.

import type { Node } from '../api/kubernetes.ts';
import type { Facts } from './facts.ts';
import { fail, judged, ok, warn, type Verdict } from './finding.ts';
import { atLeast, versionOf } from './version.ts';

/** Tokens of agents name their Node since then, on which the admission policies are built. */
const least = '1.32';

const isolates = [
  ['projectcalico.org/', 'Calico'],
  ['network.cilium.io/', 'Cilium'],
  ['k8s.ovn.org/', 'OVN-Kubernetes'],
  ['kube-router.io/', 'kube-router'],
  ['node.antrea.io/', 'Antrea'],
] as const;
const howToTry = 'try it once with the job in docs/isolation.md, "What it depends on"';

export function kubernetes({ version }: Facts): Verdict {
  return judged(version, fail('it does not say its version', 'is this the address of an API server?'), (text) => {
    const found = versionOf(text);
    if (found === undefined) return warn(`its version is "${text}"`, `make sure that it is ${least} or later`);
    if (atLeast(found, least)) return ok(text);
    return fail(`${text} is too old`, `upgrade Kubernetes to ${least} or later, the server first`);
  });
}

/** Nobody can ask the API server who enforces NetworkPolicies: only traces on Nodes tell of it. */
export function networkPolicies({ version, nodes }: Facts): Verdict {
  return judged(nodes, warn('there are no Nodes', howToTry), (list) => {
    const plugin = isolates.find(([prefix]) => list.some((node) => hasAnnotation(node, prefix)))?.[1];
    if (plugin !== undefined) return ok(`${plugin} enforces them`);
    if (version.kind === 'seen' && version.value.includes('+k3s')) {
      return warn(
        'k3s enforces them by itself, unless it was started with --disable-network-policy, which nobody can see from here',
        howToTry,
      );
    }
    return list.some((node) => hasAnnotation(node, 'flannel.alpha.coreos.com/'))
      ? warn(
          'flannel alone enforces none: isolated guests would reach the machines and the cluster',
          'install a network plugin that enforces NetworkPolicies beside it or instead of it (Calico, Cilium, kube-router)',
        )
      : warn('nobody can tell from here whether the network plugin enforces them', howToTry);
  });
}

function hasAnnotation({ metadata }: Node, prefix: string): boolean {
  return Object.keys(metadata.annotations ?? {}).some((key) => key.startsWith(prefix));
}
