// Which webhooks a request goes to: rules by operation, group, version, resource and scope, then selectors. Pure.

import type { MatchCondition } from '../cel/match-conditions.ts';
import { objectSelector } from '../rest/label-selector.ts';
import type { AdmissionRequest } from '../rest/parts.ts';
import type { ApiObject, ServedResource } from '../registry/types.ts';

export interface Webhook {
  readonly name: string;
  readonly clientConfig: WebhookClientConfig;
  readonly rules?: readonly Rule[];
  readonly failurePolicy?: 'Fail' | 'Ignore';
  readonly timeoutSeconds?: number;
  readonly sideEffects?: string;
  readonly namespaceSelector?: unknown;
  readonly objectSelector?: unknown;
  readonly reinvocationPolicy?: string;
  readonly matchPolicy?: string;
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

interface Rule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly scope?: string;
}

/**
 * The version of the resource in which the hook is asked; undefined if it is not asked. `others` are further served
 * versions, for hooks whose policy takes a request for one of them as equivalent.
 */
export function calledAs(
  webhook: Webhook,
  request: AdmissionRequest,
  others: readonly ServedResource[],
  namespaceObject: ApiObject | undefined,
): ServedResource | undefined {
  const equivalent = webhook.matchPolicy === 'Exact' ? [] : others;
  const found = [request.resource, ...equivalent].find((resource) =>
    (webhook.rules ?? []).some((rule) => ruleMatches(rule, { ...request, resource })),
  );
  return found !== undefined && isSelected(webhook, request, namespaceObject) ? found : undefined;
}

function isSelected(webhook: Webhook, request: AdmissionRequest, namespaceObject: ApiObject | undefined): boolean {
  if (!selects(webhook.objectSelector, request.object) && !selects(webhook.objectSelector, request.old)) return false;
  const isNamespace = request.resource.group === '' && request.resource.plural === 'namespaces';
  if (!request.resource.namespaced && !isNamespace) return true;
  return selects(webhook.namespaceSelector, isNamespace ? (request.object ?? request.old) : namespaceObject);
}

/** An absent selector of a webhook selects everything. */
function selects(selector: unknown, object: ApiObject | undefined): boolean {
  if (selector === undefined || selector === null || Object.keys(selector).length === 0) return true;
  return object !== undefined && objectSelector(selector)(object.metadata?.labels);
}

function ruleMatches(rule: Rule, request: AdmissionRequest): boolean {
  const { resource, operation, subresource } = request;
  const any = (list: readonly string[] | undefined, value: string): boolean =>
    (list ?? []).some((entry) => entry === '*' || entry === value);
  const scope = resource.namespaced ? 'Namespaced' : 'Cluster';
  return (
    any(rule.operations, operation) &&
    any(rule.apiGroups, resource.group) &&
    any(rule.apiVersions, resource.version) &&
    (rule.scope === undefined || rule.scope === '*' || rule.scope === scope) &&
    (rule.resources ?? []).some((entry) => resourceMatches(entry, resource.plural, subresource))
  );
}

// `*` is all resources but no subresources; a `*` after the slash is every subresource and the resource itself.
function resourceMatches(entry: string, plural: string, subresource: string): boolean {
  const [main = '', sub = ''] = entry.split('/');
  if (main !== '*' && main !== plural) return false;
  return sub === '*' ? entry.includes('/') : sub === subresource;
}
