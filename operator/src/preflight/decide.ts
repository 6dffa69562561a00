// Whether a cluster can run jobs, one question after the other.
// Promises: pure; every finding that is not ok says what to do about it; what is missing, or closed, as a whole is told once.

import type { Facts } from './facts.ts';
import type { Finding, Verdict } from './finding.ts';
import { definition, policies, rights } from './installation.ts';
import { kubernetes, networkPolicies } from './kubernetes.ts';
import * as kubeVirt from './kubevirt.ts';
import { agents, approved, processors, virtualization } from './machines.ts';

type Check = (facts: Facts) => Verdict;

const cluster: Readonly<Record<string, Check>> = {
  Kubernetes: kubernetes,
  'network policies': networkPolicies,
  KubeVirt: kubeVirt.deployed,
};
const ofKubeVirt: Readonly<Record<string, Check>> = {
  'KubeVirt version': kubeVirt.version,
  emulation: kubeVirt.emulation,
  'live update': kubeVirt.liveUpdate,
  upgrades: kubeVirt.upgrades,
  'virt-handler': kubeVirt.handlers,
  migrations: kubeVirt.migrations,
  disks: kubeVirt.disks,
};
const installation: Readonly<Record<string, Check>> = {
  definition,
  "operator's rights": rights('operator'),
  "portal's rights": rights('portal'),
  "agents' rights": rights('agent'),
  'admission policies': policies,
};
const machines: Readonly<Record<string, Check>> = { virtualization, processors, agents };

/** @param o.installed false: before Idlewild is installed, only the cluster is judged. */
export function findingsOf(facts: Facts, { installed }: { readonly installed: boolean }): Finding[] {
  const checks = {
    ...cluster,
    ...(kubeVirt.isThere(facts) ? ofKubeVirt : {}),
    ...(installed ? { ...installation, machines: approved } : {}),
    ...(installed && facts.nodes.kind === 'seen' ? machines : {}),
  };
  return Object.entries(checks).map(([check, look]) => ({ check, ...look(facts) }));
}
