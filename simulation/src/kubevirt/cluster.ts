// The API server as the players of the simulation use it: objects read and changed at once, without a request in between.
// Promises: a change is made to the object as it is now, so that nothing that somebody else wrote is lost; nothing happens to an
// object that is gone or was replaced by another of its name.

import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import { keyOf, refOf, type KubeObject, type ObjectRef } from '@idlewild/operator/kube/object.ts';
import type { MemoryApi, Write } from '../api/memory-api.ts';

/** Whom the writes of the players are told under. */
export const clusterUser = 'cluster';

export class Cluster {
  readonly #api: MemoryApi;

  constructor(api: MemoryApi) {
    this.#api = api;
  }

  get<T extends KubeObject>(type: ResourceType, ref: ObjectRef): T | undefined {
    return this.#api.get<T>(type, ref);
  }

  list<T extends KubeObject>(type: ResourceType): readonly T[] {
    return this.#api.list<T>(type);
  }

  onWrite(listener: (write: Write) => void): void {
    this.#api.onWrite(listener);
  }

  create<T extends KubeObject>(type: ResourceType, object: T): T {
    const metadata = object.metadata as unknown as Record<string, unknown>;
    return this.#api.create(type, { ...object, metadata }, { user: clusterUser }) as unknown as T;
  }

  /** Spec, metadata and status at one moment, whatever requests that takes. @returns what became of it. */
  change<T extends KubeObject>(type: ResourceType, of: KubeObject, how: (current: T) => T): T | undefined {
    const ref = refOf(keyOf(of));
    const current = this.#api.get<T>(type, ref);
    if (!current || current.metadata.uid !== of.metadata.uid) return undefined;
    const next = how(current);
    if (next === current) return current;
    const { metadata, ...rest } = next;
    const own = metadata === current.metadata ? {} : { metadata };
    const { status, ...others } = rest as { status?: unknown };
    const { status: before, ...othersBefore } = current as unknown as { status?: unknown };
    const split = this.#api.shelf(type).kind.splitStatus;
    let written: unknown = current;
    if (split && status !== before) {
      written = this.#api.replace(type, ref, { ...current, status }, { subresource: 'status', user: clusterUser });
    }
    const wanted = split ? { ...othersBefore, ...others, ...own } : { ...othersBefore, ...rest, ...own };
    const isMore = !split || metadata !== current.metadata || differs(others, othersBefore);
    if (isMore) {
      const { resourceVersion } = (written as T).metadata;
      const whole = { ...wanted, metadata: { ...metadata, resourceVersion } };
      written = this.#api.replace(type, ref, whole, { user: clusterUser });
    }
    return written as T;
  }

  /** As a DELETE request. */
  remove(type: ResourceType, of: KubeObject, o: { readonly gracePeriodSeconds?: number } = {}): void {
    const current = this.#api.get(type, refOf(keyOf(of)));
    if (current?.metadata.uid !== of.metadata.uid) return;
    this.#api.delete(type, refOf(keyOf(of)), { ...o, user: clusterUser });
  }
}

function differs(a: object, b: object): boolean {
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return Object.keys(left).some((key) => key !== 'metadata' && left[key] !== right[key]);
}
