// Garbage collection: carries out what decide.ts says about one object. Before anything is deleted, the object and every owner
// that the watches have not shown are read from the API server, and the deletion carries the uid that was read.
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { Controller } from '@idlewild/operator/kube/controller.ts';
import { isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { KubeObject, OwnerReference } from '@idlewild/operator/kube/object.ts';
import type { Logger } from 'pino';
import { typeOfKind } from '../discovery.ts';
import { decide, mayOwn, type OwnerState, type Verdict } from './decide.ts';
import { FOREGROUND, isForeground, ORPHAN, type GraphObject } from './graph.ts';
import { Monitors, toGraphObject } from './monitors.ts';

export interface GarbageCollectorDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An owner that exists but that no watch shows is looked at again after this time. */
const UNSEEN_OWNER_RETRY_MS = 2_000;
const UNSERVED_OWNER_RETRY_MS = 10_000;
const CONCURRENCY = 8;

type Retry = { requeueAfterMs: number } | undefined;

export class GarbageCollector {
  readonly #deps: GarbageCollectorDeps;
  readonly #monitors: Monitors;
  readonly #controller: Controller;

  constructor(deps: GarbageCollectorDeps) {
    this.#deps = deps;
    this.#controller = new Controller({
      name: 'garbage-collection',
      log: deps.log,
      clock: deps.clock,
      concurrency: CONCURRENCY,
      reconcile: async (uid) => this.#reconcile(uid),
    });
    this.#monitors = new Monitors({
      ...deps,
      onConcerned: (uids) => {
        for (const uid of uids) this.#controller.enqueue(uid);
      },
    });
  }

  /** Resolves when everything is followed; then collects until the signal aborts. Throws KubeError if discovery fails. */
  async start(signal: AbortSignal): Promise<{ readonly ended: Promise<void> }> {
    await this.#monitors.refresh();
    const following = this.#monitors.run(signal);
    await this.#monitors.synced();
    return { ended: Promise.all([following, this.#controller.run(signal)]).then(() => undefined) };
  }

  async #reconcile(uid: string): Promise<Retry> {
    const seen = this.#monitors.graph.get(uid);
    if (!seen) return undefined;
    const live = await this.#read(seen);
    if (!live) return undefined;
    const object = toGraphObject(seen.type, live);
    const { owners, unseen } = await this.#ownerStates(object);
    const verdict = decide({ object, owners, dependents: this.#monitors.graph.dependentsOf(uid) });
    try {
      return (
        (await this.#apply(object, live, verdict)) ?? (unseen ? { requeueAfterMs: UNSEEN_OWNER_RETRY_MS } : undefined)
      );
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (isConflict(error)) return { requeueAfterMs: 0 };
      throw error;
    }
  }

  /** The object as the API server has it, if it is still the same one. */
  async #read(seen: GraphObject): Promise<KubeObject | undefined> {
    try {
      const live = await this.#deps.client.get<KubeObject>(seen.type, seen);
      return live.metadata.uid === seen.uid ? live : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #ownerStates(object: GraphObject): Promise<{ owners: Map<string, OwnerState>; unseen: boolean }> {
    const owners = new Map<string, OwnerState>();
    let unseen = false;
    for (const reference of object.owners) {
      const known = this.#monitors.graph.get(reference.uid);
      if (known && mayOwn(known, object)) {
        owners.set(reference.uid, isForeground(known) ? 'waiting' : 'solid');
        continue;
      }
      const state = await this.#liveOwnerState(reference, object);
      unseen ||= state === 'solid' || state === 'waiting';
      owners.set(reference.uid, state);
    }
    return { owners, unseen };
  }

  async #liveOwnerState(reference: OwnerReference, dependent: GraphObject): Promise<OwnerState> {
    const type = typeOfKind(this.#monitors.served, reference.apiVersion, reference.kind);
    if (!type || (type.namespaced && dependent.namespace === undefined)) return 'unknown';
    try {
      const owner = await this.#deps.client.get<KubeObject>(type, {
        name: reference.name,
        namespace: type.namespaced ? dependent.namespace : undefined,
      });
      if (owner.metadata.uid !== reference.uid) return 'absent';
      return isForeground(toGraphObject(type, owner)) ? 'waiting' : 'solid';
    } catch (error) {
      if (isNotFound(error)) return 'absent';
      throw error;
    }
  }

  async #apply(object: GraphObject, live: KubeObject, verdict: Verdict): Promise<Retry> {
    const { log } = this.#deps;
    const name = { type: `${object.type.plural}.${object.type.group}`, namespace: object.namespace, name: object.name };
    switch (verdict.kind) {
      case 'keep':
        return undefined;
      case 'undecided':
        log.debug({ ...name, reason: verdict.reason }, 'owner cannot be checked');
        return { requeueAfterMs: UNSERVED_OWNER_RETRY_MS };
      case 'delete':
        log.info({ ...name, policy: verdict.policy }, 'deleting: no owner is left');
        return this.#delete(object, verdict.policy);
      case 'unblockThenDelete':
        await this.#patch(object, live, {
          ownerReferences: object.owners.map((owner) => ({ ...owner, blockOwnerDeletion: false })),
        });
        return this.#delete(object, 'Foreground');
      case 'dropOwners':
        return this.#patch(object, live, {
          ownerReferences: object.owners.filter(({ uid }) => !verdict.uids.includes(uid)),
        });
      case 'awaitDependents':
        for (const uid of verdict.uids) this.#controller.enqueue(uid);
        return undefined;
      case 'finishForeground':
        return this.#patch(object, live, {
          finalizers: object.finalizers.filter((finalizer) => finalizer !== FOREGROUND),
        });
      case 'orphanDependents':
        for (const uid of verdict.uids) await this.#setFree(uid, object.uid);
        return this.#patch(object, live, { finalizers: object.finalizers.filter((finalizer) => finalizer !== ORPHAN) });
    }
  }

  async #delete(object: GraphObject, propagationPolicy: 'Background' | 'Foreground' | 'Orphan'): Promise<undefined> {
    await this.#deps.client.delete(object.type, object, { propagationPolicy, preconditions: { uid: object.uid } });
  }

  /** Takes one owner off a dependent, read anew so that nothing else of its metadata is touched. */
  async #setFree(uid: string, ownerUid: string): Promise<void> {
    const seen = this.#monitors.graph.get(uid);
    const live = seen && (await this.#read(seen));
    if (!seen || !live) return;
    const ownerReferences = (live.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== ownerUid);
    if (ownerReferences.length === live.metadata.ownerReferences?.length) return;
    try {
      await this.#patch(seen, live, { ownerReferences });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #patch(
    object: GraphObject,
    live: KubeObject,
    metadata: { ownerReferences: readonly OwnerReference[] } | { finalizers: readonly string[] },
  ): Promise<undefined> {
    await this.#deps.client.mergePatch(object.type, object, {
      metadata: { uid: object.uid, resourceVersion: live.metadata.resourceVersion, ...metadata },
    });
  }
}
