// The Secrets that a job's files come from.
// Promises: reads single Secrets by name, only those that a job names; a missing one is an answer, not an error.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Secret } from '../api/kubernetes.ts';
import { secrets } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import type { GuestFile } from '../render/user-data.ts';

export type FilesOrMissing =
  | { readonly kind: 'files'; readonly files: readonly GuestFile[] }
  | { readonly kind: 'missing'; readonly message: string };

export function hasSecretFiles(job: ComputeJob): boolean {
  return (job.spec.files ?? []).some(({ secretKeyRef }) => secretKeyRef !== undefined);
}

/** All files of the job with their content, or which Secret (or key of it) is missing. */
export async function filesOf(client: KubeClient, job: ComputeJob): Promise<FilesOrMissing> {
  const namespace = job.metadata.namespace;
  const found = new Map<string, Secret | undefined>();
  const files: GuestFile[] = [];
  for (const { path, content, secretKeyRef, mode } of job.spec.files ?? []) {
    if (!secretKeyRef) {
      files.push({ path, base64: Buffer.from(content ?? '').toString('base64'), mode });
      continue;
    }
    const { name, key } = secretKeyRef;
    if (!found.has(name)) {
      try {
        found.set(name, await client.get<Secret>(secrets, { namespace, name }));
      } catch (error) {
        if (!isNotFound(error)) throw error;
        found.set(name, undefined);
      }
    }
    const secret = found.get(name);
    if (!secret) return { kind: 'missing', message: `Secret "${name}" for file ${path} does not exist` };
    const base64 = secret.data?.[key];
    if (base64 === undefined) {
      return { kind: 'missing', message: `Secret "${name}" has no key "${key}" for file ${path}` };
    }
    files.push({ path, base64: base64.replaceAll(/\s/g, ''), mode });
  }
  return { kind: 'files', files };
}
