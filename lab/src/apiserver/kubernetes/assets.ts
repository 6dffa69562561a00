// The real programs of a control plane, where somebody has them: KUBEBUILDER_ASSETS names a directory with kube-apiserver and
// etcd, as for other projects' integration tests. Promises: a directory that is named and lacks one is refused, never passed over.
import { accessSync, constants } from 'node:fs';
import { join, resolve } from 'node:path';

export interface KubernetesAssets {
  readonly apiServer: string;
  readonly etcd: string;
}

/** Undefined when nobody asks for them. Throws when the directory lacks an executable of the two. */
export function kubernetesAssets(env: NodeJS.ProcessEnv = process.env): KubernetesAssets | undefined {
  const dir = env['KUBEBUILDER_ASSETS'] ?? '';
  if (dir === '') return undefined;
  return { apiServer: programOf(dir, 'kube-apiserver'), etcd: programOf(dir, 'etcd') };
}

function programOf(dir: string, name: string): string {
  const file = resolve(join(dir, name));
  try {
    accessSync(file, constants.X_OK);
  } catch {
    throw new Error(
      `KUBEBUILDER_ASSETS: ${file} is not there or cannot be executed; kube-apiserver and etcd are needed`,
    );
  }
  return file;
}
