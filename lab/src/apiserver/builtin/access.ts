// Roles and bindings as API objects, and the reviews that are answered but never stored. What they grant is decided
// in ../auth; here they are only checked and shown.
import type { ApiObject, FieldError, ServedResource } from '../registry/types.ts';
import { notSupported, required } from '../schema/errors.ts';
import { asArray, asRecord, asString, member, sameJson } from '../schema/json.ts';
import { ageColumn, defineKind } from './kind.ts';

const group = 'rbac.authorization.k8s.io';

function validateRules(role: ApiObject, namespaced: boolean): FieldError[] {
  return asArray(role['rules']).flatMap((item, index) => {
    const rule = asRecord(item);
    const at = `rules[${index}]`;
    const errors: FieldError[] = [];
    if (asArray(rule['verbs']).length === 0)
      errors.push(required(`${at}.verbs`, 'verbs must contain at least one value'));
    if (asArray(rule['nonResourceURLs']).length > 0) {
      if (namespaced)
        errors.push({
          field: `${at}.nonResourceURLs`,
          reason: 'FieldValueInvalid',
          message: 'Invalid value: namespaced rules cannot apply to non-resource URLs',
        });
      return errors;
    }
    if (asArray(rule['apiGroups']).length === 0)
      errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
    if (asArray(rule['resources']).length === 0)
      errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'));
    return errors;
  });
}

function fillBinding(binding: ApiObject): void {
  const roleRef = asRecord(binding['roleRef']);
  if (asString(roleRef['apiGroup']) === '') roleRef['apiGroup'] = group;
  for (const subject of asArray(binding['subjects']).map(asRecord)) {
    if (subject['kind'] !== 'ServiceAccount' && asString(subject['apiGroup']) === '') subject['apiGroup'] = group;
  }
}

/** Go's form of a role reference, in which the server shows it when refused. */
function shownRoleRef(roleRef: Record<string, unknown>): string {
  return JSON.stringify({
    APIGroup: roleRef['apiGroup'] ?? '',
    Kind: roleRef['kind'] ?? '',
    Name: roleRef['name'] ?? '',
  });
}

function validateBinding(binding: ApiObject, old: ApiObject | undefined, kinds: readonly string[]): FieldError[] {
  const roleRef = asRecord(binding['roleRef']);
  const errors: FieldError[] = [];
  if (old && !sameJson(roleRef, old['roleRef'])) {
    return [
      {
        field: 'roleRef',
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${shownRoleRef(roleRef)}: cannot change roleRef`,
      },
    ];
  }
  if (!kinds.includes(asString(roleRef['kind']))) errors.push(notSupported('roleRef.kind', roleRef['kind'], kinds));
  if (asString(roleRef['name']) === '') errors.push(required('roleRef.name'));
  asArray(binding['subjects']).forEach((item, index) => {
    const subject = asRecord(item);
    if (!['User', 'Group', 'ServiceAccount'].includes(asString(subject['kind'])))
      errors.push(notSupported(`subjects[${index}].kind`, subject['kind'], ['ServiceAccount', 'User', 'Group']));
    if (asString(subject['name']) === '') errors.push(required(`subjects[${index}].name`));
    if (subject['kind'] === 'ServiceAccount' && kinds.length === 1 && asString(subject['namespace']) === '')
      errors.push(required(`subjects[${index}].namespace`));
  });
  return errors;
}

function roleText(binding: ApiObject): string {
  return `${asString(member(binding, 'roleRef', 'kind'))}/${asString(member(binding, 'roleRef', 'name'))}`;
}

function subjectsOf(kind: string): (binding: ApiObject) => string {
  return (binding) => {
    const found = asArray(binding['subjects'])
      .map(asRecord)
      .filter((subject) => subject['kind'] === kind);
    return found
      .map(
        (subject) =>
          (kind === 'ServiceAccount' ? `${asString(subject['namespace'])}/` : '') + asString(subject['name']),
      )
      .join(', ');
  };
}

const bindingColumns = [
  { name: 'Role', type: 'string', value: roleText },
  ageColumn,
  { name: 'Users', type: 'string', priority: 1, value: subjectsOf('User') },
  { name: 'Groups', type: 'string', priority: 1, value: subjectsOf('Group') },
  { name: 'ServiceAccounts', type: 'string', priority: 1, value: subjectsOf('ServiceAccount') },
] as const;
const roleColumns = [{ name: 'Created At', type: 'string', jsonPath: '.metadata.creationTimestamp' }] as const;
const types = 'io.k8s.api.rbac.v1';

export const roles: ServedResource = defineKind({
  group,
  plural: 'roles',
  kind: 'Role',
  definition: `${types}.Role`,
  namespaced: true,
  columns: roleColumns,
  validate: (role) => validateRules(role, true),
});

export const clusterRoles: ServedResource = defineKind({
  group,
  plural: 'clusterroles',
  kind: 'ClusterRole',
  definition: `${types}.ClusterRole`,
  namespaced: false,
  columns: roleColumns,
  validate: (role) => validateRules(role, false),
});

export const roleBindings: ServedResource = defineKind({
  group,
  plural: 'rolebindings',
  kind: 'RoleBinding',
  definition: `${types}.RoleBinding`,
  namespaced: true,
  columns: bindingColumns,
  prepareCreate: fillBinding,
  prepareUpdate: fillBinding,
  validate: (binding, old) => validateBinding(binding, old, ['Role', 'ClusterRole']),
});

export const clusterRoleBindings: ServedResource = defineKind({
  group,
  plural: 'clusterrolebindings',
  kind: 'ClusterRoleBinding',
  definition: `${types}.ClusterRoleBinding`,
  namespaced: false,
  columns: bindingColumns,
  prepareCreate: fillBinding,
  prepareUpdate: fillBinding,
  validate: (binding, old) => validateBinding(binding, old, ['ClusterRole']),
});

function review(apiGroup: string, folder: string, kind: string, namespaced = false): ServedResource {
  return defineKind({
    group: apiGroup,
    plural: `${kind.toLowerCase()}s`,
    kind,
    definition: `io.k8s.api.${folder}.v1.${kind}`,
    namespaced,
    verbs: ['create'],
  });
}

export const reviews: readonly ServedResource[] = [
  review('authentication.k8s.io', 'authentication', 'TokenReview'),
  review('authentication.k8s.io', 'authentication', 'SelfSubjectReview'),
  review('authorization.k8s.io', 'authorization', 'SubjectAccessReview'),
  review('authorization.k8s.io', 'authorization', 'LocalSubjectAccessReview', true),
  review('authorization.k8s.io', 'authorization', 'SelfSubjectAccessReview'),
  review('authorization.k8s.io', 'authorization', 'SelfSubjectRulesReview'),
];
