// A replica of the operator as a pod of the chart has it: a bundle of its own version that takes part in the election of a leader.
// Promises: it has ended when `stop` has; whatever it said is in what is thrown.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { bundleOperator, operatorNodeFlags } from '../../scripts/bundle-operator.ts';
import { until, type LabCluster } from './cluster.ts';

export class Replica {
  readonly version: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #said = '';

  private constructor(version: string, child: ChildProcess) {
    this.version = version;
    this.#process = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#said += chunk.toString()));
    this.#ended = once(child, 'exit');
  }

  /** Resolves when it is ready, which says nothing of whether it leads. `history` is a file that replicas share, as a claim is. */
  static async start(lab: LabCluster, version: string, history: string): Promise<Replica> {
    const program = await bundleOperator(join(lab.dir, 'operators', version), version);
    const flags = {
      kubeconfig: join(lab.dir, 'operator.kubeconfig'),
      history,
      'lost-after': '15s',
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', ...operatorNodeFlags, program, '--leader-elect', ...args],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '' } },
    );
    const replica = new Replica(version, child);
    await until(
      'a replica is ready',
      async () => replica.#port !== undefined && (await replica.#get('/readyz')) !== '',
      {
        seen: () => replica.#said,
      },
    );
    return replica;
  }

  /** What it says of itself in its metrics. */
  async told(): Promise<{ readonly version: string | undefined; readonly leads: boolean }> {
    const text = await this.#get('/metrics');
    const [, version] = /^idlewild_build_info\{version="([^"]*)"\} 1$/m.exec(text) ?? [];
    return { version, leads: /^leader_election_master_status\{[^}]*\} 1$/m.test(text) };
  }

  /** The job's lines in the history, oldest first. @param token of somebody who may get the job. */
  async history(name: string, token: string): Promise<readonly HistoryLine[]> {
    const text = await this.#get(`/api/v1/history?namespace=default&job=${name}&limit=1000`, token);
    return text === '' ? [] : (JSON.parse(text) as { readonly items: HistoryLine[] }).items.reverse();
  }

  /** As a kubelet ends a pod. @returns its exit code. */
  async stop(): Promise<number | null> {
    this.#process.kill('SIGTERM');
    await this.#ended;
    return this.#process.exitCode;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  get #port(): string | undefined {
    if (this.#process.exitCode !== null) throw new Error(`the replica of ${this.version} ended: ${this.#said}`);
    return /"metricsPort":(\d+)/.exec(this.#said)?.[1];
  }

  async #get(path: string, token?: string): Promise<string> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await fetch(`http://127.0.0.1:${this.#port}${path}`, {
      headers,
      signal: AbortSignal.timeout(10_000),
    });
    return answer.ok ? answer.text() : '';
  }
}

export interface HistoryLine {
  readonly at: string;
  readonly job: { readonly uid: string };
  readonly attempt?: number;
  readonly reason: string;
}
