// The control plane process of a lab: controllers, scheduler, virt-controller and virt-api on one connection to the API server.
// Reads the lab's directory, logs JSON lines to stdout, ends with code 0 on SIGTERM or SIGINT.
import { join } from 'node:path';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { pino } from 'pino';
import { readTokenFile } from './apiserver/token-file.ts';
import { parseControlPlaneOptions } from './control-plane/options.ts';
import { startControlPlane } from './control-plane/start.ts';
import { ensurePki } from './pki/pki.ts';
import { startVirtApi } from './virt/api/start.ts';
import { startVirtControllers } from './virt/controller/start.ts';

const USER = 'lab-controlplane';
/** Longest wait for connections to end after a signal, ms. */
const LAST_WORDS_MS = 2_000;

const log = pino({ base: { process: 'controlplane' } });
const stop = new AbortController();

async function main(): Promise<void> {
  const { dir, server, settings } = parseControlPlaneOptions(process.argv.slice(2));
  const pki = await ensurePki(join(dir, 'pki'));
  const tokens = await readTokenFile(join(dir, 'tokens.csv'));
  const token = tokens.find(({ user }) => user === USER)?.token;
  if (token === undefined) throw new Error(`tokens.csv: no token of user "${USER}"`);
  const transport = transportFrom({ server, caPem: pki.caPem, token, userAgent: USER });
  const client = new KubeClient(transport, { fieldManager: USER });
  const startedMs = performance.now();
  const end = (signal: NodeJS.Signals): void => {
    log.info({ signal }, 'control plane ends');
    stop.abort();
    setTimeout(() => process.exit(0), LAST_WORDS_MS).unref();
    transport.close().then(
      () => process.exit(0),
      (error: unknown) => log.error({ err: error }, 'closing failed'),
    );
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  await startControlPlane({
    client,
    log,
    clock: systemClock,
    signal: stop.signal,
    pki,
    settings,
    parts: [startVirtControllers, startVirtApi],
  });
  log.info({ ms: Math.round(performance.now() - startedMs) }, 'control plane ready');
}

main().catch((error: unknown) => {
  if (stop.signal.aborted) return;
  log.fatal({ err: error }, 'control plane failed');
  process.exit(1);
});
