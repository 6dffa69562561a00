// Workload kinds of Kubernetes that are not served because nothing here would run them. They are not discovered and cannot
// be written; only the question for all of them, which `kubectl cluster-info dump` asks without discovery, is answered: none.

const listKinds: Readonly<Record<string, string>> = {
  'v1/replicationcontrollers': 'ReplicationControllerList',
  'apps/v1/daemonsets': 'DaemonSetList',
  'apps/v1/deployments': 'DeploymentList',
  'apps/v1/replicasets': 'ReplicaSetList',
};

/** The empty list of such a kind at a revision; undefined for every other resource. */
export function absentList(
  group: string,
  version: string,
  plural: string,
  revision: number,
): Readonly<Record<string, unknown>> | undefined {
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const kind = listKinds[`${apiVersion}/${plural}`];
  return kind === undefined
    ? undefined
    : { kind, apiVersion, metadata: { resourceVersion: String(revision) }, items: [] };
}
