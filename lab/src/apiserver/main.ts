// The API server as a process: flags in, one JSON line with the URL out, until SIGTERM or SIGINT. With KUBEBUILDER_ASSETS it is
// Kubernetes' own, and this process keeps it: when either of its programs ends, this one does.

import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { ensurePki } from '../pki/pki.ts';
import { kubernetesAssets } from './kubernetes/assets.ts';
import { startKubernetes, type RunningKubernetes } from './kubernetes/start.ts';
import { readTokenFile } from './token-file.ts';
import { startApiServer, type RunningApiServer } from './server.ts';

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string' },
    'pki-dir': { type: 'string' },
    'token-file': { type: 'string' },
    port: { type: 'string', default: '0' },
    'watch-history': { type: 'string', default: '4000' },
    'log-level': { type: 'string', default: 'info' },
  },
});

function required(name: 'data-dir' | 'pki-dir' | 'token-file'): string {
  const value = values[name];
  if (value === undefined) throw new Error(`--${name} is required`);
  return value;
}

function count(name: 'port' | 'watch-history', most: number): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw new Error(`--${name} must be a number from 0 to ${most}`);
  return value;
}

// The ready line is alone on stdout; logs go to stderr.
const log = pino({ name: 'apiserver', level: values['log-level'] }, pino.destination(2));
const assets = kubernetesAssets();
const options = {
  dataDir: required('data-dir'),
  port: count('port', 65_535),
  tokens: await readTokenFile(required('token-file')),
  pki: await ensurePki(required('pki-dir')),
};
// How far back Kubernetes lets its watchers go is its own affair.
const watchHistory = count('watch-history', 1_000_000);
const server: RunningApiServer & Partial<RunningKubernetes> =
  assets === undefined
    ? await startApiServer({ ...options, watchHistory, log })
    : await startKubernetes(assets, options);

let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    void server.close().then(() => process.exit(0));
  });
}

void server.ended?.then(async (what) => {
  if (stopping) return;
  stopping = true;
  log.error({ what }, 'ending, as Kubernetes did');
  await server.close();
  process.exit(1);
});

// Only now: whoever reads the line may send a signal at once.
process.stdout.write(`${JSON.stringify({ ready: true, url: server.url, port: server.port })}\n`);
