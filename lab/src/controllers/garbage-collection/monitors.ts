// Follows every followable resource of the cluster, metadata only, and keeps the ownership graph: resources are found by
// discovery, again whenever a CustomResourceDefinition or an APIService changes, and once in a while in any case.
// It never deletes anything; it tells the listener which objects to decide anew.
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isAborted, toKubeError } from '@idlewild/operator/kube/errors.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import type { KubeObject } from '@idlewild/operator/kube/object.ts';
import type { Logger } from 'pino';
import { discover, isFollowable, typeName, type ServedType } from '../discovery.ts';
import { metadataClient } from '../metadata-client.ts';
import { concerned } from './decide.ts';
import { OwnershipGraph, type GraphObject } from './graph.ts';

export interface MonitorsDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with the uids that may have to go. */
  readonly onConcerned: (uids: readonly string[]) => void;
}

/** Discovery is read at least this often: an aggregated API may change without any object changing. */
const REDISCOVER_MS = 60_000;
/** Changes that come together (a chart with twelve CRDs) lead to one reading. */
const SETTLE_MS = 50;
const DISCOVERY_OBJECTS = new Set([
  'apiextensions.k8s.io/customresourcedefinitions',
  'apiregistration.k8s.io/apiservices',
]);

interface Monitor {
  readonly type: ServedType;
  readonly stop: AbortController;
  readonly informer: Informer<KubeObject>;
}

export class Monitors {
  readonly graph = new OwnershipGraph();
  readonly #deps: MonitorsDeps;
  readonly #metadata: KubeClient;
  readonly #monitors = new Map<string, Monitor>();
  #served: readonly ServedType[] = [];
  #wake: (() => void) | undefined;

  constructor(deps: MonitorsDeps) {
    this.#deps = deps;
    this.#metadata = metadataClient(deps.client);
  }

  /** All types that discovery knows, followable or not. */
  get served(): readonly ServedType[] {
    return this.#served;
  }

  /** Resolves when every resource known by now has its first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#monitors.values()].map(({ informer }) => informer.synced()));
  }

  /** Reads discovery once and follows what is new; throws KubeError if discovery fails. */
  async refresh(): Promise<void> {
    const { types, failed } = await discover(this.#deps.client.raw);
    const blind = ({ group, version }: ServedType): boolean =>
      failed.has(group === '' ? version : `${group}/${version}`);
    this.#served = [
      ...types,
      ...this.#served.filter((type) => blind(type) && !types.some((other) => typeName(other) === typeName(type))),
    ];
    const wanted = new Map(this.#served.filter(isFollowable).map((type) => [typeName(type), type]));
    for (const [name, monitor] of this.#monitors) {
      const type = wanted.get(name);
      if (type?.version === monitor.type.version) continue;
      monitor.stop.abort();
      this.#monitors.delete(name);
      if (!type) this.#forgetType(name);
      this.#deps.log.debug({ type: name }, 'no longer followed');
    }
    for (const [name, type] of wanted) if (!this.#monitors.has(name)) this.#follow(name, type);
    for (const [groupVersion, reason] of failed) this.#deps.log.warn({ groupVersion, reason }, 'discovery incomplete');
  }

  /** Keeps following until the signal aborts. The first refresh has to be done by the caller. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    signal.addEventListener('abort', () => {
      for (const { stop } of this.#monitors.values()) stop.abort();
    });
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = clock.setTimeout(resolve, REDISCOVER_MS);
        const end = (): void => {
          timer.cancel();
          resolve();
        };
        this.#wake = end;
        signal.addEventListener('abort', end, { once: true });
      });
      this.#wake = undefined;
      if (signal.aborted) return;
      await clock.sleep(SETTLE_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.refresh().catch((error: unknown) => log.warn({ err: toKubeError(error) }, 'discovery failed'));
    }
  }

  #follow(name: string, type: ServedType): void {
    const { clock, log } = this.#deps;
    const stop = new AbortController();
    const informer = new Informer<KubeObject>({ client: this.#metadata, type, log: log.child({ type: name }), clock });
    informer.onChange(({ type: change, object }) => {
      if (change === 'deleted') this.#gone(object.metadata.uid ?? '');
      else this.#seen(toGraphObject(type, object));
      if (DISCOVERY_OBJECTS.has(name)) this.#wake?.();
    });
    this.#monitors.set(name, { type, stop, informer });
    informer.run(stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted && !isAborted(error)) log.error({ err: error, type: name }, 'following ended');
    });
  }

  #seen(object: GraphObject): void {
    const before = this.graph.put(object);
    this.#tell(before, object);
  }

  #gone(uid: string): void {
    const before = this.graph.remove(uid);
    this.#tell(before, undefined);
  }

  /** A resource that is no longer served has no objects any more: what belonged to them is decided anew. */
  #forgetType(name: string): void {
    for (const object of [...this.graph.objects()]) if (typeName(object.type) === name) this.#gone(object.uid);
  }

  #tell(before: GraphObject | undefined, now: GraphObject | undefined): void {
    const uids = concerned(before, now, {
      find: (uid) => this.graph.get(uid),
      dependentsOf: (uid) => this.graph.dependentsOf(uid),
    });
    if (uids.length > 0) this.#deps.onConcerned(uids);
  }
}

/** The part of an object that garbage collection keeps. */
export function toGraphObject(type: ServedType, { metadata }: KubeObject): GraphObject {
  return {
    type,
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid ?? '',
    owners: metadata.ownerReferences ?? [],
    finalizers: metadata.finalizers ?? [],
    deleting: metadata.deletionTimestamp !== undefined,
  };
}
