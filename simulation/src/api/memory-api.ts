// A Kubernetes API in memory, on a clock: as much of it as the operator and whoever plays the cluster need, at the cost of
// some microseconds per request.
// Promises: what a request answers and what watches tell is what Kubernetes would say, down to the reasons of refusals;
// objects are frozen and shared; the same requests at the same times give the same uids, versions and names.
// Must not validate: what a simulation writes is taken to be well formed.

import type { ResourceType } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { keyOf, type ObjectRef } from '@idlewild/operator/kube/object.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import type { DefaultingSchema } from './defaults.ts';
import { alreadyExists, conflict, detailsOf, failure, invalid, notFound, notServed } from './failures.ts';
import { checkFinalizers, checkPreconditions, otherUid, sameMembers } from './checks.ts';
import { GarbageCollector } from './garbage.ts';
import { suffixOf, uidOf } from './ids.ts';
import { equal, mergePatch, plain, type JsonObject } from './json.ts';
import { jsonPatch, PatchFailed } from './json-patch.ts';
import { named, servedKinds, type ApiObject, type ServedKind } from './kinds.ts';
import {
  createdMetadata,
  finalizersAfter,
  isHeld,
  markedMetadata,
  timestamp,
  updatedMetadata,
  type Propagation,
} from './metadata.ts';
import { selectorOf } from './selectors.ts';
import { Shelf, type Change } from './shelf.ts';
import type { Route } from './routes.ts';
import { memoryTransport, type CallSource, type LogSource, type Page, type TransportSettings } from './transport.ts';

export interface MemoryApiOptions {
  readonly clock: Clock;
  /** The schema in ComputeJob's definition, for its defaults. */
  readonly jobSchema: DefaultingSchema;
  /** Changes of each kind that a returning watcher can catch up with; 2,000 unless told. */
  readonly history?: number | undefined;
  /** How long after its owner an object is collected, ms; 50 unless told. */
  readonly garbageDelayMs?: number | undefined;
  /** How often a watch is told where it is, ms; each minute unless told. */
  readonly bookmarkEveryMs?: number | undefined;
}

export interface DeleteRequest {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: Propagation;
  readonly preconditions?: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined };
}

export interface Write extends Change {
  /** Who wrote, as given to `transport`; "" for the API itself. */
  readonly user: string;
}

export type PatchType = 'merge' | 'json';

export class MemoryApi {
  readonly clock: Clock;
  readonly bookmarkEveryMs: number;
  /** Answers requests for the logs of pods. */
  logs: LogSource = () => undefined;
  /** Answers verbs of objects, such as `evacuate/cancel`. */
  calls: CallSource = () => undefined;
  /** Told of Event objects that are sent in, which are not kept. */
  onEvent: ((event: object, route: Route) => void) | undefined;
  /** What is left of lists that are read in pages, by the token that continues them. */
  readonly pages = new Map<string, Page>();
  readonly #shelves = new Map<string, Shelf>();
  readonly #listeners: ((write: Write) => void)[] = [];
  readonly #unannounced: Write[] = [];
  #revision = 0;
  #uids = 0;
  #generated = 0;
  #tokens = 0;
  #events = 0;
  #requests = 0;

  constructor(o: MemoryApiOptions) {
    this.clock = o.clock;
    this.bookmarkEveryMs = o.bookmarkEveryMs ?? 60_000;
    for (const kind of servedKinds(o.jobSchema)) {
      this.#shelves.set(pathKey(kind.type), new Shelf(kind, o.history ?? 2_000));
    }
    const garbage = new GarbageCollector(this, o.garbageDelayMs ?? 50);
    this.onWrite((write) => garbage.saw(write));
    for (const name of ['default', 'kube-system', 'kube-node-lease']) {
      this.create({ group: '', plural: 'namespaces' }, { metadata: { name } });
    }
  }

  /** The resourceVersion of the newest change. */
  get revision(): number {
    return this.#revision;
  }

  /** Event objects that were sent in; they are not kept. */
  get events(): number {
    return this.#events;
  }

  /** Requests that came by a transport, watches and events included. */
  get requests(): number {
    return this.#requests;
  }

  /** @param o.user whom writes are told under. */
  transport(o: TransportSettings = {}): Transport {
    return memoryTransport(this, o, () => this.#requests++);
  }

  /** All objects of a type, in no particular order. */
  list<T = ApiObject>(type: Pick<ResourceType, 'group' | 'plural'>): readonly T[] {
    return [...this.shelf(type).objects.values()] as T[];
  }

  get<T = ApiObject>(type: Pick<ResourceType, 'group' | 'plural'>, ref: ObjectRef): T | undefined {
    return this.shelf(type).objects.get(keyOf(ref)) as T | undefined;
  }

  /** Told of every write right after it was carried out, in order; may write itself. */
  onWrite(listener: (write: Write) => void): void {
    this.#listeners.push(listener);
  }

  /** Forgets the past, so that watches from there and lists in pages are refused with 410. */
  compact(): void {
    for (const shelf of this.#shelves.values()) shelf.forget(0);
    this.pages.clear();
  }

  shelf({ group, plural }: Pick<ResourceType, 'group' | 'plural'>): Shelf {
    const shelf = this.#shelves.get(`${group}/${plural}`);
    if (!shelf) throw notServed();
    return shelf;
  }

  view(namespace: string, labelSelector = '', fieldSelector = '') {
    return { namespace, selector: selectorOf(labelSelector, fieldSelector) };
  }

  sawEvent(event: object, route: Route): void {
    this.#events++;
    this.onEvent?.(event, route);
  }

  /** Keeps the rest of a list and returns the token for it; the oldest of more than `most` is forgotten. */
  keepPage(page: Page, most: number): string {
    const token = `page-${++this.#tokens}`;
    this.pages.set(token, page);
    if (this.pages.size > most) for (const oldest of [...this.pages.keys()].slice(0, 1)) this.pages.delete(oldest);
    return token;
  }

  create(
    type: Pick<ResourceType, 'group' | 'plural'>,
    given: { readonly metadata: Readonly<Record<string, unknown>> },
    o: { readonly namespace?: string; readonly user?: string } = {},
  ): ApiObject {
    const { kind, objects } = this.shelf(type);
    const body = plain(given) as unknown as ApiObject;
    const namespace = kind.type.namespaced ? (o.namespace ?? body.metadata.namespace ?? '') : '';
    if (kind.type.namespaced) this.#checkNamespace(kind, namespace, body.metadata.name);
    if (body.metadata.resourceVersion) {
      throw failure(500, undefined, 'resourceVersion should not be set on objects to be created');
    }
    const generated = body.metadata.name ? '' : (body.metadata.generateName ?? '');
    if (!body.metadata.name && generated === '') {
      const why = 'Required value: name or generateName is required';
      throw invalid(kind.type, '', 'metadata.name', 'FieldValueRequired', why);
    }
    const name = body.metadata.name || `${generated}${suffixOf(this.#generated++)}`;
    if (objects.has(keyOf({ namespace, name }))) throw alreadyExists(kind.type, name);
    const now = timestamp(this.clock.now());
    const metadata = createdMetadata(body.metadata, { name, namespace, uid: uidOf(++this.#uids), now });
    const { apiVersion, kind: word } = named(kind);
    const counted = kind.hasGeneration ? { ...metadata, generation: 1 } : metadata;
    const made = kind.created(plain({ ...body, apiVersion, kind: word, metadata: counted }) as ApiObject);
    return this.#commit('ADDED', kind, made, undefined, o.user);
  }

  patch(
    type: Pick<ResourceType, 'group' | 'plural'>,
    ref: ObjectRef,
    patch: unknown,
    o: { readonly type?: PatchType; readonly subresource?: string | undefined; readonly user?: string } = {},
  ): ApiObject {
    return this.#update(type, ref, { ...o, verb: 'patch' }, (live) => {
      if (o.type !== 'json') return mergePatch(live, patch) as ApiObject;
      try {
        return jsonPatch(live, patch as readonly unknown[]) as ApiObject;
      } catch (error) {
        if (!(error instanceof PatchFailed)) throw error;
        throw failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
      }
    });
  }

  replace(
    type: Pick<ResourceType, 'group' | 'plural'>,
    ref: ObjectRef,
    object: unknown,
    o: { readonly subresource?: string | undefined; readonly user?: string } = {},
  ): ApiObject {
    return this.#update(type, ref, { ...o, verb: 'update' }, () => plain(object) as ApiObject);
  }

  /** The object as it is now, or "gone" when nothing held it. */
  delete(
    type: Pick<ResourceType, 'group' | 'plural'>,
    ref: ObjectRef,
    o: DeleteRequest & { readonly user?: string } = {},
  ): { readonly object: ApiObject; readonly gone: boolean } {
    const { kind, objects } = this.shelf(type);
    const live = objects.get(keyOf(ref));
    if (!live) throw notFound(kind.type, ref.name);
    checkPreconditions(kind, live, o.preconditions ?? {});
    if (kind.type.plural === 'namespaces') return { object: this.#endNamespace(kind, live, o.user), gone: false };
    const { metadata } = live;
    const nowMs = this.clock.now();
    const fresh = metadata.deletionTimestamp === undefined;
    const own = kind.graceSeconds?.(live);
    const graceSeconds = own === undefined || own === 0 ? own : (o.gracePeriodSeconds ?? own);
    if (graceSeconds !== undefined && graceSeconds > 0) {
      const left = metadata.deletionGracePeriodSeconds ?? 0;
      // A second deletion may only shorten the grace.
      if (!fresh && (o.gracePeriodSeconds === undefined || graceSeconds >= left)) return { object: live, gone: false };
      const marked = markedMetadata(metadata, { nowMs, graceSeconds, counts: fresh && kind.hasGeneration });
      return { object: this.#commit('MODIFIED', kind, { ...live, metadata: marked }, live, o.user), gone: false };
    }
    const finalizers = finalizersAfter(metadata, o.propagationPolicy);
    if (finalizers.length === 0) {
      const last = { ...live, metadata: markedMetadata(metadata, { nowMs, graceSeconds: 0, counts: false }) };
      this.#commit('DELETED', kind, live, live, o.user);
      return { object: plain(last) as ApiObject, gone: true };
    }
    const same = equal([...finalizers].sort(), [...(metadata.finalizers ?? [])].sort());
    if (!fresh && same && (metadata.deletionGracePeriodSeconds ?? 0) === 0) return { object: live, gone: false };
    const marked = markedMetadata(metadata, { nowMs, graceSeconds: 0, counts: fresh && kind.hasGeneration });
    const next = { ...live, metadata: { ...marked, finalizers } };
    return { object: this.#commit('MODIFIED', kind, next, live, o.user), gone: false };
  }

  /** Types of objects that live in namespaces. */
  namespacedTypes(): ResourceType[] {
    return [...this.#shelves.values()].flatMap(({ kind: { type } }) => (type.namespaced ? [type] : []));
  }

  /** The end of a namespace that is being deleted and has nothing in it any more. */
  removeNamespace(name: string): void {
    const { kind, objects } = this.shelf({ group: '', plural: 'namespaces' });
    const live = objects.get(name);
    if (live?.metadata.deletionTimestamp !== undefined) this.#commit('DELETED', kind, live, live, '');
  }

  #update(
    type: Pick<ResourceType, 'group' | 'plural'>,
    ref: ObjectRef,
    o: { readonly verb: 'patch' | 'update'; readonly subresource?: string | undefined; readonly user?: string },
    change: (live: ApiObject) => ApiObject,
  ): ApiObject {
    const { kind, objects } = this.shelf(type);
    const live = objects.get(keyOf(ref));
    const ofStatus = o.subresource === 'status';
    if (o.subresource !== undefined && !(ofStatus && kind.splitStatus)) {
      throw kind.custom ? notFound(kind.type, ref.name) : notServed();
    }
    if (!live) throw notFound(kind.type, ref.name);
    const given = change(live);
    const { resourceVersion, uid } = given.metadata;
    if (resourceVersion && resourceVersion !== live.metadata.resourceVersion) throw conflict(kind.type, ref.name);
    if (uid && uid !== live.metadata.uid) throw otherUid(kind, ref, uid, live, o.verb);
    let next: JsonObject = given;
    if (ofStatus) next = kind.custom ? { ...live, status: given['status'] } : { ...given, spec: live['spec'] };
    else if (kind.splitStatus) next = { ...given, status: live['status'] };
    if (!ofStatus) next = kind.completed(plain(next) as ApiObject);
    const metadata = ofStatus && kind.custom ? live.metadata : updatedMetadata(given.metadata, live.metadata);
    checkFinalizers(kind, ref, metadata.finalizers ?? [], live);
    const wantsElse = !sameMembers(next, live, kind.splitStatus ? ['metadata', 'status'] : ['metadata']);
    if (!wantsElse && metadata === live.metadata && equal(next['status'], live['status'])) return live;
    const { generation = 0 } = live.metadata;
    const counted = wantsElse && kind.hasGeneration ? { ...metadata, generation: generation + 1 } : metadata;
    const written = { ...next, ...named(kind), metadata: counted };
    if (!isHeld(counted)) {
      this.#commit('DELETED', kind, written, live, o.user);
      return plain(written) as unknown as ApiObject;
    }
    return this.#commit('MODIFIED', kind, written, live, o.user);
  }

  #commit(
    type: Change['type'],
    kind: ServedKind,
    object: object,
    previous: ApiObject | undefined,
    user = '',
  ): ApiObject {
    const revision = ++this.#revision;
    const { metadata, ...rest } = object as ApiObject;
    const { apiVersion, kind: word } = named(kind);
    const stored = plain({
      ...{ apiVersion, kind: word, metadata: { ...metadata, resourceVersion: String(revision) } },
      ...rest,
    }) as ApiObject;
    const change: Write = { type, kind, revision, object: stored, previous, user };
    this.shelf(kind.type).accept(change);
    this.#announce(change);
    return stored;
  }

  /** A listener may write: what it writes is announced after the change that it was told of, to everybody. */
  #announce(write: Write): void {
    this.#unannounced.push(write);
    if (this.#unannounced.length > 1) return;
    for (let next = this.#unannounced[0]; next !== undefined; next = this.#unannounced[0]) {
      try {
        for (const listener of this.#listeners) listener(next);
      } finally {
        this.#unannounced.shift();
      }
    }
  }

  #checkNamespace(kind: ServedKind, namespace: string, name = ''): void {
    const { kind: namespaces, objects } = this.shelf({ group: '', plural: 'namespaces' });
    const found = objects.get(namespace);
    if (!found) throw notFound(namespaces.type, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    const { group, plural } = kind.type;
    const what = `${group === '' ? plural : `${plural}.${group}`}${name === '' ? '' : ` "${name}"`}`;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const message = `namespace ${namespace} is being terminated`;
    throw failure(403, 'Forbidden', `${what} is forbidden: ${why}`, {
      ...detailsOf(kind.type, name),
      causes: [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }],
    });
  }

  #endNamespace(kind: ServedKind, live: ApiObject, user: string | undefined): ApiObject {
    if (live.metadata.deletionTimestamp !== undefined) return live;
    const metadata = { ...live.metadata, deletionTimestamp: timestamp(this.clock.now()) };
    return this.#commit('MODIFIED', kind, { ...live, metadata, status: { phase: 'Terminating' } }, live, user);
  }
}

function pathKey({ group, plural }: ResourceType): string {
  return `${group}/${plural}`;
}
