// Kubernetes' own API server and etcd in the place of the lab's: the same options in, the same running server out. Knows how they are
// started and when they are ready, and nothing of what is asked of them.
import { mkdir } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Pki } from '../../pki/pki.ts';
import type { StaticToken } from '../registry/types.ts';
import type { RunningApiServer } from '../server.ts';
import type { KubernetesAssets } from './assets.ts';
import { writeKubernetesFiles } from './files.ts';
import { apiServerFlags, etcdFlags } from './flags.ts';
import { startProgram, type Deadlines, type Program } from './program.ts';

export interface KubernetesOptions {
  /** Keeps state, files and logs below `kubernetes/`, beside the state of the lab's own server, which it does not read. */
  readonly dataDir: string;
  /** 0 or absent: a free port. */
  readonly port?: number;
  readonly tokens: readonly StaticToken[];
  readonly pki: Pki;
  readonly deadlines?: Deadlines;
}

export interface RunningKubernetes extends RunningApiServer {
  /** Resolves with what ended first and how, once one of the two has ended. */
  readonly ended: Promise<string>;
}

const usualDeadlines: Deadlines = { readyMs: 60_000, stopMs: 15_000 };
const askMs = 2_000;

/** Resolves when the server says that it is ready. Rejects with the end of a log when one of the two does not come up. */
export async function startKubernetes(
  assets: KubernetesAssets,
  options: KubernetesOptions,
): Promise<RunningKubernetes> {
  const { pki, tokens, deadlines = usualDeadlines } = options;
  const dir = join(options.dataDir, 'kubernetes');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const files = await writeKubernetesFiles(join(dir, 'files'), pki, tokens);
  const etcdPort = await freePort();
  const port = options.port || (await freePort());
  const started: Program[] = [];
  const start = (file: string, flags: readonly string[], log: string): Program => {
    const program = startProgram(file, flags, join(dir, log), deadlines);
    started.unshift(program);
    return program;
  };
  // The API server ends before what it writes to.
  const close = async (): Promise<void> => {
    for (const program of started) await program.stop();
  };
  try {
    const etcd = start(assets.etcd, etcdFlags(join(dir, 'etcd'), etcdPort), 'etcd.log');
    await etcd.waitFor(() => etcdIsHealthy(etcdPort));
    const apiServer = start(assets.apiServer, apiServerFlags(files, { port, etcdPort }), 'kube-apiserver.log');
    await apiServer.waitFor(() => isReady(port, pki.caPem));
    const ended = Promise.race([
      etcd.ended.then((how) => `etcd ended (${how})`),
      apiServer.ended.then((how) => `kube-apiserver ended (${how})`),
    ]);
    return { url: `https://127.0.0.1:${port}`, port, close, ended };
  } catch (error) {
    await close();
    throw error;
  }
}

async function etcdIsHealthy(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(askMs) });
    return answer.ok && ((await answer.json()) as { health?: unknown }).health === 'true';
  } catch {
    // It has not begun to listen.
    return false;
  }
}

/** Health is anybody's to ask for. */
function isReady(port: number, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/readyz', ca, agent: false, timeout: askMs }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode === 200));
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    // It does not listen yet, or not to us; the log tells if it never does.
    asked.once('error', () => resolve(false));
    asked.end();
  });
}

/** A port of loopback that nobody uses now. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
