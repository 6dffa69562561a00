// Writes single conditions into a built-in object's status by strategic merge patch: entries merge by their type, so that
// several writers of one status (kubelet, scheduler, controllers) do not overwrite each other. Custom resources refuse this patch.
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import type { Condition, StoredMeta } from './model/meta.ts';

/**
 * Merges conditions (and further status fields) into the status of exactly this object: another object of the same name
 * is refused with a conflict, because the uid travels along. Throws KubeError.
 */
export async function patchStatus(
  client: KubeClient,
  type: ResourceType,
  metadata: StoredMeta,
  status: { readonly conditions?: readonly Condition[]; readonly phase?: string },
): Promise<void> {
  await client.strategicMergePatch(
    type,
    metadata,
    { metadata: { uid: metadata.uid }, status },
    { subresource: 'status' },
  );
}
