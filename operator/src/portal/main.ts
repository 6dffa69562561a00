// Flags -> transport -> portal. Ends in good order at SIGTERM or SIGINT.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pino } from 'pino';
import { systemClock } from '../kube/clock.ts';
import { transportFromKubeConfig } from '../kube/credentials.ts';
import { plainCredentials } from '../kube/plain-credentials.ts';
import { oidcOptionsOf, parsePortalOptions, sessionKeysOf, usage, type PortalOptions } from './options.ts';
import { startPortal } from './portal.ts';

const builtPages = join(import.meta.dirname, '..', '..', '..', 'web', 'dist');

async function main(options: PortalOptions): Promise<void> {
  const log = pino({ level: options['log-level'], name: 'idlewild-portal' });
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
  const keyFile = options['session-keys'];
  const transport = await transportFromKubeConfig(options.kubeconfig);
  const operatorUrl = options['operator-url'];
  const token = operatorUrl === undefined ? undefined : (await plainCredentials(options.kubeconfig))?.token;
  if (operatorUrl !== undefined && token === undefined)
    throw new TypeError('--operator-url: needs a kubeconfig with a token, or a service account');
  const portal = await startPortal({
    transport,
    clock: systemClock,
    log,
    host: options.host,
    port: options.port,
    publicUrls: options['public-url'],
    sessionKeys: keyFile === undefined ? [randomBytes(32)] : sessionKeysOf(readFileSync(keyFile, 'utf8')),
    operator: operatorUrl === undefined ? undefined : { url: operatorUrl, token },
    labControlSocket: options['lab-control-socket'],
    oidc: oidcOptionsOf(options, (file) => readFileSync(file, 'utf8')),
    web: options.web ?? (existsSync(builtPages) ? builtPages : undefined),
  });
  log.info({ server: transport.server, url: portal.url }, 'listening');
  if (keyFile === undefined) log.info('logins end with this process; --session-keys keeps them');
  portal.ready().then(
    () => log.info('ready'),
    () => undefined,
  );
  log.info({ signal: await stopped }, 'stopping');
  await portal.close();
  await transport.close();
}

try {
  const options = parsePortalOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(usage);
  else await main(options);
} catch (error) {
  process.stderr.write(`idlewild-portal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
