// The live stream of a page: one WebSocket per tab, over which it subscribes to what it shows.
// Promises: rows only of namespaces that the user may list at that time; a position from before goes on where it was, as far as the
// log reaches; a page that reads too slowly, whose login is over or whose rights are gone is let go with a code that says so.

import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import { coreEvents, pods, virtualMachineInstanceSubresources } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { Problem } from '../server/problem.ts';
import type { Authorization } from '../server/authorization.ts';
import type { Caller, Callers } from './callers.ts';
import type { RowChange } from './change-log.ts';
import { followEvents, followOutput } from './job-feeds.ts';
import { problemOf } from './refusals.ts';
import { streamRequest, type JobRow, type StreamMessage, type Subscription } from './schemas.ts';
import type { Sources } from './sources.ts';
import { screenshot, type Stills } from './stills.ts';
import type { UpgradeRoute } from './upgrades.ts';
import { sameVisible, sees, type Visibility, type Visible } from './visibility.ts';

export interface StreamOptions {
  readonly sources: Sources;
  readonly visibility: Visibility;
  readonly authorization: Authorization;
  readonly callers: Callers;
  readonly client: KubeClient;
  readonly stills: Stills;
  readonly clock: Clock;
  readonly log: Logger;
  readonly build: string;
}

/** Why a stream was ended, for the page. */
export const closeCodes = { loginOver: 4401, tooSlow: 4413, badRequest: 4400 } as const;

const batchMs = 100;
const beatMs = 5_000;
const recheckMs = 30_000;
/** A page that is behind by more gets no further pictures. */
const mostUnsentPictures = 1024 * 1024;
const mostUnsent = 8 * 1024 * 1024;
const mostSubscriptions = 16;

export const streamPath = '/api/v1/stream';

export function streamRoute(o: StreamOptions): UpgradeRoute {
  return {
    longestFrame: 4 * 1024,
    prepare: async (caller, request) => {
      const visible = await o.visibility.jobs(caller.user);
      return (socket) => new Stream(o, caller, request, visible, socket).open();
    },
  };
}

interface Running {
  readonly subscription: Subscription;
  end(): void;
}

class Stream {
  readonly #o: StreamOptions;
  readonly #request: IncomingMessage;
  readonly #socket: WebSocket;
  readonly #running = new Map<number, Running>();
  #caller: Caller;
  #visible: Visible;

  constructor(o: StreamOptions, caller: Caller, request: IncomingMessage, visible: Visible, socket: WebSocket) {
    this.#o = o;
    this.#caller = caller;
    this.#request = request;
    this.#visible = visible;
    this.#socket = socket;
  }

  open(): void {
    const socket = this.#socket;
    const { clock, build } = this.#o;
    this.#send({ type: 'hello', now: clock.now(), user: this.#caller.user.name, build });
    const beating = setInterval(() => this.#send({ type: 'beat', now: clock.now() }), beatMs);
    const checking = setInterval(() => {
      this.#recheck().catch((error: unknown) => this.#o.log.warn({ err: error }, 'a stream could not be checked'));
    }, recheckMs);
    socket.on('message', (data: Buffer, isBinary) => this.#heard(data, isBinary));
    socket.once('close', () => {
      clearInterval(beating);
      clearInterval(checking);
      for (const { end } of this.#running.values()) end();
      this.#running.clear();
    });
  }

  #heard(data: Buffer, isBinary: boolean): void {
    const parsed = isBinary ? undefined : streamRequest.safeParse(json(data));
    if (parsed?.success !== true) {
      this.#socket.close(closeCodes.badRequest, 'not understood');
      return;
    }
    const request = parsed.data;
    this.#end(request.id);
    if (request.op === 'unsub') return;
    if (this.#running.size >= mostSubscriptions) {
      this.#fail(request.id, new Problem(429, `a page may follow ${mostSubscriptions} things at a time`));
      return;
    }
    // Reserved at once, so that an `unsub` that comes while rights are asked for is heeded.
    const place: Running = { subscription: request, end: () => undefined };
    this.#running.set(request.id, place);
    this.#begin(request)
      .then((end) => {
        if (this.#running.get(request.id) === place) this.#running.set(request.id, { subscription: request, end });
        else end();
      })
      .catch((error: unknown) => {
        if (this.#running.get(request.id) === place) this.#running.delete(request.id);
        this.#fail(request.id, error);
      });
  }

  async #begin(request: Subscription): Promise<() => void> {
    const { authorization, client, clock, log } = this.#o;
    const { user } = this.#caller;
    const { id } = request;
    const onError = (error: unknown): void => this.#fail(id, error);
    switch (request.topic) {
      case 'jobs':
        return this.#jobs(id, request.since);
      case 'machines':
        if (!(await this.#o.visibility.machines(user)).list)
          throw new Problem(403, `"${user.name}" may not list nodes`);
        return this.#machines(id);
      case 'job': {
        const { namespace, name } = request;
        await authorization.require(user, { verb: 'get', namespace, name });
        return this.#job(id, namespace, name);
      }
      case 'screen': {
        const { namespace, name } = request;
        await this.#mayWatch(namespace, name);
        return this.#o.stills.watch(namespace, name, (picture) => {
          if (this.#socket.bufferedAmount < mostUnsentPictures) this.#send({ type: 'still', id, picture });
        });
      }
      case 'events': {
        const { namespace, name } = request;
        await authorization.require(user, { verb: 'list', resource: coreEvents, namespace });
        const onRow = (rows: readonly RowChange<unknown>[], first: boolean): void => this.#rows(id, '', rows, first);
        return followEvents({ client, clock, log, namespace, name, onRows: onRow });
      }
      case 'output': {
        const { namespace, name } = request;
        await authorization.require(user, { verb: 'get', resource: pods, subresource: 'log', namespace });
        const onText = (pod: string, attempt: number, text: string): void =>
          this.#send({ type: 'output', id, pod, attempt, text });
        return followOutput({
          client,
          log,
          namespace,
          name,
          onText,
          onError,
          backlog: () => this.#socket.bufferedAmount,
        });
      }
    }
  }

  /** Whoever may see pictures of the guest's screen; throws Problem 403. */
  async #mayWatch(namespace: string, job: string): Promise<void> {
    const { authorization, sources } = this.#o;
    const { user } = this.#caller;
    await authorization.require(user, { verb: 'get', namespace, name: job });
    const name = sources.virtualMachineOf(namespace, job);
    const resource = virtualMachineInstanceSubresources;
    const attributes = { verb: 'get', resource, subresource: screenshot, namespace } as const;
    await authorization.require(user, name === undefined ? attributes : { ...attributes, name });
  }

  #jobs(id: number, since: string | undefined): () => void {
    const { sources } = this.#o;
    const missed = since === undefined ? undefined : sources.log.since(since);
    const mine = (change: RowChange<JobRow>): boolean => sees(this.#visible, change.namespace);
    if (missed === undefined) this.#snapshot(id);
    else this.#rows(id, sources.log.position, missed.filter(mine), false);
    return this.#batched(
      (listener) => sources.onJob((change) => mine(change) && listener(change)),
      (changes) => this.#rows(id, sources.log.position, changes, false),
    );
  }

  #snapshot(id: number): void {
    const { sources } = this.#o;
    const items = sources.jobRows().filter(({ namespace }) => sees(this.#visible, namespace));
    this.#send({ type: 'snapshot', id, rev: sources.log.position, items });
  }

  #machines(id: number): () => void {
    const { sources } = this.#o;
    this.#send({ type: 'snapshot', id, rev: '', items: sources.machineRows() });
    return this.#batched(
      (listener) => sources.onMachine(listener),
      (changes) => this.#rows(id, '', changes, false),
    );
  }

  #job(id: number, namespace: string, name: string): () => void {
    const { sources } = this.#o;
    const tell = (): void => {
      const object = sources.job(namespace, name) ?? null;
      this.#send({ type: 'object', id, object });
    };
    tell();
    return this.#batched(
      (listener) =>
        sources.onJob((change) => {
          if (change.namespace === namespace && (change.row === undefined || change.row.name === name))
            listener(change);
        }),
      tell,
    );
  }

  /** Gathers changes for a moment and keeps the latest of each row. */
  #batched<R>(
    subscribe: (listener: (change: RowChange<R>) => void) => () => void,
    tell: (changes: readonly RowChange<R>[]) => void,
  ): () => void {
    let latest = new Map<string, RowChange<R>>();
    let timer: NodeJS.Timeout | undefined;
    const flush = (): void => {
      timer = undefined;
      const changes = [...latest.values()];
      latest = new Map();
      tell(changes);
    };
    const end = subscribe((change) => {
      latest.set(change.key, change);
      timer ??= setTimeout(flush, batchMs);
    });
    return () => {
      end();
      clearTimeout(timer);
    };
  }

  #rows(id: number, rev: string, changes: readonly RowChange<unknown>[], first: boolean): void {
    const upserts = changes.flatMap(({ row }) => (row === undefined ? [] : [row]));
    if (first) this.#send({ type: 'snapshot', id, rev, items: upserts });
    else {
      const deletes = changes.flatMap(({ key, row }) => (row === undefined ? [key] : []));
      this.#send({ type: 'delta', id, rev, upserts, deletes });
    }
  }

  /** Whoever has lost the right to something stops hearing of it; whoever has lost all of them is let go. */
  async #recheck(): Promise<void> {
    try {
      this.#caller = await this.#o.callers.of(this.#request, 'held');
    } catch (error) {
      if (error instanceof Problem && error.status === 401)
        this.#socket.close(closeCodes.loginOver, 'the login is over');
      return;
    }
    const before = this.#visible;
    this.#visible = await this.#o.visibility.jobs(this.#caller.user);
    const changed = !sameVisible(before, this.#visible);
    for (const [id, { subscription }] of [...this.#running]) {
      const { topic } = subscription;
      if (topic === 'screen') {
        await this.#mayWatch(subscription.namespace, subscription.name).catch((error: unknown) => {
          this.#end(id);
          this.#fail(id, error);
        });
      }
      if (topic === 'jobs' && changed) this.#snapshot(id);
      if (topic === 'machines' && !(await this.#o.visibility.machines(this.#caller.user)).list) {
        this.#end(id);
        this.#fail(id, new Problem(403, 'the right to list nodes was withdrawn'));
      }
    }
    if (!changed) return;
    // Feeds of single jobs are asked for again by the page, and so checked again.
    for (const [id, { subscription }] of [...this.#running]) {
      const { topic } = subscription;
      if (topic !== 'job' && topic !== 'events' && topic !== 'output') continue;
      this.#end(id);
      this.#fail(id, new Problem(403, 'what you may see has changed'));
    }
  }

  #end(id: number): void {
    this.#running.get(id)?.end();
    this.#running.delete(id);
  }

  #fail(id: number, caught: unknown): void {
    const problem = problemOf(caught);
    if (problem.status >= 500) this.#o.log.warn({ err: problem.cause ?? problem }, 'a subscription failed');
    const { status, message: detail } = problem;
    this.#send({ type: 'error', id, problem: { type: 'about:blank', title: 'Not possible', status, detail } });
  }

  #send(message: StreamMessage): void {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > mostUnsent) {
      socket.close(closeCodes.tooSlow, 'too slow to read');
      setTimeout(() => socket.terminate(), 1_000).unref();
      return;
    }
    socket.send(JSON.stringify(message));
  }
}

function json(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch {
    return undefined;
  }
}
