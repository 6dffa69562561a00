// Flags -> transport -> run. Ends in good order at SIGTERM or SIGINT, and with an error when the leader's lease was lost.
// `preflight` looks at a cluster instead, and says whether jobs can run there.

import process from 'node:process';
import { pino } from 'pino';
import { systemClock } from './kube/clock.ts';
import { transportFromKubeConfig } from './kube/credentials.ts';
import { runOperator } from './operator.ts';
import { parseOptions, usage, type Options } from './options.ts';
import { version } from './version.ts';

async function main(options: Options): Promise<number> {
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

/** Read only when it is asked for: an operator that works needs none of it. */
async function preflight(args: readonly string[]): Promise<number> {
  const { runPreflight } = await import('./preflight/command.ts');
  const { stdout, stderr } = process;
  return runPreflight(args, {
    connect: transportFromKubeConfig,
    clock: systemClock,
    print: (text) => stdout.write(text),
    complain: (text) => stderr.write(text),
    colours: stdout.isTTY && stdout.hasColors(),
    width: stdout.isTTY ? stdout.columns : 120,
  });
}

try {
  const [command, ...rest] = process.argv.slice(2);
  if (command === 'preflight') process.exitCode = await preflight(rest);
  else {
    const options = parseOptions(process.argv.slice(2));
    if (options.help) process.stdout.write(usage);
    else process.exitCode = await main(options);
  }
} catch (error) {
  process.stderr.write(
    `idlewild-operator: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 1;
}
