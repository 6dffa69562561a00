// Deletes the content of terminating namespaces, says in conditions what still holds them, and lets them go when they are empty.
import { namespaces as namespaceType } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { Controller } from '@idlewild/operator/kube/controller.ts';
import { isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { Informer } from '@idlewild/operator/kube/informer.ts';
import type { Logger } from 'pino';
import { patchStatus } from '../../conditions-patch.ts';
import { wholeSeconds } from '../../model/meta.ts';
import type { Namespace } from '../../model/namespace.ts';
import { NamespaceContent } from './content.ts';
import { changedConditions, isEmpty, mustBeEmptied, NAMESPACE_FINALIZER } from './decide.ts';

export interface NamespaceDeps {
  readonly client: KubeClient;
  readonly namespaces: Informer<Namespace>;
  readonly clock: Clock;
  readonly log: Logger;
}

const FIRST_RETRY_MS = 150;
const LONGEST_RETRY_MS = 3_000;

export class NamespaceController {
  readonly #deps: NamespaceDeps;
  readonly #content: NamespaceContent;
  readonly #controller: Controller;
  readonly #passes = new Map<string, number>();

  constructor(deps: NamespaceDeps) {
    this.#deps = deps;
    this.#content = new NamespaceContent(deps.client);
    this.#controller = new Controller({
      name: 'namespaces',
      log: deps.log,
      clock: deps.clock,
      concurrency: 4,
      reconcile: (name) => this.#reconcile(name),
    });
    deps.namespaces.onChange(({ type, object, previous }) => {
      if (type === 'deleted') this.#passes.delete(object.metadata.uid);
      else if (mustBeEmptied(object) && !(previous && mustBeEmptied(previous)))
        this.#controller.enqueue(object.metadata.name);
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#deps.namespaces.synced();
    await this.#controller.run(signal);
  }

  async #reconcile(name: string): Promise<{ requeueAfterMs: number } | undefined> {
    const { client, clock, log } = this.#deps;
    const known = this.#deps.namespaces.store.get(name);
    if (!known || !mustBeEmptied(known)) return undefined;
    try {
      const namespace = await client.get<Namespace>(namespaceType, { name });
      if (!mustBeEmptied(namespace)) return undefined;
      const pass = await this.#content.remove(name);
      const conditions = changedConditions(namespace, pass, wholeSeconds(clock.now()));
      if (!isEmpty(pass)) {
        if (conditions.length > 0) await patchStatus(client, namespaceType, namespace.metadata, { conditions });
        return { requeueAfterMs: this.#nextPassMs(namespace.metadata.uid) };
      }
      await this.#finalize(namespace);
      log.info({ namespace: name }, 'namespace emptied');
      return undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (isConflict(error)) return { requeueAfterMs: 0 };
      throw error;
    }
  }

  /** Passes come quickly at first (most content goes at once) and then less often, while a finalizer holds something. */
  #nextPassMs(uid: string): number {
    const pass = this.#passes.get(uid) ?? 0;
    this.#passes.set(uid, pass + 1);
    return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(pass, 10));
  }

  async #finalize(namespace: Namespace): Promise<void> {
    const { client } = this.#deps;
    await client.replace(
      namespaceType,
      {
        ...namespace,
        apiVersion: 'v1',
        kind: 'Namespace',
        spec: {
          ...namespace.spec,
          finalizers: (namespace.spec?.finalizers ?? []).filter((name) => name !== NAMESPACE_FINALIZER),
        },
      } as Namespace,
      { subresource: 'finalize' },
    );
  }
}
