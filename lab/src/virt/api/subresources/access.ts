// Who is asking, and may they: the front proxy's headers, and a SubjectAccessReview of exactly the subresource as it is written.
// Promises: headers count only from a client with the front proxy's certificate; anybody else is unauthorized.
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { subjectAccessReviews } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { SUBRESOURCE_GROUP } from '../../manifests/resources.ts';
import type { Route } from './route.ts';

/** The common name of the certificate by which the API server calls aggregated servers; kubeadm's name for it. */
export const FRONT_PROXY = 'front-proxy-client';

export interface Caller {
  readonly user: string;
  readonly groups: readonly string[];
}

/** Undefined when the request does not come through the front proxy. */
export function callerOf(request: IncomingMessage): Caller | undefined {
  const socket = request.socket as TLSSocket;
  if (!socket.authorized) return undefined;
  const subject: { readonly CN?: string | string[] } = socket.getPeerCertificate().subject ?? {};
  if (subject.CN !== FRONT_PROXY) return undefined;
  const user = request.headersDistinct['x-remote-user']?.[0];
  if (!user) return undefined;
  return { user, groups: request.headersDistinct['x-remote-group'] ?? [] };
}

/** Throws KubeError when the review cannot be made. */
export async function mayCall(
  client: KubeClient,
  caller: Caller,
  route: Extract<Route, { kind: 'instance' | 'machine' }>,
  method: string,
): Promise<boolean> {
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: caller.user,
      groups: caller.groups,
      resourceAttributes: {
        group: SUBRESOURCE_GROUP,
        version: 'v1',
        resource: route.kind === 'instance' ? 'virtualmachineinstances' : 'virtualmachines',
        subresource: route.call,
        namespace: route.namespace,
        name: route.name,
        verb: method === 'GET' ? 'get' : 'update',
      },
    },
  };
  const answer = await client.create<{ status?: { allowed?: boolean } }>(subjectAccessReviews, review);
  return answer.status?.allowed === true;
}
