// Which webhooks and policies a request is for: rules by operation, group, version, resource and scope, then selectors. Pure.
import type { MatchCondition } from '../cel/match-conditions.ts';
import { objectSelector } from '../rest/label-selector.ts';
import type { AdmissionRequest } from '../rest/parts.ts';
import type { ApiObject, ServedResource } from '../registry/types.ts';

/** What webhooks and policies have alike. */
export interface Criteria {
  readonly rules?: readonly Rule[] | undefined;
  /** Requests that are none of its, although a rule above matches. */
  readonly excluded?: readonly Rule[] | undefined;
  readonly namespaceSelector?: unknown;
  readonly objectSelector?: unknown;
  readonly matchPolicy?: string | undefined;
}

export interface Webhook extends Criteria {
  readonly name: string;
  readonly clientConfig: WebhookClientConfig;
  readonly failurePolicy?: 'Fail' | 'Ignore';
  readonly timeoutSeconds?: number;
  readonly sideEffects?: string;
  readonly reinvocationPolicy?: string;
  readonly matchConditions?: readonly MatchCondition[];
}

export interface WebhookClientConfig {
  readonly url?: string;
  readonly caBundle?: string;
  readonly service?: {
    readonly namespace: string;
    readonly name: string;
    readonly path?: string;
    readonly port?: number;
  };
}

export interface Rule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly scope?: string;
}

/**
 * The version of the resource in which the hook or policy is asked; undefined if it is not asked. `others` are further served
 * versions, for those whose policy takes a request for one of them as equivalent.
 */
export function calledAs(
  criteria: Criteria,
  request: AdmissionRequest,
  others: readonly ServedResource[],
  namespaceObject: ApiObject | undefined,
): ServedResource | undefined {
  const versions = [request.resource, ...(criteria.matchPolicy === 'Exact' ? [] : others)];
  const matched = (rules: readonly Rule[] = []): ServedResource | undefined =>
    versions.find((resource) => rules.some((rule) => ruleMatches(rule, { ...request, resource })));
  if (matched(criteria.excluded) !== undefined) return undefined;
  const found = matched(criteria.rules);
  return found !== undefined && isSelected(criteria, request, namespaceObject) ? found : undefined;
}

/** Whether the selectors of the criteria choose the request's object and namespace. */
function isSelected(criteria: Criteria, request: AdmissionRequest, namespaceObject: ApiObject | undefined): boolean {
  if (!selects(criteria.objectSelector, request.object) && !selects(criteria.objectSelector, request.old)) return false;
  const isNamespace = request.resource.group === '' && request.resource.plural === 'namespaces';
  if (!request.resource.namespaced && !isNamespace) return true;
  return selects(criteria.namespaceSelector, isNamespace ? (request.object ?? request.old) : namespaceObject);
}

/** An absent selector selects everything. */
function selects(selector: unknown, object: ApiObject | undefined): boolean {
  if (selector === undefined || selector === null || Object.keys(selector).length === 0) return true;
  return object !== undefined && objectSelector(selector)(object.metadata?.labels);
}

function ruleMatches(rule: Rule, request: AdmissionRequest): boolean {
  const { resource, operation, subresource, name } = request;
  const any = (list: readonly string[] | undefined, value: string): boolean =>
    (list ?? []).some((entry) => entry === '*' || entry === value);
  const scope = resource.namespaced ? 'Namespaced' : 'Cluster';
  return (
    any(rule.operations, operation) &&
    any(rule.apiGroups, resource.group) &&
    any(rule.apiVersions, resource.version) &&
    (rule.scope === undefined || rule.scope === '*' || rule.scope === scope) &&
    (rule.resources ?? []).some((entry) => resourceMatches(entry, resource.plural, subresource)) &&
    ((rule.resourceNames ?? []).length === 0 || rule.resourceNames?.includes(name) === true)
  );
}

// `*` is all resources but no subresources; a `*` after the slash is every subresource and the resource itself.
function resourceMatches(entry: string, plural: string, subresource: string): boolean {
  const [main = '', sub = ''] = entry.split('/');
  if (main !== '*' && main !== plural) return false;
  return sub === '*' ? entry.includes('/') : sub === subresource;
}
