// The lab's API server in a process of its own, with Idlewild's definitions, KubeVirt's kinds (schemas, no webhooks) and the lab's
// roles in it. A state is made once and served as often as wanted, each time from a fresh copy: so every round begins with
// the same objects under the same uids, and what one round wrote can be written again in another.

import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrap } from '@idlewild/lab/daemon/bootstrap.ts';
import { ensureTokens, users, writeKubeconfig, type Tokens } from '@idlewild/lab/daemon/credentials.ts';
import { ensurePki } from '@idlewild/lab/pki/pki.ts';
import { installKinds } from '@idlewild/lab/virt/manifests/install.ts';
import { serviceAccounts } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { pino } from 'pino';
import { bundle } from '../../scripts/bundle.ts';
import { bundleOperator, operatorNodeFlags } from '../../scripts/bundle-operator.ts';
import { Program, type Kept, type ProgramOptions } from './program.ts';

/** A directory with the files of an API server that has ended. */
export interface State {
  readonly dir: string;
}

export interface Cluster {
  readonly server: string;
  /** As an administrator. */
  readonly client: KubeClient;
  readonly adminKubeconfig: string;
  readonly apiServer: Program;
  /** The operator's own process, from its bundle as everywhere, with the lab's user for it. */
  startOperator(o?: OperatorOptions): Program;
  /** One of the bench's programs, as an administrator. */
  start(name: string, script: string, args: readonly string[]): Program;
  /** Ends everything that was started here; resolves with what is stored. */
  stop(): Promise<State>;
}

interface OperatorOptions {
  readonly keep?: Kept;
}

interface Bundles {
  readonly operator: string;
  readonly probe: string;
}

const crdDir = join(import.meta.dirname, '../../crds');
const silent = pino({ level: 'silent' });

export class Site {
  readonly dir: string;
  readonly #caPem: string;
  readonly #tokens: Tokens;
  readonly #bundles: Bundles;
  #count = 0;
  #base: State | undefined;
  readonly #open = new Set<Cluster>();

  private constructor(dir: string, caPem: string, tokens: Tokens, bundles: Bundles) {
    this.dir = dir;
    this.#caPem = caPem;
    this.#tokens = tokens;
    this.#bundles = bundles;
  }

  static async make(): Promise<Site> {
    const dir = await mkdtemp(join(tmpdir(), 'iw-bench-'));
    const [{ caPem }, operator, probe] = await Promise.all([
      ensurePki(join(dir, 'pki')),
      bundleOperator(),
      bundle({ name: 'probe', entry: 'bench/programs/probe.ts', maps: false }),
    ]);
    return new Site(dir, caPem, ensureTokens(join(dir, 'tokens.csv')), { operator, probe });
  }

  /** The definitions and what `populate` adds to them. */
  async state(populate: (client: KubeClient) => Promise<void>): Promise<State> {
    this.#base ??= await this.#made(undefined, (client) => this.#install(client));
    return this.#made(this.#base, populate);
  }

  /** Serves a copy of the state. */
  async open(state: State | undefined): Promise<Cluster> {
    const name = `cluster-${(this.#count += 1)}`;
    const dir = join(this.dir, name);
    if (state === undefined) await mkdir(dir);
    else await cp(state.dir, dir, { recursive: true });
    const apiServer = new Program({
      name: 'API server',
      script: 'lab/src/apiserver/main.ts',
      args: [
        ...['--data-dir', dir, '--pki-dir', join(this.dir, 'pki'), '--token-file', join(this.dir, 'tokens.csv')],
        ...['--log-level', 'warn'],
      ],
      logFile: join(this.dir, `${name}-apiserver.log`),
      probe: this.#bundles.probe,
    });
    const server = await until('the API server listens', async () => {
      await apiServer.alive();
      return apiServer.said(({ ready, url }) => (ready === true ? String(url) : undefined));
    });
    const client = new KubeClient(transportFrom({ server, caPem: this.#caPem, token: this.#tokens.admin }));
    const kubeconfig = (user: 'admin' | 'operator'): string => {
      const file = join(this.dir, `${name}-${user}.kubeconfig`);
      writeKubeconfig(file, { server, caPem: this.#caPem, user: users[user].name, token: this.#tokens[user] });
      return file;
    };
    const adminKubeconfig = kubeconfig('admin');
    const operatorKubeconfig = kubeconfig('operator');
    const started: Program[] = [];
    const start = (o: Omit<ProgramOptions, 'logFile' | 'probe'>): Program => {
      const logFile = join(this.dir, `${name}-${o.name}-${started.length}.log`);
      const program = new Program({ ...o, logFile, probe: this.#bundles.probe });
      started.push(program);
      return program;
    };
    const cluster: Cluster = {
      server,
      client,
      adminKubeconfig,
      apiServer,
      startOperator: (o = {}) =>
        start({
          name: 'operator',
          script: this.#bundles.operator,
          nodeFlags: operatorNodeFlags,
          // No machine renews its lease here, and none is to be taken for lost.
          args: ['--kubeconfig', operatorKubeconfig, '--lost-after', '24h'],
          keep: o.keep ?? 'writes',
        }),
      start: (program, script, args) =>
        start({ name: program, script, args: ['--kubeconfig', adminKubeconfig, ...args] }),
      stop: async () => {
        this.#open.delete(cluster);
        await Promise.all(started.map((program) => program.stop()));
        await client.raw.close();
        await apiServer.stop();
        return { dir };
      },
    };
    this.#open.add(cluster);
    return cluster;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((cluster) => cluster.stop()));
    await rm(this.dir, { recursive: true, force: true });
  }

  async #made(from: State | undefined, populate: (client: KubeClient) => Promise<void>): Promise<State> {
    const cluster = await this.open(from);
    await populate(cluster.client);
    return cluster.stop();
  }

  async #install(client: KubeClient): Promise<void> {
    await bootstrap(client, crdDir);
    // A controller that does not run here would make it; no pod is admitted without.
    await client.create(serviceAccounts, { metadata: { name: 'default', namespace: 'default' } });
    await installKinds({ client, log: silent, clock: systemClock, signal: new AbortController().signal });
  }
}

/** The value that `look` first gives; throws when `timeoutMs` is over. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined>,
  { timeoutMs = 300_000, everyMs = 25 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await systemClock.sleep(everyMs);
  }
}

/** A port that nobody listens on; the kubelets of the simulated machines get it written into their Nodes. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
