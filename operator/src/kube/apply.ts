// Server-side apply of a status, on top of the client.
// Promises: an object that another one replaced under the same name is not written to (uid is part of the request).

import type { ResourceType } from '../api/resources.ts';
import type { KubeClient } from './client.ts';
import type { KubeObject } from './object.ts';

/**
 * Makes `fieldManager` the owner of exactly the given status fields; fields it applied before and leaves out now are
 * removed. Fails with kind "conflict" when `of` has been deleted and made anew.
 */
export async function applyStatus<T>(
  client: KubeClient,
  type: ResourceType,
  of: KubeObject,
  status: unknown,
  o: { readonly fieldManager: string; readonly signal?: AbortSignal | undefined },
): Promise<T> {
  const { name, namespace, uid } = of.metadata;
  const body = { metadata: { name, ...(namespace ? { namespace } : {}), ...(uid ? { uid } : {}) }, status };
  return client.apply<T>(type, body, { ...o, force: true, subresource: 'status' });
}
