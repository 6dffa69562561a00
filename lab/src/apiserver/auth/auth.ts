// Who asks, and whether they may: static tokens, service-account tokens and client certificates; RBAC; reviews. One
// object that the server holds. No state but what the reader gives.
import type { Attributes, Auth, Credentials, ObjectReader, StaticToken, User } from '../registry/types.ts';
import type { ApiObject, ServedResource } from '../registry/types.ts';
import { refuseEscalation } from './escalation.ts';
import { impersonate } from './impersonation.ts';
import { createRbac } from './rbac.ts';
import { answerReview } from './reviews.ts';
import { createServiceAccountTokens } from './service-account-tokens.ts';

export interface AuthOptions {
  readonly reader: ObjectReader;
  readonly tokens: readonly StaticToken[];
  readonly serviceAccountKeyPem: string;
  readonly now: () => number;
  readonly newId: () => string;
}

/** Auth, and the guard against granting more than one has. */
export interface ServerAuth extends Auth {
  /** Throws a 403 ApiFailure when a role or binding would grant more than the user holds. */
  refuseEscalation(user: User, resource: ServedResource, object: ApiObject, namespace: string): void;
}

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

export function createAuth({ reader, tokens, serviceAccountKeyPem, now, newId }: AuthOptions): ServerAuth {
  const rbac = createRbac(reader);
  const accounts = createServiceAccountTokens({ privateKeyPem: serviceAccountKeyPem, reader, now, newId });
  const known = new Map<string, User>(tokens.map((entry) => [entry.token, userOfToken(entry)]));

  const identify = async (token: string, audiences?: readonly string[]) => {
    const user = known.get(token);
    return user
      ? { user, audiences: audiences ?? ['https://kubernetes.default.svc'] }
      : accounts.verify(token, audiences);
  };

  const credentialsOf = async ({
    authorization,
    clientCertificate,
  }: Credentials): Promise<User | undefined | 'invalid'> => {
    if (authorization !== undefined && authorization !== '') {
      const token = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
      return token === undefined ? 'invalid' : ((await identify(token))?.user ?? 'invalid');
    }
    if (clientCertificate && clientCertificate.commonName !== '') {
      return {
        name: clientCertificate.commonName,
        groups: [...clientCertificate.organizations, 'system:authenticated'],
      };
    }
    return undefined;
  };

  return {
    async authenticate(credentials) {
      const user = await credentialsOf(credentials);
      if (user === 'invalid') return user;
      if (credentials.headers['impersonate-user'] === undefined) return user;
      return impersonate(rbac, user ?? anonymous, credentials.headers);
    },
    authorize: (user: User, attributes: Attributes) => rbac.authorize(user, attributes),
    review: (resource, object, context) => answerReview({ rbac, identify, now }, resource, object, context),
    requestToken: (account, request) => accounts.issue(account, request),
    refuseEscalation: (user, resource, object, namespace) => refuseEscalation(rbac, user, resource, object, namespace),
  };
}

function userOfToken({ user, uid, groups }: StaticToken): User {
  return {
    name: user,
    groups: [...new Set([...groups, 'system:authenticated'])],
    ...(uid !== undefined && uid !== '' && { uid }),
  };
}
