// The agent as a program: flags -> sensors and a client -> run until SIGTERM. `stop-now`, `lend-again` and `status` ask the one
// that runs on this machine, for its owner; `preflight` looks whether the machine can join.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { collector } from '@idlewild/operator/heap.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { join, resolve } from 'node:path';
import { Agent } from './agent.ts';
import { bootClock } from './fence/boot.ts';
import { Fence } from './fence/fence.ts';
import { sweep } from './fence/guests.ts';
import { keepHeapSmall } from './heap.ts';
import { createHttpsTransport } from './https-transport.ts';
import { fenceTermsOf, parseOptions, policyOf, usage, type Options } from './options.ts';
import { LeaseKeeper } from './lease/keeper.ts';
import { ownGuests } from './lease/own-guests.ts';
import { GuestList } from './owner/guests.ts';
import { PresenceHistory } from './owner/history.ts';
import { askAgent, serveOwner, servePage, wishes, type OwnersServerOptions } from './owner/server.ts';
import { fenceNotes, inWords } from './owner/words.ts';
import { OwnersWill } from './owner/will.ts';
import { runPreflight } from './preflight/command.ts';
import { PolicySource } from './presence/policy-source.ts';
import { HostSensors } from './sensors/host.ts';
import { Logind } from './sensors/logind.ts';
import { ShutdownGuard } from './shutdown/guard.ts';
import { countGuests } from './shutdown/guests.ts';
import { Inhibitor } from './shutdown/inhibitor.ts';
import { ownerGroups } from './throttle/knobs.ts';
import { MovingGuests } from './throttle/moving.ts';
import { Throttle } from './throttle/throttle.ts';

/** Projected tokens are replaced long before they end; reading the file is cheap, but not for every request. */
const tokenLifeMs = 2_000;

async function run(options: Options): Promise<void> {
  const terms = fenceTermsOf(options);
  const log = pino({ level: options['log-level'], base: { process: 'agent', machine: options.node } });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  const server = {
    server: options.server,
    ca: options['ca-file'] === undefined ? undefined : readFileSync(options['ca-file']),
    token: tokenFrom(options['token-file']),
    userAgent: 'idlewild-agent',
  };
  const transport = createHttpsTransport(server);
  const client = new KubeClient(transport, { fieldManager: 'idlewild-agent' });
  // Other requests that hang must not keep it waiting for a connection.
  const leaseTransport = createHttpsTransport(server);
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
  const boot = bootClock();
  const fence = new Fence({
    file: resolve(options.root, options['lease-file']),
    beat: resolve(options.root, options['switch-heartbeat']),
    ...{ places, boot, clock: systemClock, log },
  });
  const keeper = new LeaseKeeper({
    machine: options.node,
    namespace: options['lease-namespace'],
    client: new KubeClient(leaseTransport, { fieldManager: 'idlewild-agent' }),
    ...{ clock: systemClock, boot, fence, terms, log },
    epoch: () => randomBytes(8).toString('hex'),
    onChange: () => agent.look(),
  });
  const policy = new PolicySource({
    fallback: policyOf(options),
    room: options.room,
    namespace: options['policy-namespace'],
    ...{ client, clock: systemClock, log },
  });
  const agent = new Agent({
    machine: options.node,
    client,
    lease: keeper,
    fence,
    clock: systemClock,
    log,
    sensors,
    will,
    throttle: { apply: (active) => throttle.apply(active, moving.pods) },
    leavesInMs: () => guard.leavesInMs,
    onPresence: (presence, at) => history.add(presence, at),
    policy,
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
    endGuests: () => void sweep(places, new Set()),
  });
  const moving = new MovingGuests({
    machine: options.node,
    ...{ clock: systemClock, log },
    wanted: () => throttle.size > 0 && countGuests(places) !== 0,
    guests: (signal) => ownGuests(client, options.node, signal),
  });
  const guestList = new GuestList({ client, machine: options.node, clock: systemClock, log });
  const owner: OwnersServerOptions = {
    view: async () => ({
      ...agent.view(),
      guests: await guestList.list(),
      history: history.turns,
      notes: [
        ...(lock.impossible === undefined ? [] : [lock.impossible]),
        ...fenceNotes(fence),
        ...(policy.problem === undefined ? [] : [policy.problem]),
      ],
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
  // One that another agent has followed has nothing to do any more.
  const keeping = keeper.run(stop.signal).finally(() => stop.abort());
  await Promise.all([
    keeping,
    agent.run(stop.signal),
    logind.run(stop.signal),
    guard.run(stop.signal),
    moving.run(stop.signal),
    keepHeapSmall({ clock: systemClock, collect: collector() }, stop.signal),
  ]);
  for (const server of servers) server.close().closeAllConnections();
  sensors.close();
  await Promise.all([transport.close(), leaseTransport.close()]);
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

const commands = ['status', ...wishes, 'preflight'];
const args = process.argv.slice(2);
const [command = '', ...rest] = args;
try {
  if (args.includes('--help')) console.log(usage);
  else if (command === 'preflight') process.exitCode = runPreflight(rest, (line) => console.log(line));
  else if (commands.includes(command)) await ask(command, rest);
  else if (command === '' || command.startsWith('-')) await run(parseOptions(args));
  else throw new TypeError(`"${command}" is no command; ${commands.join(', ')} are, and --help tells more`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
