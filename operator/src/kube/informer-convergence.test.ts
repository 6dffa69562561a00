// Whatever happens to its watches, an informer ends up equal to the server, and its handlers saw a consistent story.
import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { pods } from '../api/resources.ts';
import { KubeClient } from './client.ts';
import { Informer } from './informer.ts';
import { keyOf, type KubeObject } from './object.ts';
import { reset, ScriptedApi, ScriptedWatch, status } from './scripted-api.ts';
import { createTransport } from './transport.ts';
import { until } from '../../../test/waiting.ts';

/** mulberry32: a small seeded generator, so that a failing run can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A collection with a history that watches are served from, as the API server's watch cache does. */
class Collection {
  readonly api: ScriptedApi;
  readonly #history: { version: number; type: string; object: unknown }[] = [];
  readonly #open = new Set<ScriptedWatch>();
  #oldest = 0;

  constructor(api: ScriptedApi) {
    this.api = api;
  }

  serve(): void {
    this.api.otherwise = (request, response) => {
      if (!request.query.has('watch')) {
        const metadata = { resourceVersion: String(this.api.resourceVersion) };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ metadata, items: [...this.api.objects.values()] }));
        return;
      }
      const from = Number(request.query.get('resourceVersion'));
      if (from < this.#oldest) {
        status(410, 'Expired')(request, response);
        return;
      }
      const watch = new ScriptedWatch(request, response);
      this.#open.add(watch);
      response.on('close', () => this.#open.delete(watch));
      for (const event of this.#history) {
        if (event.version > from) watch.send(event.type, event.object);
      }
    };
  }

  change(name: string, random: () => number): void {
    const known = this.api.objects.get(name);
    if (known && random() < 0.3) {
      this.api.objects.delete(name);
      const version = ++this.api.resourceVersion;
      const metadata = { ...known.metadata, resourceVersion: String(version) };
      this.#tell('DELETED', { ...known, metadata });
      return;
    }
    const object = this.api.put(name, known?.metadata.uid ?? `${name}-${this.api.resourceVersion}`);
    this.#tell(known ? 'MODIFIED' : 'ADDED', object);
  }

  /** Something goes wrong for everybody who watches. */
  fault(random: () => number): void {
    const kind = Math.floor(random() * 7);
    if (kind === 5) this.#oldest = this.api.resourceVersion;
    if (kind === 6) this.api.onList(status(500, 'InternalError'), reset);
    for (const watch of this.#open) {
      if (kind === 0) watch.reset();
      if (kind === 1) watch.end();
      if (kind === 2) watch.raw('{"type":"MODIFIED","object":{"meta');
      if (kind === 2 || kind === 6) watch.end();
      if (kind === 3) watch.raw('<html>\n');
      if (kind === 4) {
        watch.send('BOOKMARK', { metadata: { resourceVersion: String(this.api.resourceVersion) } });
        watch.end();
      }
      if (kind === 5) watch.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
    }
  }

  #tell(type: string, object: unknown): void {
    this.#history.push({ version: this.api.resourceVersion, type, object });
    for (const watch of this.#open) watch.send(type, object);
  }
}

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

describe('an informer under random faults', () => {
  it.each([1, 2, 3, 4])('becomes equal to the server, by a story that makes sense (seed %p)', async (seed) => {
    const random = seeded(seed);
    const api = await ScriptedApi.start();
    const collection = new Collection(api);
    collection.serve();
    const transport = createTransport({ server: api.url, userAgent: 'test-agent' });
    const informer = new Informer<KubeObject>({
      client: new KubeClient(transport),
      type: pods,
      log: pino({ level: 'silent' }),
      random,
      maxBackoffMs: 10,
    });
    const mirror = new Map<string, KubeObject>();
    const nonsense: string[] = [];
    informer.onChange(({ type, object, previous }) => {
      const key = keyOf(object);
      const known = mirror.get(key);
      const fits =
        type === 'added'
          ? known === undefined
          : known?.metadata.uid === object.metadata.uid && (type === 'deleted' || previous === known);
      if (!fits) nonsense.push(`${type} ${key} ${object.metadata.uid} over ${known?.metadata.uid}`);
      if (type === 'deleted') mirror.delete(key);
      else mirror.set(key, object);
    });
    const stop = new AbortController();
    const running = informer.run(stop.signal);
    cleanUps.push(async () => {
      stop.abort();
      await running;
      await transport.close();
      await api.close();
    });
    for (let i = 0; i < 600; i++) {
      collection.change(`pod-${Math.floor(random() * 20)}`, random);
      if (random() < 0.05) collection.fault(random);
      if (random() < 0.1) await new Promise((resolve) => setTimeout(resolve, random() * 10));
    }
    const versions = (objects: Iterable<KubeObject>): string[] =>
      [...objects].map((o) => `${o.metadata.uid} ${o.metadata.resourceVersion}`).sort();
    const truth = versions(api.objects.values());
    await until(() => versions(informer.store.list()).join() === truth.join(), 'the store equals the server');
    expect(versions(mirror.values())).toEqual(truth);
    expect(nonsense).toEqual([]);
  });
});
