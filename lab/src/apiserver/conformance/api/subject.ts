// The API server that a conformance test asks: that of IDLEWILD_KUBECONFIG (an administrator's), or one of the lab's own.
// Promises: every space and definition that a test makes has a name of its own and is deleted in the end. Nothing of the lab is
// taken for granted: no controller need run, other users are impersonated or service accounts. A server that is too busy, or is
// filling a cache, is asked again.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, jest } from '@jest/globals';
import { plainCredentials } from '@idlewild/operator/kube/plain-credentials.ts';
import { Agent, request } from 'undici';
import { stringify } from 'yaml';
import { kubernetesAssets } from '../../kubernetes/assets.ts';
import { TestServer } from '../../test-server.ts';
import { bodyOf, isBusy, type Answer, type Body } from './answers.ts';
import { thingDefinition } from './thing.ts';

export type { Answer, Body, ManagedField } from './answers.ts';

export interface Asking {
  readonly body?: unknown;
  /** Content type; JSON unless given. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asks as this user, by impersonation. */
  readonly user?: string;
  /** Asks with this bearer token and no other credentials; '' for none at all. */
  readonly token?: string;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: Body;
}

export type PatchKind = 'json' | 'merge' | 'strategic-merge' | 'apply';

export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const deadlineMs = 60_000;
const pauseMs = 50;

/** What a subject has once it is open. */
interface Connection {
  readonly kubeconfig: string;
  readonly url: string;
  /** The server, where it is one of the lab's own. */
  readonly own: TestServer | undefined;
  readonly agent: Agent;
  /** Has no certificate. */
  readonly stranger: Agent;
  readonly token: () => string | Promise<string | undefined> | undefined;
}

/** The subject of a file of tests: open before the first and closed after the last. `defines` the Thing kind. */
export function testSubject({ defines }: { readonly defines: boolean }): Subject {
  jest.setTimeout(180_000);
  const subject = new Subject();
  beforeAll(async () => {
    await subject.open();
    if (defines) await subject.define();
  });
  afterAll(() => subject.close());
  return subject;
}

export class Subject {
  /** Of the definition that `define` makes; another one each time. */
  readonly group = `c${randomBytes(4).toString('hex')}.conformance.test`;
  readonly #left: string[] = [];
  #open: Connection | undefined;

  /** Rejects when the kubeconfig needs more than an address and a token or certificate, or its user is no administrator. */
  async open(): Promise<void> {
    const given = process.env['IDLEWILD_KUBECONFIG'] ?? '';
    const own = given === '' ? await TestServer.start({ watchHistory: 100 }) : undefined;
    const kubeconfig = own === undefined ? given : await kubeconfigOf(own);
    const credentials = await plainCredentials(kubeconfig);
    if (credentials === undefined)
      throw new Error(
        `${kubeconfig}: no such file, or its current context says something else than a server and a token or client certificate`,
      );
    const { server, ca, clientCert, clientKey, serverName, insecureSkipTlsVerify, token } = credentials;
    const connect = {
      ...(ca === undefined ? {} : { ca }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      rejectUnauthorized: insecureSkipTlsVerify !== true,
    };
    const identity = {
      ...(clientCert === undefined ? {} : { cert: clientCert }),
      ...(clientKey === undefined ? {} : { key: clientKey }),
    };
    this.#open = {
      ...{ kubeconfig, own, url: server.replace(/\/$/, '') },
      stranger: new Agent({ connect }),
      agent: new Agent({ connect: { ...connect, ...identity } }),
      token: () => (typeof token === 'function' ? token() : token),
    };
    if (own === undefined) await this.#demandRights();
  }

  /** Rejects with words where the kubeconfig's user may not do what every test does. */
  async #demandRights(): Promise<void> {
    const needed = [
      { verb: 'create', resource: 'namespaces' },
      { verb: 'create', group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
      { verb: 'escalate', group: 'rbac.authorization.k8s.io', resource: 'roles' },
      { verb: 'impersonate', resource: 'users' },
    ];
    for (const resourceAttributes of needed) {
      const { status } = await this.made(
        this.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes },
        }),
      );
      const { verb, resource } = resourceAttributes;
      if (status['allowed'] !== true)
        throw new Error(`${this.kubeconfig}: its user may not ${verb} ${resource}; the tests need an administrator`);
    }
  }

  get #connection(): Connection {
    if (this.#open === undefined) throw new Error('the subject is not open');
    return this.#open;
  }

  /** For kubectl. */
  get kubeconfig(): string {
    return this.#connection.kubeconfig;
  }

  /** Whether old versions are forgotten after a hundred changes, which no server promises. */
  get forgetsSoon(): boolean {
    return this.#connection.own !== undefined && kubernetesAssets() === undefined;
  }

  /** Resolves with what the server says once it has time for it. */
  async ask(method: string, path: string, asking: Asking = {}): Promise<Answer> {
    const end = performance.now() + deadlineMs;
    for (;;) {
      const answer = await this.#askOnce(method, path, asking);
      if (!isBusy(answer) || performance.now() > end) return answer;
      await pause();
    }
  }

  async #askOnce(method: string, path: string, { body, type, headers, user, token }: Asking): Promise<Answer> {
    const { url, agent, stranger, ...own } = this.#connection;
    const bearer = token ?? (await own.token());
    const { statusCode, ...answer } = await request(url + path, {
      method: method as 'GET',
      dispatcher: token === undefined ? agent : stranger,
      headers: {
        accept: 'application/json',
        'user-agent': 'conformance',
        ...(bearer === undefined || bearer === '' ? {} : { authorization: `Bearer ${bearer}` }),
        ...(user === undefined ? {} : { 'impersonate-user': user }),
        ...(body === undefined ? {} : { 'content-type': type ?? 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    return { status: statusCode, headers: answer.headers, text, body: bodyOf(text) };
  }

  get(path: string, asking: Asking = {}): Promise<Answer> {
    return this.ask('GET', path, asking);
  }
  post(path: string, body: unknown, asking: Asking = {}): Promise<Answer> {
    return this.ask('POST', path, { body, ...asking });
  }
  put(path: string, body: unknown, asking: Asking = {}): Promise<Answer> {
    return this.ask('PUT', path, { body, ...asking });
  }
  delete(path: string, body?: unknown, asking: Asking = {}): Promise<Answer> {
    return this.ask('DELETE', path, body === undefined ? asking : { body, ...asking });
  }
  patch(kind: PatchKind, path: string, body: unknown, asking: Asking = {}): Promise<Answer> {
    const type = kind === 'apply' ? 'application/apply-patch+yaml' : `application/${kind}-patch+json`;
    return this.ask('PATCH', path, { body, type, ...asking });
  }

  /** The object of a request that must succeed; rejects with the refusal otherwise. */
  async made(answer: Promise<Answer>): Promise<Body> {
    const { status, text, body } = await answer;
    if (status >= 300) throw new Error(`refused with ${status}: ${text}`);
    return body;
  }

  /** The events of a watch: until there are enough, or the server ends it (give it a timeoutSeconds). */
  async watch(
    path: string,
    enough: (events: readonly WatchEvent[]) => boolean = () => false,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<readonly WatchEvent[]> {
    const abort = AbortSignal.timeout(deadlineMs);
    const { url, agent, token } = this.#connection;
    const bearer = await token();
    const open = () =>
      request(url + path, {
        dispatcher: agent,
        signal: abort,
        headers: { accept: 'application/json', ...(bearer ? { authorization: `Bearer ${bearer}` } : {}), ...headers },
      });
    let answer = await open();
    // The cache of a kind that is new, or was changed, is not there at once.
    while (answer.statusCode === 429) {
      await answer.body.dump();
      await pause();
      answer = await open();
    }
    const { body } = answer;
    const events: WatchEvent[] = [];
    let rest = '';
    for await (const chunk of body as AsyncIterable<Buffer>) {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      events.push(...lines.filter((line) => line !== '').map((line) => JSON.parse(line) as WatchEvent));
      if (enough(events)) break;
    }
    return events;
  }

  /** Asks until the answer is good: caches and informers of a server may lag. Resolves with the last answer after the deadline. */
  async eventually(ask: () => Promise<Answer>, good: (answer: Answer) => boolean): Promise<Answer> {
    const end = performance.now() + deadlineMs;
    for (;;) {
      const answer = await ask();
      if (good(answer) || performance.now() > end) return answer;
      await pause();
    }
  }

  /** A new namespace, in which pods can be created. */
  async space(): Promise<Space> {
    const name = `conformance-${randomBytes(5).toString('hex')}`;
    // A cluster may be told to hold pods to a stricter standard than these, which never run.
    const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' };
    await this.made(this.post('/api/v1/namespaces', { metadata: { name, labels } }));
    this.#left.push(`/api/v1/namespaces/${name}`);
    // A controller makes it as well, where one runs.
    const account = await this.post(`/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'default' } });
    if (![201, 409].includes(account.status)) throw new Error(`the service account: ${account.text}`);
    const core = `/api/v1/namespaces/${name}`;
    return {
      name,
      path: core,
      configMaps: `${core}/configmaps`,
      pods: `${core}/pods`,
      things: `/apis/${this.group}/v1/namespaces/${name}/things`,
      roles: `/apis/rbac.authorization.k8s.io/v1/namespaces/${name}/roles`,
      bindings: `/apis/rbac.authorization.k8s.io/v1/namespaces/${name}/rolebindings`,
    };
  }

  /** Makes an object of the cluster, which is deleted in the end; rejects with the refusal. */
  async install(collection: string, object: unknown): Promise<Body> {
    const body = await this.made(this.post(collection, object));
    this.#left.unshift(`${collection}/${body.metadata.name}`);
    return body;
  }

  /** Makes the Thing kind of this subject and waits until it is served. */
  async define(): Promise<void> {
    await this.install(definitions, thingDefinition(this.group));
    await this.established(`things.${this.group}`, `/apis/${this.group}/v1/things`);
  }

  /**
   * Waits until a definition is established and its objects are served, from a cache: a server may list them a little before that,
   * when the definition can still be changed as if nobody knew it, and without the cache it neither tells of changes nor finds
   * what goes with the definition. Rejects with the server's last answer after the deadline.
   */
  async established(name: string, objects: string): Promise<void> {
    const conditions = ({ body }: Answer): readonly { type: string; status: string }[] =>
      (body.status['conditions'] ?? []) as { type: string; status: string }[];
    const isEstablished = (answer: Answer): boolean =>
      conditions(answer).some(({ type, status }) => type === 'Established' && status === 'True');
    const definition = await this.eventually(() => this.get(`${definitions}/${name}`), isEstablished);
    if (!isEstablished(definition)) throw new Error(`${name} is not established: ${definition.text}`);
    await this.made(
      this.eventually(
        () => this.get(`${objects}?resourceVersion=0`),
        ({ status }) => status === 200,
      ),
    );
  }

  async close(): Promise<void> {
    if (this.#open === undefined) return;
    const { agent, stranger, own } = this.#open;
    for (const path of this.#left) await this.delete(path);
    await Promise.all([agent.destroy(), stranger.destroy()]);
    await own?.stop();
  }
}

/** A namespace of one test, and the paths of collections in it. */
export interface Space {
  readonly name: string;
  readonly path: string;
  readonly configMaps: string;
  readonly pods: string;
  readonly things: string;
  readonly roles: string;
  readonly bindings: string;
}

async function kubeconfigOf(server: TestServer): Promise<string> {
  const file = join(server.dir, 'kubeconfig');
  const cluster = {
    server: server.url,
    'certificate-authority-data': Buffer.from(server.pki.caPem).toString('base64'),
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'own', cluster }],
    users: [{ name: 'admin', user: { token: 'admin' } }],
    contexts: [{ name: 'own', context: { cluster: 'own', user: 'admin' } }],
    'current-context': 'own',
  };
  await writeFile(file, stringify(config), { mode: 0o600 });
  return file;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pauseMs));
}
