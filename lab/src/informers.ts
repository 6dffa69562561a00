// One shared informer per resource type for all that runs in the control plane process: a type is listed and watched once.
// Every informer has the same built-in indexes, so that who comes first does not decide which indexes exist.
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import type { KubeObject } from '@idlewild/operator/kube/object.ts';
import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import type { Logger } from 'pino';

export interface InformersOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly clock: Clock;
  /** Ends every informer. */
  readonly signal: AbortSignal;
}

interface Located extends KubeObject {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: { readonly nodeName?: string };
}

/** The indexes that every informer has: where an object lives, whom it belongs to and on which node it is. */
function indexesOf(type: ResourceType): Record<string, (object: Located) => string[]> {
  const nodeOf = (object: Located): string | undefined =>
    type.plural === 'pods' ? object.spec?.nodeName : object.status?.nodeName;
  return {
    namespace: (object) => (object.metadata.namespace === undefined ? [] : [object.metadata.namespace]),
    ownerUid: (object) => (object.metadata.ownerReferences ?? []).map((owner) => owner.uid),
    node: (object) => [nodeOf(object) ?? ''].filter((name) => name !== ''),
  };
}

export class Informers {
  readonly #options: InformersOptions;
  readonly #byType = new Map<string, Informer<KubeObject>>();

  constructor(options: InformersOptions) {
    this.#options = options;
  }

  /** The informer of a type over all namespaces; it is made and started by the first call. */
  of<T extends KubeObject>(type: ResourceType): Informer<T> {
    const key = `${type.group}/${type.version}/${type.plural}`;
    let informer = this.#byType.get(key);
    if (!informer) {
      const { client, log, clock, signal } = this.#options;
      const created = new Informer<KubeObject>({ client, type, log, clock, indexes: indexesOf(type) });
      created.run(signal).catch((error: unknown) => {
        if (!signal.aborted) log.error({ err: error, type: key }, 'informer ended');
      });
      this.#byType.set(key, created);
      informer = created;
    }
    return informer as unknown as Informer<T>;
  }

  /** Resolves when every informer that was asked for so far has its first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#byType.values()].map((informer) => informer.synced()));
  }
}
