// The agent as a program: flags -> sensors and a client -> run until SIGTERM. `stop-now`, `lend-again` and `status` ask the one
// that runs on this machine, for its owner.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { createTransport } from '@idlewild/operator/kube/transport.ts';
import { join } from 'node:path';
import { Agent } from './agent.ts';
import { parseOptions, policyOf, usage, type Options } from './options.ts';
import { askAgent, serveOwner, wishes, type OwnersView } from './owner/server.ts';
import { OwnersWill } from './owner/will.ts';
import { HostSensors } from './sensors/host.ts';
import { ownerGroups } from './throttle/knobs.ts';
import { Throttle } from './throttle/throttle.ts';

/** Projected tokens are replaced long before they end; reading the file is cheap, but not for every request. */
const tokenLifeMs = 30_000;

async function run(options: Options): Promise<void> {
  const log = pino({ level: options['log-level'], base: { process: 'agent', machine: options.node } });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  const transport = createTransport({
    server: options.server,
    ca: options['ca-file'] === undefined ? undefined : readFileSync(options['ca-file']),
    token: tokenFrom(options['token-file']),
    userAgent: 'idlewild-agent',
  });
  const sensors = new HostSensors({ root: options.root, clock: systemClock, log });
  const will = new OwnersWill(join(options['state-dir'], 'will'));
  const throttle = new Throttle({
    groups: options['guest-cgroup'],
    pods: options['pods-cgroup'],
    proc: '/proc',
    owners: ownerGroups(options.root),
    file: join(options['state-dir'], 'held-back.json'),
    log,
  });
  const agent = new Agent({
    machine: options.node,
    client: new KubeClient(transport, { fieldManager: 'idlewild-agent' }),
    clock: systemClock,
    log,
    sensors,
    will,
    throttle,
    policy: policyOf(options),
    caps: {
      cores: options.cores,
      memoryMiB: options['memory-mib'],
      diskMiB: options['disk-mib'],
      graphicsMiB: options['graphics-mib'],
      gpus: options.gpus,
      room: options.room,
      dedicated: options.dedicated,
    },
  });
  const server = await serveOwner({
    socket: options.socket,
    view: () => agent.view(),
    onWish: (wish) => {
      try {
        will.say(wish === 'stop-now');
      } finally {
        agent.look();
      }
    },
    log,
  });
  log.info({ node: options.node, socket: options.socket }, 'agent started');
  await agent.run(stop.signal);
  server.close();
  sensors.close();
  await transport.close();
}

function tokenFrom(file: string): () => string {
  let token = '';
  let readMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = systemClock.monotonic();
    if (nowMs - readMs > tokenLifeMs) {
      token = readFileSync(file, 'utf8').trim();
      readMs = nowMs;
    }
    return token;
  };
}

async function ask(command: string, args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { socket: { type: 'string', default: '/run/idlewild/owner.sock' } } });
  const wish = wishes.find((each) => each === command);
  console.log(inWords(await askAgent(values.socket, wish)));
}

function inWords({ machine, presence, since, stopped }: OwnersView): string {
  const state = presence.present ? 'is yours' : 'may be lent';
  const next = stopped ? '\nSay `lend-again` when it may be lent again.' : '';
  return `${machine} ${state}: ${presence.message} (since ${since})${next}`;
}

const [command = '', ...rest] = process.argv.slice(2);
try {
  if (command === '--help') console.log(usage);
  else if (command === 'status' || wishes.some((wish) => wish === command)) await ask(command, rest);
  else await run(parseOptions(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
