// The Kubernetes API by type: get, list, create, patch, apply, delete.
// Promises: plain JSON in and out (nothing a newer server added is lost); failures are KubeErrors; only requests that were
// surely not carried out are retried. Watching lives in watch.ts.

import type { ResourceType } from '../api/resources.ts';
import { pods } from '../api/resources.ts';
import { systemClock, type Clock } from './clock.ts';
import { isGone, toKubeError } from './errors.ts';
import type { ObjectList, ObjectMeta, ObjectRef } from './object.ts';
import { apiVersionOf, collectionPath, objectPath } from './paths.ts';
import { retryDelayMs } from './retry.ts';
import type { Query, Transport, TransportRequest } from './transport.ts';
import { watchStream, type WatchOptions } from './watch.ts';

/** What a finished request was, for metrics and traces. One per try. */
export interface RequestInfo {
  readonly method: string;
  readonly path: string;
  /** HTTP status, or the KubeErrorKind when there was none. */
  readonly outcome: number | string;
  readonly durationMs: number;
}

export interface KubeClientOptions {
  /** Recorded by the server as the owner of the fields that this client writes. */
  readonly fieldManager?: string | undefined;
  readonly onRequest?: ((info: RequestInfo) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** Deadline of one try in ms, 30 000 unless told. */
  readonly timeoutMs?: number | undefined;
}

export interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

export interface ListOptions extends Cancellable {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface WriteOptions extends Cancellable {
  readonly subresource?: string | undefined;
  readonly fieldManager?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

export interface DeleteOptions extends Cancellable {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly preconditions?:
    { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined } | undefined;
  readonly dryRun?: boolean | undefined;
}

/** As much of an object as is needed to know where to send it; the rest is sent as it is. */
interface Addressed {
  readonly metadata: Readonly<Omit<Partial<ObjectMeta>, 'name' | 'namespace' | 'generateName'>> & {
    readonly name?: string | undefined;
    readonly generateName?: string | undefined;
    readonly namespace?: string | undefined;
  };
}

/** An object of any kind: the second form lets literals carry spec, data and the like. */
export type WritableObject = Addressed | (Addressed & Readonly<Record<string, unknown>>);

const usualPageSize = 500;

export class KubeClient {
  readonly raw: Transport;
  readonly #options: KubeClientOptions;
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor(transport: Transport, options: KubeClientOptions = {}) {
    this.raw = transport;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  async get<T>(
    type: ResourceType,
    ref: ObjectRef,
    o: Cancellable & { subresource?: string | undefined } = {},
  ): Promise<T> {
    return this.#send<T>({ method: 'GET', path: objectPath(type, ref, o.subresource), signal: o.signal });
  }

  /** One page, or everything when no `limit` is given. */
  async list<T>(type: ResourceType, o: ListOptions = {}): Promise<ObjectList<T>> {
    const { labelSelector, fieldSelector, limit, resourceVersion } = o;
    const list = await this.#send<{ items: T[] | null; metadata: ObjectList<T>['metadata'] }>({
      method: 'GET',
      path: collectionPath(type, o.namespace),
      query: { labelSelector, fieldSelector, limit, continue: o.continue, resourceVersion },
      signal: o.signal,
    });
    return { items: list.items ?? [], metadata: list.metadata };
  }

  /**
   * Everything, read in pages of 500 unless told. When the snapshot that the pages belong to expires on the way, it is read again in
   * one piece, as client-go's pager does.
   */
  async listAll<T>(
    type: ResourceType,
    o: Omit<ListOptions, 'limit' | 'continue'> & {
      /** What is kept of each object, page by page; undefined leaves it out. */
      readonly keep?: ((item: T) => T | undefined) | undefined;
      readonly pageSize?: number | undefined;
    } = {},
  ): Promise<ObjectList<T>> {
    const { keep = (item: T) => item, pageSize = usualPageSize, ...options } = o;
    const items: T[] = [];
    let token: string | undefined;
    for (;;) {
      let page: ObjectList<T>;
      try {
        // A continued list belongs to the snapshot in its token; the server refuses a resourceVersion beside it.
        const position = token === undefined ? {} : { continue: token, resourceVersion: undefined };
        page = await this.list<T>(type, { ...options, limit: pageSize, ...position });
      } catch (error) {
        if (token === undefined || !isGone(error)) throw error;
        items.length = 0;
        page = await this.list<T>(type, options);
      }
      for (const item of page.items) {
        const kept = keep(item);
        if (kept !== undefined) items.push(kept);
      }
      token = page.metadata.continue || undefined;
      if (token === undefined) return { items, metadata: { resourceVersion: page.metadata.resourceVersion } };
    }
  }

  /** With `subresource` and `name`: posts to an object's subresource, for example a pod's "eviction" or "binding". */
  async create<T>(
    type: ResourceType,
    obj: WritableObject,
    o: WriteOptions & { namespace?: string | undefined; name?: string | undefined } = {},
  ): Promise<T> {
    const namespace = o.namespace ?? obj.metadata.namespace;
    let path: string;
    if (o.subresource !== undefined) {
      path = objectPath(type, { namespace, name: o.name ?? obj.metadata.name ?? '' }, o.subresource);
    } else {
      if (type.namespaced && !namespace) throw new TypeError(`namespace: a ${type.kind} is created in a namespace`);
      path = collectionPath(type, namespace);
    }
    return this.#send<T>({
      method: 'POST',
      path,
      query: this.#writeQuery(o),
      body: typed(type, obj, o),
      signal: o.signal,
    });
  }

  /** Fails with kind "conflict" when the object carries a resourceVersion that is no longer the newest. */
  async replace<T>(type: ResourceType, obj: WritableObject, o: WriteOptions = {}): Promise<T> {
    const path = objectPath(type, refOfObject(obj), o.subresource);
    return this.#send<T>({
      method: 'PUT',
      path,
      query: this.#writeQuery(o),
      body: typed(type, obj, o),
      signal: o.signal,
    });
  }

  /** PUTs to a subresource that is a verb rather than an object, as KubeVirt's are (group subresources.kubevirt.io). */
  async act(
    type: ResourceType,
    ref: ObjectRef,
    o: Cancellable & { readonly subresource: string; readonly body?: unknown },
  ): Promise<void> {
    const path = objectPath(type, ref, o.subresource);
    await this.#send<unknown>({ method: 'PUT', path, body: o.body, signal: o.signal });
  }

  /** RFC 7396: null removes a field, lists are replaced whole. */
  async mergePatch<T>(type: ResourceType, ref: ObjectRef, patch: unknown, o: WriteOptions = {}): Promise<T> {
    return this.#patch<T>(type, ref, patch, 'application/merge-patch+json', o, {});
  }

  /** RFC 6902. A failed `test` operation is refused with kind "invalid". */
  async jsonPatch<T>(type: ResourceType, ref: ObjectRef, ops: readonly unknown[], o: WriteOptions = {}): Promise<T> {
    return this.#patch<T>(type, ref, ops, 'application/json-patch+json', o, {});
  }

  /** Kinds built into Kubernetes only; custom resources refuse it with status 415. */
  async strategicMergePatch<T>(type: ResourceType, ref: ObjectRef, patch: unknown, o: WriteOptions = {}): Promise<T> {
    return this.#patch<T>(type, ref, patch, 'application/strategic-merge-patch+json', o, {});
  }

  /**
   * Server-side apply: `obj` holds exactly the fields that `fieldManager` wants to own. Without `force` a field owned by
   * another manager with another value is refused with kind "conflict".
   */
  async apply<T>(
    type: ResourceType,
    obj: WritableObject,
    o: {
      fieldManager: string;
      force?: boolean | undefined;
      subresource?: string | undefined;
      namespace?: string | undefined;
      dryRun?: boolean | undefined;
      signal?: AbortSignal | undefined;
    },
  ): Promise<T> {
    const own = refOfObject(obj);
    const ref = { name: own.name, namespace: o.namespace ?? own.namespace };
    // The server insists on apiVersion and kind in an applied body, and refuses managedFields.
    const { managedFields: _dropped, ...metadata } = obj.metadata as Record<string, unknown>;
    const body = { apiVersion: apiVersionOf(type), kind: type.kind, ...obj, metadata };
    return this.#patch<T>(type, ref, body, 'application/apply-patch+yaml', o, { force: o.force });
  }

  /** Throws kind "notFound" when there is nothing to delete, and "conflict" when a precondition does not hold. */
  async delete(type: ResourceType, ref: ObjectRef, o: DeleteOptions = {}): Promise<void> {
    const { gracePeriodSeconds, propagationPolicy, preconditions } = o;
    await this.#send<unknown>({
      method: 'DELETE',
      path: objectPath(type, ref),
      body: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        gracePeriodSeconds,
        propagationPolicy,
        preconditions,
        ...(o.dryRun ? { dryRun: ['All'] } : {}),
      },
      signal: o.signal,
    });
  }

  /** Resolves when the server ends the stream in good order, throws a KubeError otherwise. See watch.ts. */
  async watch<T>(type: ResourceType, o: WatchOptions<T>): Promise<void> {
    await watchStream(this.raw, type, o, this.#clock);
  }

  /**
   * A container's log as it comes. Ends when the log ends, or with kind "aborted". A kubelet begins its answer with the first line
   * (pkg/kubelet/server): one that prints nothing for `beginsWithinMs` fails with kind "timeout".
   */
  async *logs(
    ref: ObjectRef,
    o: {
      container: string;
      follow?: boolean | undefined;
      sinceTime?: string | undefined;
      tailLines?: number | undefined;
      beginsWithinMs?: number | undefined;
      signal: AbortSignal;
    },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { container, follow, sinceTime, tailLines, beginsWithinMs, signal } = o;
    const stream = await this.raw.stream({
      path: objectPath(pods, ref, 'log'),
      query: { container, follow, sinceTime, tailLines },
      headers: { accept: '*/*' },
      signal,
      beginsWithinMs,
    });
    yield* stream.body;
  }

  #patch<T>(
    type: ResourceType,
    ref: ObjectRef,
    body: unknown,
    contentType: string,
    o: WriteOptions,
    query: Query,
  ): Promise<T> {
    return this.#send<T>({
      method: 'PATCH',
      path: objectPath(type, ref, o.subresource),
      query: { ...this.#writeQuery(o), ...query },
      headers: { 'content-type': contentType },
      body,
      signal: o.signal,
    });
  }

  #writeQuery(o: WriteOptions): Query {
    return { fieldManager: o.fieldManager ?? this.#options.fieldManager, dryRun: o.dryRun ? 'All' : undefined };
  }

  async #send<T>(request: TransportRequest): Promise<T> {
    const { onRequest, timeoutMs } = this.#options;
    const first = this.#clock.monotonic();
    for (let attempt = 0; ; attempt++) {
      const started = this.#clock.monotonic();
      const report = (outcome: number | string): void =>
        onRequest?.({
          method: request.method,
          path: request.path,
          outcome,
          durationMs: this.#clock.monotonic() - started,
        });
      try {
        const response = await this.raw.request({ timeoutMs, ...request });
        report(response.status);
        return response.body as T;
      } catch (caught) {
        const error = toKubeError(caught, `${request.method} ${request.path}`);
        report(error.status ?? error.kind);
        const elapsedMs = this.#clock.monotonic() - first;
        const delay = retryDelayMs({ method: request.method, error, attempt, elapsedMs }, this.#random);
        if (delay === undefined) throw error;
        try {
          await this.#clock.sleep(delay, request.signal);
        } catch {
          // Cancelled while waiting: the refusal that we waited for says more than "aborted" does.
          throw error;
        }
      }
    }
  }
}

function refOfObject(obj: WritableObject): ObjectRef {
  return { name: obj.metadata.name ?? '', namespace: obj.metadata.namespace };
}

/** Fills in apiVersion and kind, but never for a subresource, whose body is often of another kind. */
function typed(type: ResourceType, obj: WritableObject, o: WriteOptions): unknown {
  return o.subresource === undefined || o.subresource === 'status'
    ? { apiVersion: apiVersionOf(type), kind: type.kind, ...obj }
    : obj;
}
