// Policies that the server itself evaluates when objects are written, and what binds them. They are checked here, with their
// expressions compiled; admission evaluates them. Facts: pkg/apis/admissionregistration/validation in Kubernetes.
import { expressionFault, type Offered } from '../cel/admission-expressions.ts';
import type { ApiObject, FieldError, ServedResource } from '../registry/types.ts';
import { duplicate, invalid, notSupported, required } from '../schema/errors.ts';
import { asArray, asRecord, asString, member, stringsOf } from '../schema/json.ts';
import { ageColumn, defineKind } from './kind.ts';

const group = 'admissionregistration.k8s.io';
const definitions = 'io.k8s.api.admissionregistration.v1';
const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const actions = ['Audit', 'Deny', 'Warn'];
const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

function validatePolicy(policy: ApiObject): FieldError[] {
  const spec = asRecord(policy['spec']);
  const params = spec['paramKind'] !== undefined;
  const errors: FieldError[] = [];
  if (params) {
    for (const field of ['apiVersion', 'kind']) {
      if (asString(member(spec, 'paramKind', field)) === '') errors.push(required(`spec.paramKind.${field}`));
    }
  }
  if (spec['matchConstraints'] === undefined) errors.push(required('spec.matchConstraints'));
  else errors.push(...validateRules(spec['matchConstraints'], 'spec.matchConstraints', true));
  errors.push(...validateConditions(asArray(spec['matchConditions']), params));
  const variables: string[] = [];
  asArray(spec['variables'])
    .map(asRecord)
    .forEach((variable, index) => {
      const at = `spec.variables[${index}]`;
      const name = asString(variable['name']);
      if (!identifier.test(name)) errors.push(invalid(`${at}.name`, name, 'name is not a valid CEL identifier'));
      else if (variables.includes(name)) errors.push(duplicate(`${at}.name`, name));
      errors.push(...compileErrors(variable, 'expression', at, { returns: 'dyn', params, variables }));
      variables.push(name);
    });
  const [validations, annotations] = [asArray(spec['validations']), asArray(spec['auditAnnotations'])];
  if (validations.length + annotations.length === 0) {
    for (const field of ['validations', 'auditAnnotations'])
      errors.push(required(`spec.${field}`, 'validations or auditAnnotations must be specified'));
  }
  validations.map(asRecord).forEach((validation, index) => {
    errors.push(...validateValidation(validation, `spec.validations[${index}]`, { params, variables }));
  });
  annotations.map(asRecord).forEach((annotation, index) => {
    const offered: Offered = { returns: 'string', params, variables };
    errors.push(...compileErrors(annotation, 'valueExpression', `spec.auditAnnotations[${index}]`, offered));
  });
  return errors;
}

function validateValidation(
  validation: Record<string, unknown>,
  at: string,
  offered: Pick<Offered, 'params' | 'variables'>,
): FieldError[] {
  const errors = compileErrors(validation, 'expression', at, { ...offered, returns: 'bool' });
  if (validation['messageExpression'] !== undefined)
    errors.push(...compileErrors(validation, 'messageExpression', at, { ...offered, returns: 'string' }));
  const { message, reason } = validation;
  if (message !== undefined && asString(message).trim() === '')
    errors.push(invalid(`${at}.message`, message, 'message must be non-empty if specified'));
  if (asString(message).includes('\n'))
    errors.push(invalid(`${at}.message`, message, 'message must not contain line breaks'));
  if (reason !== undefined && !reasons.includes(asString(reason)))
    errors.push(notSupported(`${at}.reason`, reason, reasons));
  return errors;
}

function validateConditions(conditions: readonly unknown[], params: boolean): FieldError[] {
  const names = new Set<string>();
  return conditions.map(asRecord).flatMap((condition, index) => {
    const at = `spec.matchConditions[${index}]`;
    const name = asString(condition['name']);
    const errors = names.has(name) ? [duplicate(`${at}.name`, name)] : [];
    names.add(name);
    return [...errors, ...compileErrors(condition, 'expression', at, { returns: 'bool', params, variables: [] })];
  });
}

function compileErrors(holder: Record<string, unknown>, field: string, at: string, offered: Offered): FieldError[] {
  const expression = asString(holder[field]);
  if (expression.trim() === '') return [required(`${at}.${field}`)];
  const fault = expressionFault(expression, offered);
  return fault === undefined ? [] : [invalid(`${at}.${field}`, expression, fault)];
}

function validateRules(resources: unknown, at: string, needed: boolean): FieldError[] {
  const rules = asArray(member(resources, 'resourceRules'));
  const errors = needed && rules.length === 0 ? [required(`${at}.resourceRules`)] : [];
  const each = [
    ...rules.map((rule, index) => ({ rule, at: `${at}.resourceRules[${index}]` })),
    ...asArray(member(resources, 'excludeResourceRules')).map((rule, index) => ({
      rule,
      at: `${at}.excludeResourceRules[${index}]`,
    })),
  ];
  for (const { rule, at: place } of each) {
    for (const field of ['apiGroups', 'apiVersions', 'operations', 'resources']) {
      const values = stringsOf(member(rule, field));
      if (values.length === 0) errors.push(required(`${place}.${field}`));
      else errors.push(...wildcardErrors(field, values, `${place}.${field}`));
    }
  }
  return errors;
}

/** A wildcard that says all leaves nothing for the others of its list to say. */
function wildcardErrors(field: string, values: readonly string[], at: string): FieldError[] {
  const told = field.replace(/^api(.)/, (_all, first: string) => `API ${first.toLowerCase()}`);
  if (field !== 'resources') {
    const refused = values.length > 1 && values.includes('*');
    return refused ? [invalid(at, values, `if '*' is present, must not specify other ${told}`)] : [];
  }
  if (values.length > 1 && values.includes('*/*'))
    return [invalid(at, values, "if '*/*' is present, must not specify other resources")];
  const plain = values.filter((value) => !value.includes('/'));
  return plain.length > 1 && plain.includes('*')
    ? [invalid(at, values, "if '*' is present, must not specify other resources without subresources")]
    : [];
}

function validateBinding(binding: ApiObject): FieldError[] {
  const spec = asRecord(binding['spec']);
  const errors: FieldError[] = [];
  if (asString(spec['policyName']) === '') errors.push(required('spec.policyName'));
  const paramRef = spec['paramRef'];
  if (paramRef !== undefined) {
    const byName = asString(member(paramRef, 'name')) !== '';
    if (byName === (member(paramRef, 'selector') !== undefined))
      errors.push(
        byName
          ? {
              field: 'spec.paramRef.name',
              reason: 'FieldValueForbidden',
              message: 'Forbidden: name and selector are mutually exclusive',
            }
          : required('spec.paramRef', 'one of name or selector must be specified'),
      );
    if (asString(member(paramRef, 'parameterNotFoundAction')) === '')
      errors.push(required('spec.paramRef.parameterNotFoundAction'));
  }
  if (spec['matchResources'] !== undefined)
    errors.push(...validateRules(spec['matchResources'], 'spec.matchResources', false));
  const chosen = stringsOf(spec['validationActions']);
  if (chosen.length === 0) errors.push(required('spec.validationActions'));
  chosen.forEach((action, index) => {
    const at = `spec.validationActions[${index}]`;
    if (!actions.includes(action)) errors.push(notSupported(at, action, actions));
    else if (chosen.indexOf(action) < index) errors.push(duplicate(at, action));
  });
  if (chosen.includes('Deny') && chosen.includes('Warn'))
    errors.push(
      invalid(
        'spec.validationActions',
        chosen,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    );
  return errors;
}

export const admissionPolicies: ServedResource = defineKind({
  group,
  plural: 'validatingadmissionpolicies',
  kind: 'ValidatingAdmissionPolicy',
  definition: `${definitions}.ValidatingAdmissionPolicy`,
  namespaced: false,
  categories: ['api-extensions'],
  generation: true,
  status: true,
  columns: [
    {
      name: 'Validations',
      type: 'integer',
      value: (policy) => asArray(member(policy, 'spec', 'validations')).length,
    },
    {
      name: 'ParamKind',
      type: 'string',
      value(policy) {
        const kind = member(policy, 'spec', 'paramKind');
        return kind === undefined
          ? '<unset>'
          : `${asString(member(kind, 'apiVersion'))}/${asString(member(kind, 'kind'))}`;
      },
    },
    ageColumn,
  ],
  validate: validatePolicy,
});

export const admissionPolicyBindings: ServedResource = defineKind({
  group,
  plural: 'validatingadmissionpolicybindings',
  kind: 'ValidatingAdmissionPolicyBinding',
  definition: `${definitions}.ValidatingAdmissionPolicyBinding`,
  namespaced: false,
  categories: ['api-extensions'],
  generation: true,
  columns: [
    { name: 'PolicyName', type: 'string', jsonPath: '.spec.policyName' },
    {
      name: 'ParamRef',
      type: 'string',
      value(binding) {
        const ref = member(binding, 'spec', 'paramRef');
        if (ref === undefined) return '<unset>';
        const [namespace, name] = [asString(member(ref, 'namespace')), asString(member(ref, 'name'))];
        return namespace === '' ? name : `${namespace}/${name}`;
      },
    },
    ageColumn,
  ],
  validate: validateBinding,
});
