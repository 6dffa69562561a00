// Flags -> transport -> run. Ends in good order at SIGTERM or SIGINT, and with an error when the leader's lease was lost.

import process from 'node:process';
import { pino } from 'pino';
import { transportFromKubeConfig } from './kube/credentials.ts';
import { runOperator } from './operator.ts';
import { parseOptions, usage, type Options } from './options.ts';

async function main(options: Options): Promise<number> {
import { version } from './version.ts';
  // Lines are gathered and written behind the work's back, as a write per line costs more than most of what it tells of;
  // what is left goes out at the exit, whatever its cause.
  const gathered = pino.destination({ dest: 1, sync: false, minLength: 4096, periodicFlush: 200 });
  const log = pino({ level: options['log-level'], name: 'idlewild-operator' }, gathered);
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      log.info({ signal: name }, 'stopping');
      stop.abort();
    });
  }
  const transport = await transportFromKubeConfig(options.kubeconfig);
  log.info({ version, server: transport.server }, 'starting');
  const onReady = ({ metricsPort }: { metricsPort: number }): void => log.info({ metricsPort }, 'ready');
  const end = await runOperator({ options, transport, log, signal: stop.signal, onReady });
  await transport.close();
  if (end === 'lost') log.error('the lease was lost; ending, so that nothing is done twice');
  return end === 'lost' ? 1 : 0;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(usage);
  else process.exitCode = await main(options);
} catch (error) {
  process.stderr.write(
    `idlewild-operator: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 1;
}
