// The answers to TokenReview, SubjectAccessReview and their kin: questions put as objects, answered in their status and
// never stored.
import { badRequest, invalid } from '../errors/status.ts';
import type { ApiObject, Attributes, Authorization, ReviewContext, ServedResource, User } from '../registry/types.ts';
import { asRecord, asString, isRecord, member, stringsOf } from '../schema/json.ts';
import { invalid as invalidField } from '../schema/errors.ts';
import type { Rbac } from './rbac.ts';
import { masters } from './rbac.ts';
import type { PolicyRule } from './rules.ts';

export interface Reviewer {
  readonly rbac: Rbac;
  /** The user of a bearer token. */
  readonly identify: (
    token: string,
    audiences: readonly string[] | undefined,
  ) => Promise<{ user: User; audiences: readonly string[] } | undefined>;
  readonly now: () => number;
}

export async function answerReview(
  reviewer: Reviewer,
  resource: ServedResource,
  object: ApiObject,
  context: ReviewContext,
): Promise<ApiObject> {
  const head = {
    kind: resource.kind,
    apiVersion: `${resource.group}/${resource.version}`,
    metadata: object.metadata ?? {},
  };
  const spec = asRecord(object['spec']);
  switch (resource.kind) {
    case 'TokenReview':
      return { ...head, spec, status: await reviewToken(reviewer, spec) };
    case 'SelfSubjectReview': {
      const created = new Date(reviewer.now()).toISOString().replace(/\.\d+Z$/, 'Z');
      return { ...head, metadata: { creationTimestamp: created }, status: { userInfo: userInfo(context.user) } };
    }
    case 'SelfSubjectAccessReview':
      return { ...head, spec, status: reviewAccess(reviewer, resource, spec, context.user) };
    case 'SubjectAccessReview':
    case 'LocalSubjectAccessReview': {
      const extra = Object.fromEntries(
        Object.entries(asRecord(spec['extra'])).map(([key, values]) => [key, stringsOf(values)]),
      );
      const user: User = {
        name: asString(spec['user']),
        uid: asString(spec['uid']),
        groups: stringsOf(spec['groups']),
        extra,
      };
      if (user.name === '' && user.groups.length === 0) {
        throw invalid(resource, '', [invalidField('spec.user', '', 'at least one of user or group must be specified')]);
      }
      const namespace = member(spec, 'resourceAttributes', 'namespace');
      if (resource.namespaced && namespace !== context.namespace) {
        const field = 'spec.resourceAttributes.namespace';
        throw invalid(resource, '', [invalidField(field, namespace ?? '', 'must match metadata.namespace')]);
      }
      return { ...head, spec, status: reviewAccess(reviewer, resource, spec, user) };
    }
    case 'SelfSubjectRulesReview':
      return { ...head, spec: {}, status: reviewRules(reviewer, context.user, asString(spec['namespace'])) };
    default:
      throw badRequest(`${resource.kind} is not a review`);
  }
}

async function reviewToken(reviewer: Reviewer, spec: Record<string, unknown>): Promise<Record<string, unknown>> {
  const audiences = stringsOf(spec['audiences']);
  const found = await reviewer.identify(asString(spec['token']), audiences.length > 0 ? audiences : undefined);
  if (!found) return { user: {}, error: 'invalid bearer token' };
  return { authenticated: true, user: userInfo(found.user), audiences: found.audiences };
}

function userInfo(user: User): Record<string, unknown> {
  return {
    username: user.name,
    ...(user.uid !== undefined && user.uid !== '' && { uid: user.uid }),
    groups: user.groups,
    ...(user.extra && Object.keys(user.extra).length > 0 && { extra: user.extra }),
  };
}

/** The attributes that a review asks about; exactly one kind of them must be given. */
function attributesOf(resource: ServedResource, spec: Record<string, unknown>): Attributes {
  const [asked, path] = [spec['resourceAttributes'], spec['nonResourceAttributes']];
  if (isRecord(asked) === isRecord(path)) {
    const detail = isRecord(asked)
      ? 'cannot be specified in combination with resourceAttributes'
      : 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    throw invalid(resource, '', [
      invalidField(isRecord(asked) ? 'spec.nonResourceAttributes' : 'spec.resourceAttributes', null, detail),
    ]);
  }
  if (isRecord(path)) return { type: 'path', verb: asString(path['verb']), path: asString(path['path']) };
  const text = (name: string) => asString(member(asked, name));
  return {
    type: 'resource',
    verb: text('verb'),
    group: text('group'),
    version: text('version'),
    resource: text('resource'),
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
  };
}

function reviewAccess(
  reviewer: Reviewer,
  resource: ServedResource,
  spec: Record<string, unknown>,
  user: User,
): Record<string, unknown> {
  const { allowed, reason }: Authorization = reviewer.rbac.authorize(user, attributesOf(resource, spec));
  return { allowed, ...(reason !== '' && { reason }) };
}

function reviewRules({ rbac }: Reviewer, user: User, namespace: string): Record<string, unknown> {
  const everything: PolicyRule[] = user.groups.includes(masters)
    ? [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: [], nonResourceURLs: [] },
        { verbs: ['*'], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ['*'] },
      ]
    : [];
  const rules = [...everything, ...rbac.rulesFor(user, namespace).map(({ rule }) => rule)];
  return {
    resourceRules: rules
      .filter((rule) => rule.resources.length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames.length > 0 && { resourceNames }),
      })),
    nonResourceRules: rules
      .filter((rule) => rule.nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  };
}
