// Empties one namespace: one pass deletes what is there and counts what stays. Pods go first, everything else only when no pod
// is left (as Kubernetes does since 1.33), so that nothing that a running pod relies on is taken away under it.
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isNotFound, toKubeError } from '@idlewild/operator/kube/errors.ts';
import type { KubeObject } from '@idlewild/operator/kube/object.ts';
import { collectionPath } from '@idlewild/operator/kube/paths.ts';
import { discover, type ServedType } from '../discovery.ts';
import { metadataClient } from '../metadata-client.ts';
import type { Pass } from './decide.ts';

/** How a resource is named in conditions: "pods." or "widgets.example.dev". */
function resourceName(type: ServedType): string {
  return `${type.plural}.${type.group}`;
}

class Counting implements Pass {
  readonly undiscovered: ReadonlyMap<string, string>;
  readonly failures: string[] = [];
  readonly remaining = new Map<string, number>();
  readonly finalizers = new Map<string, number>();

  constructor(undiscovered: ReadonlyMap<string, string>) {
    this.undiscovered = undiscovered;
  }

  count(type: ServedType, left: readonly KubeObject[]): void {
    if (left.length > 0) this.remaining.set(resourceName(type), left.length);
    for (const name of left.flatMap(({ metadata }) => metadata.finalizers ?? []))
      this.finalizers.set(name, (this.finalizers.get(name) ?? 0) + 1);
  }
}

export class NamespaceContent {
  readonly #client: KubeClient;
  readonly #metadata: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
    this.#metadata = metadataClient(client);
  }

  /** One pass. Single resources that fail are reported in the result; throws KubeError only if discovery as a whole fails. */
  async remove(namespace: string): Promise<Pass> {
    const { types, failed } = await discover(this.#client.raw);
    const pass = new Counting(failed);
    const removable = types.filter(
      (type) => type.namespaced && type.verbs.includes('list') && type.verbs.includes('delete'),
    );
    const isPods = (type: ServedType): boolean => type.group === '' && type.plural === 'pods';
    for (const type of removable.filter(isPods)) await this.#removeAll(type, namespace, pass);
    if (pass.remaining.size > 0) return pass;
    await Promise.all(removable.filter((type) => !isPods(type)).map((type) => this.#removeAll(type, namespace, pass)));
    return pass;
  }

  async #removeAll(type: ServedType, namespace: string, pass: Counting): Promise<void> {
    try {
      const before = (await this.#metadata.listAll<KubeObject>(type, { namespace })).items;
      if (before.length === 0) return;
      if (before.some(({ metadata }) => metadata.deletionTimestamp === undefined)) {
        await this.#deleteAll(type, namespace, before);
        pass.count(type, (await this.#metadata.listAll<KubeObject>(type, { namespace })).items);
      } else pass.count(type, before);
    } catch (error) {
      // A resource whose definition was removed meanwhile has no objects any more.
      if (!isNotFound(error)) pass.failures.push(`${resourceName(type)}: ${toKubeError(error).message}`);
    }
  }

  async #deleteAll(type: ServedType, namespace: string, objects: readonly KubeObject[]): Promise<void> {
    if (type.verbs.includes('deletecollection')) {
      await this.#client.raw.request({
        method: 'DELETE',
        path: collectionPath(type, namespace),
        body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' },
      });
      return;
    }
    for (const { metadata } of objects) {
      try {
        await this.#client.delete(type, metadata, { propagationPolicy: 'Background' });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }
}
