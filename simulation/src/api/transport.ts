// The operator's way to the API in memory: the transport that its client speaks through.
// Promises: requests are carried out at once and answered within the same moment, unless a latency is asked for; watches are
// told after the request that caused the event has been carried out, in the order of writes.

import type { ObjectRef } from '@idlewild/operator/kube/object.ts';
import { KubeError } from '@idlewild/operator/kube/errors.ts';
import type {
  Query,
  Transport,
  TransportRequest,
  TransportResponse,
  TransportStream,
} from '@idlewild/operator/kube/transport.ts';
import { detailsOf, expired, methodNotAllowed, notFound, notServed, unsupportedMediaType } from './failures.ts';
import { plain } from './json.ts';
import { named, type ApiObject } from './kinds.ts';
import type { DeleteRequest, MemoryApi } from './memory-api.ts';
import { routeOf, type Route } from './routes.ts';
import { openWatch } from './watch.ts';

export interface LogRequest {
  readonly container: string;
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** The log of a pod as it comes; undefined when there is no such log. */
export type LogSource = (pod: ObjectRef, request: LogRequest) => AsyncIterable<Uint8Array> | undefined;

/** A verb of an object that is no resource of its own: `evacuate/cancel` of an instance, `eviction` of a pod. */
export interface Call extends Route {
  readonly method: TransportRequest['method'];
  readonly body: unknown;
  readonly user: string;
}

/** Answers the body of a success, or undefined where there is nothing of that name; refuses by throwing a KubeError. */
export type CallSource = (call: Call) => { readonly body: unknown } | undefined;

export interface TransportSettings {
  readonly user?: string | undefined;
  /** What a request takes, half of it before it is carried out, ms of the clock; nothing unless given. */
  readonly latencyMs?: ((request: TransportRequest) => number) | undefined;
}

/** What is left of a list. */
export interface Page {
  readonly rest: readonly ApiObject[];
  readonly revision: number;
}

const mostPages = 8;
const patchTypes = { 'application/merge-patch+json': 'merge', 'application/json-patch+json': 'json' } as const;

export function memoryTransport(api: MemoryApi, o: TransportSettings, count: () => void): Transport {
  const { user = '', latencyMs } = o;
  const carryOut = (request: TransportRequest): TransportResponse => {
    count();
    const [status, body] = new Exchange(api, request, user).answer();
    return { status, headers: {}, body };
  };
  return {
    server: 'memory:',
    close: () => Promise.resolve(),

    async request(request) {
      const { signal } = request;
      if (signal?.aborted) throw aborted(request, signal);
      if (!latencyMs) return carryOut(request);
      const half = latencyMs(request) / 2;
      const wait = async (): Promise<void> => {
        try {
          await api.clock.sleep(half, signal);
        } catch {
          throw aborted(request, signal);
        }
      };
      await wait();
      const response = settled(() => carryOut(request));
      await wait();
      return response();
    },

    async stream({ path, query, signal }): Promise<TransportStream> {
      count();
      const route = routeOf(path);
      if (route?.plural !== 'pods' || route.subresource !== 'log') throw notServed();
      const { namespace, name } = route;
      const body = api.logs(
        { namespace, name },
        { container: text(query, 'container'), follow: !!query?.['follow'], signal },
      );
      if (!body) throw notServed();
      return { status: 200, headers: {}, body };
    },

    watch: (request) => {
      count();
      return openWatch(api, request);
    },
  };
}

/** The outcome of something, to be had later. */
function settled<T>(act: () => T): () => T {
  try {
    const value = act();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function aborted({ method, path }: Pick<TransportRequest, 'method' | 'path'>, signal: AbortSignal | undefined) {
  return new KubeError(`${method} ${path}: aborted`, { kind: 'aborted', cause: signal?.reason });
}

function text(query: Query | undefined, name: string): string {
  const value = query?.[name];
  return value === undefined ? '' : String(value);
}

class Exchange {
  readonly #api: MemoryApi;
  readonly #request: TransportRequest;
  readonly #user: string;

  constructor(api: MemoryApi, request: TransportRequest, user: string) {
    this.#api = api;
    this.#request = request;
    this.#user = user;
  }

  /** Status and body; throws the KubeError of a refusal. */
  answer(): [number, unknown] {
    const { method, path, body } = this.#request;
    const route = routeOf(path);
    if (!route) throw notServed();
    const { namespace, name, subresource } = route;
    if (route.plural === 'events') return this.#event(route);
    const called = this.#called(route);
    if (called) return called;
    const ref = { namespace, name };
    const o = { user: this.#user, subresource };
    switch (method) {
      case 'GET':
        return name === '' ? [200, this.#list(route)] : [200, this.#get(route)];
      case 'POST':
        if (name !== '') throw methodNotAllowed();
        return [201, this.#api.create(route, body as { metadata: Record<string, unknown> }, { ...o, namespace })];
      case 'PUT':
        return [200, this.#api.replace(route, ref, body, o)];
      case 'PATCH':
        return [200, this.#api.patch(route, ref, body, { ...o, type: this.#patchType() })];
      case 'DELETE': {
        if (name === '') throw methodNotAllowed();
        const { object, gone } = this.#api.delete(route, ref, { ...(body as DeleteRequest), user: this.#user });
        const { kind } = this.#api.shelf(route);
        if (!gone || kind.answersObject) return [200, object];
        const details = { ...detailsOf(kind.type, name), uid: object.metadata.uid };
        return [200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }];
      }
      case 'HEAD':
      case 'OPTIONS':
        throw methodNotAllowed();
    }
  }

  #called(route: Route): [number, unknown] | undefined {
    if (route.subresource === undefined || route.subresource === 'status') return undefined;
    const { method, body } = this.#request;
    const answer = this.#api.calls({ ...route, method, body, user: this.#user });
    if (!answer) throw notServed();
    return [200, answer.body];
  }

  /** Events are counted and forgotten; nothing that decides reads them. */
  #event(route: Route): [number, unknown] {
    const { method, body } = this.#request;
    if (method !== 'POST' && method !== 'PATCH') throw methodNotAllowed();
    this.#api.sawEvent(body as object, route);
    return [method === 'POST' ? 201 : 200, plain(body)];
  }

  #get(route: Route): ApiObject {
    const object = this.#api.get(route, route);
    if (object) return object;
    throw notFound(this.#api.shelf(route).kind.type, route.name);
  }

  #list(route: Route): unknown {
    const { query } = this.#request;
    const { kind } = this.#api.shelf(route);
    const limit = Number(text(query, 'limit') || 0);
    const token = text(query, 'continue');
    let items: readonly ApiObject[];
    let revision = this.#api.revision;
    if (token === '') {
      const view = this.#api.view(route.namespace, text(query, 'labelSelector'), text(query, 'fieldSelector'));
      items = this.#api.shelf(route).list(view);
    } else {
      const page = this.#api.pages.get(token);
      if (!page) {
        throw expired(
          'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
        );
      }
      ({ rest: items, revision } = page);
    }
    const { apiVersion, kind: word } = named(kind);
    const metadata: Record<string, unknown> = { resourceVersion: String(revision) };
    if (limit > 0 && items.length > limit) {
      metadata['continue'] = this.#api.keepPage({ rest: items.slice(limit), revision }, mostPages);
      if (!query?.['labelSelector'] && !query?.['fieldSelector']) metadata['remainingItemCount'] = items.length - limit;
      items = items.slice(0, limit);
    }
    return { apiVersion, kind: `${word}List`, metadata, items };
  }

  #patchType(): 'merge' | 'json' {
    const type = this.#request.headers?.['content-type'] ?? '';
    const known = patchTypes[type as keyof typeof patchTypes];
    if (!known) throw unsupportedMediaType(Object.keys(patchTypes));
    return known;
  }
}
