// The ClusterRoles that KubeVirt brings for users. Creating migrations is a role of its own, not part of admin or edit.
// Facts: KubeVirt pkg/virt-operator/resource/generate/rbac/cluster.go.
import { SUBRESOURCE_GROUP } from './resources.ts';

const objects = ['virtualmachines', 'virtualmachineinstances'];
const reads = ['get', 'list', 'watch'];
const writes = ['get', 'delete', 'create', 'update', 'patch', 'list', 'watch'];
const instance = (...names: string[]): string[] => names.map((name) => `virtualmachineinstances/${name}`);
const machine = (...names: string[]): string[] => names.map((name) => `virtualmachines/${name}`);

const looks = instance('guestosinfo', 'filesystemlist', 'userlist');
const consoles = instance('console', 'vnc', 'vnc/screenshot');
const acts = [
  ...instance('pause', 'unpause', 'reset', 'softreboot', 'evacuate/cancel'),
  ...machine('start', 'stop', 'restart', 'evacuate/cancel'),
];

function role(name: string, aggregateTo: string | undefined, rules: readonly Readonly<Record<string, unknown>>[]) {
  const labels = aggregateTo ? { [`rbac.authorization.k8s.io/aggregate-to-${aggregateTo}`]: 'true' } : {};
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: `kubevirt.io:${name}`, labels },
    rules,
  };
}

const rule = (apiGroup: string, resources: readonly string[], verbs: readonly string[]) => ({
  apiGroups: [apiGroup],
  resources,
  verbs,
});

const work = [
  rule(SUBRESOURCE_GROUP, [...consoles, ...looks], ['get']),
  rule(SUBRESOURCE_GROUP, acts, ['update']),
  rule('kubevirt.io', objects, writes),
  rule('kubevirt.io', ['virtualmachineinstancemigrations'], reads),
];

export const roles = [
  role('default', undefined, [
    rule('kubevirt.io', ['kubevirts'], ['get', 'list']),
    rule(SUBRESOURCE_GROUP, ['version', 'healthz'], ['get', 'list']),
  ]),
  role('admin', 'admin', work),
  role('edit', 'edit', work),
  role('view', 'view', [
    rule(SUBRESOURCE_GROUP, looks, ['get']),
    rule('kubevirt.io', [...objects, 'virtualmachineinstancemigrations'], reads),
  ]),
  role('migrate', undefined, [
    rule(SUBRESOURCE_GROUP, machine('migrate'), ['update']),
    rule('kubevirt.io', ['virtualmachineinstancemigrations'], writes),
  ]),
];

/** Everybody who is logged in may see that KubeVirt is there. */
export const defaultBinding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'kubevirt.io:default' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'kubevirt.io:default' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:authenticated' }],
};
