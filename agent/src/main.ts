// The agent as a program: flags -> sensors and a client -> run until SIGTERM. `stop-now`, `lend-again` and `status` ask the one
// that runs on this machine, for its owner.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { join } from 'node:path';
import { Agent } from './agent.ts';
import { createHttpsTransport } from './https-transport.ts';
import { parseOptions, policyOf, usage, type Options } from './options.ts';
import { GuestList } from './owner/guests.ts';
import { PresenceHistory } from './owner/history.ts';
import { askAgent, serveOwner, servePage, wishes, type OwnersServerOptions } from './owner/server.ts';
import { inWords } from './owner/words.ts';
import { OwnersWill } from './owner/will.ts';
import { HostSensors } from './sensors/host.ts';
import { Logind } from './sensors/logind.ts';
import { ShutdownGuard } from './shutdown/guard.ts';
import { countGuests } from './shutdown/guests.ts';
import { Inhibitor } from './shutdown/inhibitor.ts';
import { ownerGroups } from './throttle/knobs.ts';
import { Throttle } from './throttle/throttle.ts';

/** Projected tokens are replaced long before they end; reading the file is cheap, but not for every request. */
const tokenLifeMs = 30_000;

async function run(options: Options): Promise<void> {
  const log = pino({ level: options['log-level'], base: { process: 'agent', machine: options.node } });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  const transport = createHttpsTransport({
    server: options.server,
    ca: options['ca-file'] === undefined ? undefined : readFileSync(options['ca-file']),
    token: tokenFrom(options['token-file']),
    userAgent: 'idlewild-agent',
  });
  const client = new KubeClient(transport, { fieldManager: 'idlewild-agent' });
  const bus = options['dbus-socket'] ?? join(options.root, 'run/dbus/system_bus_socket');
  const logind = new Logind({ socket: bus, clock: systemClock, log, onChange: () => agent.look() });
  const sensors = new HostSensors({ root: options.root, clock: systemClock, log, logind });
  const will = new OwnersWill(join(options['state-dir'], 'will'));
  const places = { groups: options['guest-cgroup'], pods: options['pods-cgroup'], proc: '/proc' };
  const history = new PresenceHistory(join(options['state-dir'], 'history.json'), log);
  const throttle = new Throttle({
    ...places,
    owners: ownerGroups(options.root),
    file: join(options['state-dir'], 'held-back.json'),
    log,
  });
  const agent = new Agent({
    machine: options.node,
    client,
    clock: systemClock,
    log,
    sensors,
    will,
    throttle,
    onPresence: (presence, at) => history.add(presence, at),
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
  const path = process.env['PATH'] ?? '';
  const lock = new Inhibitor({ socket: bus, root: options.root, path, clock: systemClock, log });
  const delayMs = options['shutdown-delay'];
  const guard = new ShutdownGuard({
    clock: systemClock,
    log,
    lock,
    logind,
    delayMs,
    guests: () => countGuests(places),
  });
  const guestList = new GuestList({ client, machine: options.node, clock: systemClock, log });
  const owner: OwnersServerOptions = {
    view: async () => ({
      ...agent.view(),
      guests: await guestList.list(),
      history: history.turns,
      notes: lock.impossible === undefined ? [] : [lock.impossible],
    }),
    onWish: (wish) => {
      try {
        will.say(wish === 'stop-now');
      } finally {
        agent.look();
      }
    },
    now: () => systemClock.now(),
    log,
  };
  const servers = [await serveOwner({ ...owner, socket: options.socket })];
  const port = options['owner-port'];
  try {
    if (port !== undefined) servers.push(await servePage({ ...owner, port }));
  } catch (error) {
    // The owner is protected all the same, and has the command.
    log.error({ err: error, port }, 'there is no page for the owner');
  }
  log.info({ node: options.node, socket: options.socket }, 'agent started');
  await Promise.all([agent.run(stop.signal), logind.run(stop.signal), guard.run(stop.signal)]);
  for (const server of servers) server.close().closeAllConnections();
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
  console.log(inWords(await askAgent(values.socket, wish), systemClock.now()));
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
