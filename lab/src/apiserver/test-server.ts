// For tests: an API server of its own on a free port with a fresh directory, and plain requests to it. No client of ours
// in between, so that status, headers and body are what the server sent. With KUBEBUILDER_ASSETS it is Kubernetes' own.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { ensurePki, type Pki } from '../pki/pki.ts';
import { kubernetesAssets } from './kubernetes/assets.ts';
import { startKubernetes } from './kubernetes/start.ts';
import type { ApiObject, ObjectMeta } from './registry/types.ts';
import { startApiServer, type RunningApiServer } from './server.ts';

export interface TestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as an object, or one with nothing in it if it is no JSON. */
  readonly body: ApiObject & { items?: ApiObject[]; message?: string; reason?: string; code?: number };
  readonly metadata: ObjectMeta;
}

export interface AskOptions {
  readonly body?: unknown;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A static token: `admin` unless said otherwise, '' for none. */
  readonly as?: string;
}

const deadlineMs = 20_000;

export class TestServer {
  readonly dir: string;
  readonly pki: Pki;
  #running: RunningApiServer;
  readonly #agent: Agent;
  readonly #history: number | undefined;

  private constructor(dir: string, pki: Pki, running: RunningApiServer, history: number | undefined) {
    this.dir = dir;
    this.pki = pki;
    this.#running = running;
    this.#history = history;
    this.#agent = new Agent({ connect: { ca: pki.caPem } });
  }

  static async start(options: { watchHistory?: number } = {}): Promise<TestServer> {
    const dir = await mkdtemp(join(tmpdir(), 'idlewild-apiserver-'));
    const pki = await ensurePki(join(dir, 'pki'));
    return new TestServer(dir, pki, await launch(dir, pki, options.watchHistory), options.watchHistory);
  }

  get url(): string {
    return this.#running.url;
  }

  /** Stops and starts again over the same state, on the same port. */
  async restart(): Promise<void> {
    const { port } = this.#running;
    await this.#running.close();
    this.#running = await launch(this.dir, this.pki, this.#history, port);
  }

  async ask(method: string, path: string, options: AskOptions = {}): Promise<TestAnswer> {
    const { as = 'admin', type = 'application/json', body } = options;
    const {
      statusCode,
      headers,
      body: stream,
    } = await request(this.url + path, {
      method: method as 'GET',
      dispatcher: this.#agent,
      headers: {
        ...(as === '' ? {} : { authorization: `Bearer ${as}` }),
        ...(body === undefined ? {} : { 'content-type': type }),
        ...options.headers,
      },
      ...(body === undefined
        ? {}
        : { body: Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await stream.text();
    const parsed = parse(text);
    return { status: statusCode, headers, text, body: parsed, metadata: parsed.metadata ?? {} };
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<TestAnswer> {
    return this.ask('GET', path, { headers });
  }

  post(path: string, body: unknown): Promise<TestAnswer> {
    return this.ask('POST', path, { body });
  }

  put(path: string, body: unknown): Promise<TestAnswer> {
    return this.ask('PUT', path, { body });
  }

  /** @param kind `merge`, `json`, `strategic-merge` or `apply` */
  patch(path: string, kind: 'merge' | 'json' | 'strategic-merge' | 'apply', body: unknown): Promise<TestAnswer> {
    const type = kind === 'apply' ? 'application/apply-patch+yaml' : `application/${kind}-patch+json`;
    return this.ask('PATCH', path, { body, type });
  }

  delete(path: string, body?: unknown): Promise<TestAnswer> {
    return this.ask('DELETE', path, body === undefined ? {} : { body });
  }

  /** All events of a watch until the server ends it (give it a timeoutSeconds) or `enough` says so. */
  async watch(
    path: string,
    enough: (events: WatchEvent[]) => boolean = () => false,
    headers = {},
  ): Promise<WatchEvent[]> {
    const abort = new AbortController();
    const { body } = await request(this.url + path, {
      dispatcher: this.#agent,
      headers: { authorization: 'Bearer admin', ...headers },
      signal: abort.signal,
    });
    const events: WatchEvent[] = [];
    let rest = '';
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        events.push(...lines.filter((line) => line !== '').map((line) => JSON.parse(line) as WatchEvent));
        if (enough(events)) break;
      }
    } finally {
      abort.abort();
    }
    return events;
  }

  async stop(): Promise<void> {
    await this.#agent.destroy();
    await this.#running.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: ApiObject & { message?: string; reason?: string; code?: number };
}

/** Asks again until the answer is good; rejects after the deadline with the last answer. */
export async function eventually<T>(ask: () => Promise<T>, good: (answer: T) => boolean): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    if (performance.now() > end) throw new Error(`still not as expected: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A namespaced kind with a status, a scale, defaults and keyed lists, for tests that need a custom one. */
export const gearDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gears.test.dev' },
  spec: {
    group: 'test.dev',
    scope: 'Namespaced',
    names: { plural: 'gears', singular: 'gear', kind: 'Gear', listKind: 'GearList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
        selectableFields: [{ jsonPath: '.spec.mode' }],
        additionalPrinterColumns: [{ name: 'Mode', type: 'string', jsonPath: '.spec.mode' }],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['teeth'],
                properties: {
                  teeth: { type: 'integer', minimum: 1 },
                  mode: { type: 'string', default: 'Slow' },
                  replicas: { type: 'integer', default: 1 },
                  parts: {
                    type: 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['name'],
                    items: {
                      type: 'object',
                      required: ['name'],
                      properties: { name: { type: 'string' }, count: { type: 'integer' } },
                    },
                  },
                },
              },
              status: {
                type: 'object',
                properties: { phase: { type: 'string' }, replicas: { type: 'integer' } },
              },
            },
          },
        },
      },
    ],
  },
} as const;

export function gear(name: string, spec: Record<string, unknown> = {}, metadata: ObjectMeta = {}): ApiObject {
  return { apiVersion: 'test.dev/v1', kind: 'Gear', metadata: { name, ...metadata }, spec: { teeth: 8, ...spec } };
}

/** A running server with the Gear kind and a namespace `shop`. */
export async function startShop(options: { watchHistory?: number } = {}): Promise<TestServer> {
  const server = await TestServer.start(options);
  await server.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', gearDefinition);
  await server.post('/api/v1/namespaces', { metadata: { name: 'shop' } });
  // No controller runs beside this server.
  await server.post('/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'default' } });
  return server;
}

export const gearsPath = '/apis/test.dev/v1/namespaces/shop/gears';

function launch(dir: string, pki: Pki, watchHistory: number | undefined, port = 0): Promise<RunningApiServer> {
  const options = {
    dataDir: join(dir, 'data'),
    port,
    pki,
    tokens: [
      { token: 'admin', user: 'lab-admin', groups: ['system:masters'] },
      { token: 'alice', user: 'alice', groups: ['researchers'] },
      { token: 'pc-1', user: 'system:node:pc-1', groups: ['system:nodes'] },
    ],
  };
  const assets = kubernetesAssets();
  if (assets !== undefined) return startKubernetes(assets, options);
  return startApiServer({ ...options, ...(watchHistory === undefined ? {} : { watchHistory }) });
}

function parse(text: string): TestAnswer['body'] {
  try {
    return JSON.parse(text) as TestAnswer['body'];
  } catch {
    return {};
  }
}
