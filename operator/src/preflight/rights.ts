// What the accounts of the chart have to be allowed, as the API server is asked about it.
// Promises: the same as the roles in charts/idlewild/templates/rights, no more and no less; test/rights holds the two together.

import { machineLeaseNamespace } from '../model/names.ts';
import { networkPolicyName } from '../render/network-policy.ts';

export type Account = 'operator' | 'portal' | 'agent';

export interface Right {
  readonly account: Account;
  readonly verb: string;
  /** "" for the core group. */
  readonly group: string;
  /** With its subresource, such as "pods/log". */
  readonly resource: string;
  /** Absent: in all of them, or of none. */
  readonly namespace?: string;
  /** Absent: any. */
  readonly name?: string;
}

interface Where {
  readonly namespace?: string;
  readonly name?: string;
}
type Row = readonly [resource: string, verbs: string, where?: Where];

/** Written as `group/resource`, the core group as `/resource`. */
function rowsOf(own: string): Readonly<Record<Account, readonly Row[]>> {
  const machines = { namespace: machineLeaseNamespace };
  return {
    operator: [
      ['idlewild.dev/computejobs', 'get list watch delete'],
      ['idlewild.dev/computejobs/status', 'patch'],
      ['idlewild.dev/computejobs/finalizers', 'update'],
      ['/nodes', 'get list watch patch'],
      ['/namespaces', 'list watch'],
      ['networking.k8s.io/networkpolicies', 'list watch create'],
      ['networking.k8s.io/networkpolicies', 'patch', { name: networkPolicyName }],
      ['/pods', 'list watch delete'],
      ['/pods/log', 'get'],
      ['/secrets', 'get create patch delete'],
      ['events.k8s.io/events', 'create patch'],
      ['kubevirt.io/virtualmachines', 'get list watch create patch delete'],
      ['kubevirt.io/virtualmachineinstances', 'get list watch delete'],
      ['kubevirt.io/virtualmachineinstancemigrations', 'list watch create delete'],
      ['subresources.kubevirt.io/virtualmachineinstances/evacuate', 'update'],
      ['subresources.kubevirt.io/virtualmachineinstances/evacuate/cancel', 'update'],
      ['subresources.kubevirt.io/virtualmachineinstances/pause', 'update'],
      ['subresources.kubevirt.io/virtualmachineinstances/unpause', 'update'],
      ['authentication.k8s.io/tokenreviews', 'create'],
      ['authorization.k8s.io/subjectaccessreviews', 'create'],
      ['coordination.k8s.io/leases', 'get create update', { namespace: own }],
      ['coordination.k8s.io/leases', 'get list watch', { namespace: 'kube-node-lease' }],
      ['coordination.k8s.io/leases', 'get list watch update delete', machines],
    ],
    portal: [
      ['idlewild.dev/computejobs', 'get list watch create patch delete'],
      ['/nodes', 'list watch patch'],
      ['/namespaces', 'list watch'],
      ['/events', 'list watch'],
      ['/pods', 'list watch'],
      ['/pods/log', 'get'],
      ['/pods/eviction', 'create'],
      ['subresources.kubevirt.io/virtualmachineinstances/vnc', 'get'],
      ['subresources.kubevirt.io/virtualmachineinstances/vnc/screenshot', 'get'],
      ['subresources.kubevirt.io/virtualmachineinstances/console', 'get'],
      ['kubevirt.io/virtualmachineinstances', 'get'],
      ['metrics.k8s.io/pods', 'get'],
      ['authentication.k8s.io/tokenreviews', 'create'],
      ['authorization.k8s.io/subjectaccessreviews', 'create'],
      ['coordination.k8s.io/leases', 'list', machines],
    ],
    agent: [
      ['/nodes', 'get patch'],
      ['kubevirt.io/virtualmachineinstances', 'list'],
      ['coordination.k8s.io/leases', 'get create update', machines],
      ['/configmaps', 'get', { namespace: own, name: 'idlewild-policy' }],
    ],
  };
}

/** @param own the namespace that Idlewild is installed in. */
export function rightsNeeded(own: string): readonly Right[] {
  return Object.entries(rowsOf(own)).flatMap(([account, rows]) =>
    rows.flatMap(([path, verbs, where = {}]) => {
      const slash = path.indexOf('/');
      const what = { group: path.slice(0, slash), resource: path.slice(slash + 1), ...where };
      return verbs.split(' ').map((verb) => ({ account: account as Account, verb, ...what }));
    }),
  );
}

/** "list pods/log", with where it counts. */
export function inWords({ verb, resource, namespace, name }: Right): string {
  const which = name === undefined ? '' : ` ${name}`;
  return `${verb} ${resource}${which}${namespace === undefined ? '' : ` in ${namespace}`}`;
}
