// ValidatingAdmissionPolicies: the stored policies and their bindings, evaluated for a write in the order of their names. All
// are evaluated; the first refusal is the one that is told. Facts: pkg/admission/plugin/policy/validating in apiserver.
import { bind, evaluate, type AdmissionBindings, type NamedExpression } from '../cel/admission-expressions.ts';
import { failure, qualified, type ApiFailure } from '../errors/status.ts';
import type { ApiObject, Registry, ServedResource } from '../registry/types.ts';
import { objectSelector } from '../rest/label-selector.ts';
import { inVersion, storageKey, type AdmissionRequest } from '../rest/parts.ts';
import { asRecord } from '../schema/json.ts';
import type { Store } from '../storage/store.ts';
import { converted, reviewOf } from './review.ts';
import { calledAs, type Criteria, type Rule } from './rules.ts';

const group = 'admissionregistration.k8s.io';
const policiesKey = `${group}/validatingadmissionpolicies`;
const bindingsKey = `${group}/validatingadmissionpolicybindings`;
const codes: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};
/** A longer message of an expression is not told (MaxEvaluatedMessageExpressionSizeBytes). */
const longestMessage = 5 * 1024;

interface MatchResources {
  readonly resourceRules?: readonly Rule[];
  readonly excludeResourceRules?: readonly Rule[];
  readonly namespaceSelector?: unknown;
  readonly objectSelector?: unknown;
  readonly matchPolicy?: string;
}

interface Validation {
  readonly expression: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
}

interface Policy {
  readonly name: string;
  readonly failurePolicy: 'Fail' | 'Ignore';
  readonly paramKind?: { readonly apiVersion: string; readonly kind: string };
  readonly matchConstraints: MatchResources;
  readonly matchConditions: readonly NamedExpression[];
  readonly variables: readonly NamedExpression[];
  readonly validations: readonly Validation[];
}

interface ParamRef {
  readonly name?: string;
  readonly namespace?: string;
  readonly selector?: unknown;
  readonly parameterNotFoundAction?: string;
}

interface Binding {
  readonly name: string;
  readonly policyName: string;
  readonly paramRef?: ParamRef;
  readonly matchResources?: MatchResources;
  readonly validationActions: readonly string[];
}

/** A validation that did not hold, or could not be evaluated. */
interface Complaint {
  readonly message: string;
  readonly reason?: string | undefined;
}

export class Policies {
  readonly #store: Store;
  readonly #registry: Registry;

  constructor(store: Store, registry: Registry) {
    this.#store = store;
    this.#registry = registry;
  }

  /** Throws the first refusal; warnings of bindings that only warn are added to the request's. */
  validate(request: AdmissionRequest): void {
    const { resource } = request;
    // A policy must not be able to keep an admin from mending it.
    if (resource.group === group && resource.plural.startsWith('validatingadmissionpolic')) return;
    const policies = this.#store.list(policiesKey);
    if (policies.length === 0) return;
    const bindings = this.#store.list(bindingsKey).map(bindingOf);
    const namespaceObject = this.#namespaceOf(request);
    const others = this.#registry
      .versionsOf(resource.group, resource.plural)
      .filter(({ version }) => version !== resource.version);
    let refusal: ApiFailure | undefined;
    for (const policy of policies.map(policyOf)) {
      const as = calledAs(criteriaOf(policy.matchConstraints), request, others, namespaceObject);
      if (as === undefined) continue;
      for (const binding of bindings.filter(({ policyName }) => policyName === policy.name)) {
        if (!isBound(binding, request, others, namespaceObject)) continue;
        for (const complaint of this.#complaints(policy, binding, request, as, namespaceObject)) {
          refusal ??= act(policy, binding, complaint, request);
        }
      }
    }
    if (refusal !== undefined) throw refusal;
  }

  #complaints(
    policy: Policy,
    binding: Binding,
    request: AdmissionRequest,
    as: ServedResource,
    namespaceObject: ApiObject | undefined,
  ): Complaint[] {
    const params = this.#params(policy, binding, request);
    if ('error' in params) {
      return policy.failurePolicy === 'Ignore' ? [] : [{ message: `failed to configure binding: ${params.error}` }];
    }
    const seen = bindingsOf(request, as, namespaceObject);
    return params.found.flatMap((param) => evaluatePolicy(policy, { ...seen, params: () => param }));
  }

  /** What the binding gives the policy; nothing found may be an error or no reason to evaluate at all. */
  #params(
    { paramKind }: Policy,
    { paramRef }: Binding,
    request: AdmissionRequest,
  ): { readonly found: readonly (ApiObject | undefined)[] } | { readonly error: string } {
    if (paramKind === undefined || paramRef === undefined) return { found: [undefined] };
    const { apiVersion, kind } = paramKind;
    const resource = this.#registry
      .all()
      .find(
        (each) =>
          each.kind === kind && (each.group === '' ? each.version : `${each.group}/${each.version}`) === apiVersion,
      );
    if (resource === undefined)
      return { error: `failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kind}'` };
    const namespace = resource.namespaced ? (paramRef.namespace ?? request.namespace) : '';
    if (resource.namespaced && namespace === '')
      return { error: 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources' };
    const key = storageKey(resource);
    const selected = objectSelector(paramRef.selector ?? {});
    const stored =
      paramRef.name === undefined
        ? this.#store.list(key, namespace).filter(({ metadata }) => selected(metadata?.labels))
        : [this.#store.get(key, namespace, paramRef.name)].filter((object) => object !== undefined);
    if (stored.length > 0) return { found: stored.map((object) => inVersion(resource, object)) };
    if (paramRef.parameterNotFoundAction === 'Allow') return { found: [] };
    return { error: 'no params found for policy binding with `Deny` parameterNotFoundAction' };
  }

  #namespaceOf({ resource, namespace }: AdmissionRequest): ApiObject | undefined {
    const own = resource.group === '' && resource.plural === 'namespaces';
    return namespace === '' || own ? undefined : this.#store.get('/namespaces', '', namespace);
  }
}

function bindingsOf(
  request: AdmissionRequest,
  as: ServedResource,
  namespaceObject: ApiObject | undefined,
): Omit<AdmissionBindings, 'params'> {
  const object = converted(request.object, request.resource, as);
  const old = converted(request.old, request.resource, as);
  return {
    object: () => object,
    oldObject: () => old,
    request() {
      const { object: _object, oldObject: _old, ...rest } = reviewOf({ ...request, object, old }, as).request;
      return rest;
    },
    namespaceObject: () => namespaceObject,
  };
}

/** Conditions first: one that is false ends it, whatever the others do. */
function evaluatePolicy(policy: Policy, bindings: AdmissionBindings): Complaint[] {
  const bound = bind(bindings, policy.variables);
  const broken = (error: string): Complaint[] => (policy.failurePolicy === 'Ignore' ? [] : [{ message: error }]);
  const conditions = policy.matchConditions.map(({ expression }) => evaluate(expression, bound));
  if (conditions.some((outcome) => 'value' in outcome && outcome.value === false)) return [];
  const errors = conditions.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
  if (errors.length > 0) return broken(errors.length === 1 ? (errors[0] ?? '') : `[${errors.join(', ')}]`);
  return policy.validations.flatMap((validation): Complaint[] => {
    const outcome = evaluate(validation.expression, bound);
    if ('error' in outcome) return broken(outcome.error);
    if (outcome.value === true) return [];
    return [{ message: messageOf(validation, bound), reason: validation.reason }];
  });
}

function messageOf({ messageExpression, message, expression }: Validation, bound: Record<string, unknown>): string {
  const outcome = messageExpression === undefined ? undefined : evaluate(messageExpression, bound);
  if (outcome !== undefined && 'value' in outcome && typeof outcome.value === 'string') {
    const text = outcome.value.trim();
    if (text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= longestMessage) return text;
  }
  return message?.trim() || `failed expression: ${expression.trim()}`;
}

/** What the binding says is done about a complaint; the refusal, if it is to be refused. */
function act(
  policy: Policy,
  binding: Binding,
  complaint: Complaint,
  request: AdmissionRequest,
): ApiFailure | undefined {
  const { message, reason = 'Invalid' } = complaint;
  const { warnings, resource, name } = request;
  if (binding.validationActions.includes('Warn'))
    warnings.push(
      `Validation failed for ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}': ${message}`,
    );
  if (!binding.validationActions.includes('Deny')) return undefined;
  const said = `ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}' denied request: ${message}`;
  const plural = qualified(resource.group, resource.plural);
  const what = name === '' ? plural : `${plural} "${name}"`;
  return failure(codes[reason] ?? 422, reason, `${what} is forbidden: ${said}`, {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
    causes: [{ message: said }],
  });
}

function isBound(
  { matchResources }: Binding,
  request: AdmissionRequest,
  others: readonly ServedResource[],
  namespaceObject: ApiObject | undefined,
): boolean {
  if (matchResources === undefined) return true;
  const everything: Rule = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };
  const criteria = criteriaOf(matchResources);
  const rules = (criteria.rules ?? []).length === 0 ? [everything] : criteria.rules;
  return calledAs({ ...criteria, rules }, request, others, namespaceObject) !== undefined;
}

function criteriaOf({ resourceRules, excludeResourceRules, ...rest }: MatchResources): Criteria {
  return { ...rest, rules: resourceRules, excluded: excludeResourceRules };
}

/** A stored policy was validated, so that its members are of these types. */
function policyOf(object: ApiObject): Policy {
  return {
    failurePolicy: 'Fail',
    matchConstraints: {},
    matchConditions: [],
    variables: [],
    validations: [],
    ...asRecord(object['spec']),
    name: object.metadata?.name ?? '',
  };
}

function bindingOf(object: ApiObject): Binding {
  return { policyName: '', validationActions: [], ...asRecord(object['spec']), name: object.metadata?.name ?? '' };
}
