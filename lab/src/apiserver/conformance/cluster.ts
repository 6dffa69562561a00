// A server of its own for one test file, and the real clients to ask it with: kubectl and helm as child processes with a
// kubeconfig. Everything lives in a temporary directory that `stop` removes.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ensurePki } from '../../pki/pki.ts';
import type { Pki } from '../../pki/pki.ts';
import { ensureKubectl } from '../../tools/kubectl.ts';
import { startApiServer } from '../server.ts';
import type { ApiServerOptions, RunningApiServer } from '../server.ts';

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  /** A static token's name (`admin` by default). */
  readonly as?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A command that runs on while the test goes on. */
export interface Running {
  /** Resolves with the whole output as soon as it matches; rejects after the deadline with what there was. */
  waitFor(pattern: RegExp): Promise<string>;
  stop(): Promise<void>;
}

const deadlineMs = 20_000;
const tokens = [
  { token: 'admin', user: 'lab-admin', groups: ['system:masters'] },
  { token: 'alice', user: 'alice', groups: ['researchers'] },
];

/** Where kubectl is unpacked, once for all runs. */
function binaries(): Promise<{ kubectl: string; helm: string }> {
  const cache =
    process.env['IDLEWILD_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'idlewild');
  return ensureKubectl(join(cache, 'bin'));
}

export class Cluster {
  readonly #dir: string;
  readonly #server: RunningApiServer;
  readonly #programs: { readonly kubectl: string; readonly helm: string };
  readonly #children = new Set<ChildProcess>();

  readonly pki: Pki;

  private constructor(dir: string, server: RunningApiServer, pki: Pki, programs: { kubectl: string; helm: string }) {
    this.#dir = dir;
    this.pki = pki;
    this.#server = server;
    this.#programs = programs;
  }

  /** @param more of the server's options, such as `workloads`. */
  static async start(more: Pick<ApiServerOptions, 'workloads'> = {}): Promise<Cluster> {
    const [dir, programs] = await Promise.all([mkdtemp(join(tmpdir(), 'idlewild-conformance-')), binaries()]);
    const pki = await ensurePki(join(dir, 'pki'));
    const server = await startApiServer({ dataDir: join(dir, 'data'), tokens, pki, ...more });
    const cluster = {
      name: 'lab',
      cluster: { server: server.url, 'certificate-authority-data': Buffer.from(pki.caPem).toString('base64') },
    };
    for (const { token } of tokens) {
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [cluster],
        users: [{ name: token, user: { token } }],
        contexts: [{ name: 'lab', context: { cluster: 'lab', user: token, namespace: 'default' } }],
        'current-context': 'lab',
      };
      await writeFile(join(dir, `${token}.kubeconfig`), stringify(config), { mode: 0o600 });
    }
    const started = new Cluster(dir, server, pki, programs);
    // No controller runs beside this server.
    await started.ok(['create', 'serviceaccount', 'default']);
    return started;
  }

  get url(): string {
    return this.#server.url;
  }

  /** GET without kubectl, which would not ask without credentials. */
  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const asked = request(new URL(path, this.url), { ca: this.pki.caPem, headers, agent: false }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      asked.once('error', reject);
      asked.end();
    });
  }

  /** A path inside the cluster's own directory. */
  path(name: string): string {
    return join(this.#dir, name);
  }

  kubectl(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.#run(this.#programs.kubectl, args, options);
  }

  helm(args: readonly string[]): Promise<Result> {
    return this.#run(this.#programs.helm, args, {});
  }

  /** kubectl that must succeed; resolves with what it printed. Rejects with its complaint otherwise. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args, options);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** `kubectl apply -f -` of one or several objects. */
  apply(objects: readonly unknown[], flags: readonly string[] = []): Promise<Result> {
    return this.kubectl(['apply', ...flags, '-f', '-'], {
      input: objects.map((object) => stringify(object)).join('---\n'),
    });
  }

  /** kubectl in the background, its output watched. */
  background(args: readonly string[]): Running {
    const child = this.#spawn(this.#programs.kubectl, args, {});
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    return {
      async waitFor(pattern) {
        const end = performance.now() + deadlineMs;
        while (!pattern.test(output)) {
          if (performance.now() > end)
            throw new Error(`kubectl ${args.join(' ')} printed no ${String(pattern)} but: ${output}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        return output;
      },
      async stop() {
        child.kill('SIGKILL');
        await ended;
      },
    };
  }

  async stop(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.#server.close();
    await rm(this.#dir, { recursive: true, force: true });
  }

  #spawn(program: string, args: readonly string[], { as = 'admin', env: more = {} }: RunOptions): ChildProcess {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: this.#dir,
      KUBECONFIG: join(this.#dir, `${as}.kubeconfig`),
      KUBECACHEDIR: join(this.#dir, 'cache'),
      ...more,
    };
    const child = spawn(program, args, { env, cwd: this.#dir, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    return child;
  }

  #run(program: string, args: readonly string[], options: RunOptions): Promise<Result> {
    return new Promise((resolve, reject) => {
      const child = this.#spawn(program, args, options);
      let [stdout, stderr] = ['', ''];
      child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
      child.stdin?.on('error', () => undefined); // a program that ends early does not read its input
      child.stdin?.end(options.input ?? '');
    });
  }
}
