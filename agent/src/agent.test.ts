// An agent beside a real API server: what becomes of a Node when its owner comes, goes, or speaks.
import { execFileSync } from 'node:child_process';
import { constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Server } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { nodes } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { pino } from 'pino';
import { Agent } from './agent.ts';
import type { Standing } from './lease/standing.ts';
import { askAgent, serveOwner } from './owner/server.ts';
import { OwnersWill } from './owner/will.ts';
import { PolicySource } from './presence/policy-source.ts';
import { HostSensors } from './sensors/host.ts';
import { heldBack, Throttle } from './throttle/throttle.ts';

const log = pino({ level: 'silent' });
const keyboard = `N: Name="keyboard"
H: Handlers=kbd event0
B: EV=120013
B: KEY=402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe
`;
const caps = { cores: 2, memoryMiB: 2048, diskMiB: 20_480, graphicsMiB: 64, gpus: 0, room: 'lab-a', dedicated: false };

let server: TestServer;
let client: KubeClient;
beforeAll(async () => {
  server = await TestServer.start();
  client = new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' }));
}, 60_000);
afterAll(async () => {
  await client.raw.close();
  await server.stop();
});

let root: string;
let owner: Server;
let stop: AbortController;
let running: Promise<void>;
let keys: number;
let count = 0;
let name: string;
let will: OwnersWill;
let agent: Agent;
let fenced: { armed: boolean };
let lease: { standing: Standing };
const socket = () => join(root, 'owner.sock');

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'iw-agent-'));
  for (const dir of ['dev/input', 'proc/bus/input', 'run', 'guests']) mkdirSync(join(root, dir), { recursive: true });
  writeFileSync(join(root, 'proc/bus/input/devices'), keyboard);
  writeFileSync(join(root, 'run/utmp'), '');
  writeFileSync(join(root, 'guests/cpu.max'), '150000 100000');
  execFileSync('mkfifo', [join(root, 'dev/input/event0')]);
  keys = openSync(join(root, 'dev/input/event0'), constants.O_RDWR);
  name = `pc-${++count}`;
  await client.create<Node>(nodes, { metadata: { name, labels: { keep: 'me' } }, spec: {} } as Node);
  stop = new AbortController();
  will = new OwnersWill(join(root, 'state/will'));
  const sensors = new HostSensors({ root, clock: systemClock, log });
  const policy = new PolicySource({
    fallback: { mode: 'WhenIdle', idleAfterMs: 500 },
    room: caps.room,
    namespace: 'idlewild-system',
    ...{ client, clock: systemClock, log },
  });
  const places = { groups: [join(root, 'guests')], pods: [], owners: [], proc: '/proc' };
  const throttle = new Throttle({ ...places, file: join(root, 'state/held-back.json'), log });
  fenced = { armed: true };
  lease = { standing: { kind: 'joined' } };
  agent = new Agent({
    ...{ machine: name, client, clock: systemClock, log, sensors, will, policy, caps, throttle },
    fence: fenced,
    lease,
  });
  const onWish = (wish: 'stop-now' | 'lend-again'): void => {
    will.say(wish === 'stop-now');
    agent.look();
  };
  const view = async () => ({ ...agent.view(), history: [], notes: [] });
  owner = await serveOwner({ socket: socket(), view, onWish, now: Date.now, log });
  running = agent.run(stop.signal);
});
afterEach(async () => {
  stop.abort();
  await running;
  owner.close();
  rmSync(root, { recursive: true, force: true });
});

function press(): void {
  const record = Buffer.alloc(24);
  record.writeUInt16LE(1, 16);
  record.writeInt32LE(1, 20);
  writeSync(keys, record);
}

/** Until guests may use so much of the processor. @returns how long that took, ms. */
async function untilLimit(wanted: string): Promise<number> {
  const began = performance.now();
  while (readFileSync(join(root, 'guests/cpu.max'), 'utf8') !== wanted) {
    if (performance.now() - began > 30_000) throw new Error(`guests are not limited to ${wanted} within 30 s`);
    await systemClock.sleep(5);
  }
  return performance.now() - began;
}

async function until(what: string, holds: (node: Node) => boolean): Promise<Node> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const node = await client.get<Node>(nodes, { name });
    if (holds(node)) return node;
    if (performance.now() > deadline) throw new Error(`${what}: not within 20 s: ${JSON.stringify(node)}`);
    await systemClock.sleep(20);
  }
}

const presence = (wanted: string) => (node: Node) =>
  node.metadata.labels?.['idlewild.dev/presence'] === wanted &&
  (node.spec?.taints ?? []).some(({ key }) => key === 'idlewild.dev/owner-present') === (wanted === 'present');

describe('an agent', () => {
  it('lends an idle machine, gives it back at the first key, and lends it again when the owner has gone', async () => {
    const lent = await until('it is lent', presence('away'));
    expect(lent.metadata.labels).toMatchObject({ keep: 'me', 'idlewild.dev/lend-cores': '2' });
    press();
    const back = await until('it is the owner’s', presence('present'));
    expect(JSON.parse(back.metadata.annotations?.['idlewild.dev/offer'] ?? '')).toMatchObject({ reason: 'Input' });
    await until('it is lent again', presence('away'));
  }, 60_000);

  it('obeys "stop now" until "lend again", over a restart, too', async () => {
    await until('it is lent', presence('away'));
    expect(await askAgent(socket(), 'stop-now')).toMatchObject({ stopped: true, presence: { reason: 'OwnerStop' } });
    await until('it is the owner’s', presence('present'));
    expect(new OwnersWill(join(root, 'state/will')).stopped).toBe(true);
    expect(await askAgent(socket(), 'lend-again')).toMatchObject({ stopped: false });
    await until('it is lent again', presence('away'));
  }, 60_000);

  it('holds guests back while somebody types, and until it ends', async () => {
    // Whoever was there before the agent was is there still.
    await untilLimit(heldBack);
    await untilLimit('150000 100000');
    press();
    await untilLimit(heldBack);
    stop.abort();
    await running;
    await untilLimit('150000 100000');
  }, 60_000);

  it('holds guests back from "stop now" on', async () => {
    await untilLimit(heldBack);
    await untilLimit('150000 100000');
    expect(await askAgent(socket(), 'stop-now')).toMatchObject({ active: true });
    await untilLimit(heldBack);
  }, 60_000);

  it('lends nothing while it does not hold its lease, whoever is there', async () => {
    await until('it is lent', presence('away'));
    lease.standing = { kind: 'joining', message: 'it is cleaned' };
    agent.look();
    const out = await until('it lends nothing', presence('present'));
    expect(JSON.parse(out.metadata.annotations?.['idlewild.dev/offer'] ?? '')).toMatchObject({
      reason: 'Joining',
      message: 'it is cleaned',
    });
    lease.standing = { kind: 'joined' };
    agent.look();
    await until('it is lent again', presence('away'));
  }, 60_000);

  it('says whether its fence is armed', async () => {
    const labelled = (wanted: string) => (node: Node) => node.metadata.labels?.['idlewild.dev/fence'] === wanted;
    await until('it is armed', labelled('armed'));
    fenced.armed = false;
    agent.look();
    await until('it is off', labelled('off'));
  }, 60_000);

  it('puts right what somebody else wrote over the offer, and what it could not write at first', async () => {
    await until('it is lent', presence('away'));
    await client.delete(nodes, { name });
    press();
    await client.create<Node>(nodes, { metadata: { name }, spec: {} } as Node);
    await until('it is offered anew', (node) => node.metadata.labels?.['idlewild.dev/lend-memory-mib'] === '2048');
  }, 60_000);

  it('tells an owner who asks for nonsense what is allowed', async () => {
    await expect(askAgent(socket(), 'dance' as 'stop-now')).rejects.toThrow('allowed are GET / and POST /stop-now');
    await expect(askAgent(join(root, 'nobody.sock'))).rejects.toThrow('no agent answers');
  });
});

describe('the owner’s will', () => {
  it('is to stop when it cannot be read', () => {
    mkdirSync(join(root, 'state/odd'), { recursive: true });
    expect(new OwnersWill(join(root, 'state/odd')).stopped).toBe(true);
    expect(new OwnersWill(join(root, 'state/none')).stopped).toBe(false);
  });
});
