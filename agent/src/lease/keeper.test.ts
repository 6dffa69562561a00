// The lease of a machine beside a real API server, and what becomes of a guest when it is lost, taken or handed on.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import type { Lease, Node } from '@idlewild/operator/api/kubernetes.ts';
import { customResourceDefinitions, leases, namespaces, nodes } from '@idlewild/operator/api/resources.ts';
import { virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { sealOf } from '@idlewild/operator/recovery/seal.ts';
import { pino } from 'pino';
import { bootClock } from '../fence/boot.ts';
import { Fence } from '../fence/fence.ts';
import { readPermission, writePermission } from '../fence/lease-file.ts';
import { createHttpsTransport } from '../https-transport.ts';
import { LeaseKeeper } from './keeper.ts';
import type { KeeperTerms } from './standing.ts';
import { isOver, until } from '../../../test/waiting.ts';

/** Quick, and yet with room for a machine that has other things to do. */
const terms: KeeperTerms = {
  ...{ leaseSeconds: 16, renewSeconds: 0.2, requestTimeoutSeconds: 1, killAfterSeconds: 4 },
  ...{ switchAfterSeconds: 12, checkSeconds: 0.6, killSeconds: 0.5, sharedSeconds: 300 },
};
const namespace = 'idlewild-machines';
const pod = '01234567-89ab-4def-8123-456789abcdef';
const boot = bootClock();
const log = pino({ level: 'silent' });

let server: TestServer;
let admin: KubeClient;
beforeAll(async () => {
  server = await TestServer.start();
  admin = new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' }));
  await admin.create(namespaces, { metadata: { name: namespace } });
  await admin.create(namespaces, { metadata: { name: 'jobs' } });
  await admin.create(customResourceDefinitions, anyInstance);
  await eventually(
    () => server.get('/apis/kubevirt.io/v1/virtualmachineinstances'),
    ({ status }) => status === 200,
  );
}, 60_000);
afterAll(async () => {
  await admin.raw.close();
  await server.stop();
});

let root: string;
let line: Line;
let name: string;
let guest: ChildProcess;
let count = 0;
let running: { readonly keeper: LeaseKeeper; readonly stop: AbortController; readonly done: Promise<string> }[];
const file = () => join(root, 'run/idlewild/lease');

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'iw-lease-'));
  name = `pc-${++count}`;
  running = [];
  await admin.create<Node>(nodes, { metadata: { name }, spec: {} } as Node);
  line = await Line.to(Number(new URL(server.url).port));
  guest = aGuest('guests');
});
afterEach(async () => {
  for (const { stop } of running) stop.abort();
  await Promise.all(running.map(({ done }) => done));
  for (const each of guests.splice(0)) each.kill('SIGKILL');
  await line.close();
  rmSync(root, { recursive: true, force: true });
});

/** The way to the API server, which can be cut in the two ways that there are. */
class Line {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #state: 'up' | 'silent' | 'refused' = 'up';

  private constructor(port: number) {
    this.#server = createServer((near) => {
      if (this.#state === 'refused') return near.destroy();
      this.#sockets.add(near);
      near.on('error', () => undefined);
      if (this.#state === 'silent') return;
      const far = connect(port, '127.0.0.1').on('error', () => undefined);
      this.#sockets.add(far);
      near.pipe(far).pipe(near);
    });
  }

  static async to(port: number): Promise<Line> {
    const line = new Line(port);
    await new Promise<void>((resolve) => line.#server.listen(0, '127.0.0.1', resolve));
    return line;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  set(state: 'up' | 'silent' | 'refused'): void {
    this.#state = state;
    for (const socket of this.#sockets) {
      if (state === 'silent') socket.unpipe().pause();
      else socket.destroy();
    }
  }

  async close(): Promise<void> {
    this.set('refused');
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const guests: ChildProcess[] = [];
/** A process in a group of guests. */
function aGuest(group: string): ChildProcess {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  guests.push(child);
  mkdirSync(join(root, group), { recursive: true });
  writeFileSync(join(root, group, 'cgroup.procs'), `${child.pid}\n`);
  return child;
}

function start(o: { proc?: string; epoch?: string; machine?: string } = {}): LeaseKeeper {
  const { proc = '/proc', epoch = `e${running.length + 1}`, machine = name } = o;
  const places = { groups: [join(root, 'guests')], pods: [], proc };
  const fence = new Fence({ file: file(), beat: join(root, 'switch'), places, boot, clock: systemClock, log });
  let epochs = 0;
  const transport = createHttpsTransport({
    ...{ server: line.url, ca: server.pki.caPem, token: () => 'admin', userAgent: 'test' },
  });
  const keeper = new LeaseKeeper({
    ...{ machine, namespace, clock: systemClock, boot, fence, terms, log, client: new KubeClient(transport) },
    epoch: () => `${epoch}${'x'.repeat(epochs++)}`,
    onChange: () => undefined,
  });
  const stop = new AbortController();
  const done = keeper.run(stop.signal).finally(() => transport.close());
  running.push({ keeper, stop, done });
  return keeper;
}

/** One that has ended its guest, as every machine that joins, holds its lease, and was given another guest. */
async function joined(): Promise<LeaseKeeper> {
  guest.kill('SIGKILL');
  const keeper = start();
  await until(() => keeper.standing.kind === 'joined');
  guest = aGuest('guests');
  return keeper;
}

const leaseNow = (): Promise<Lease> => admin.get<Lease>(leases, { namespace, name });
const holderNow = async () => (await leaseNow()).spec?.holderIdentity;

/** As the operator does; again when it came between two renewals. */
async function seal(): Promise<void> {
  await eventually(
    async () => {
      const lease = await leaseNow();
      return admin.replace<Lease>(leases, sealOf(lease)).catch(() => undefined);
    },
    (sealed) => sealed !== undefined,
  );
}

async function anInstance(instance: string, annotations: Record<string, string> = {}): Promise<void> {
  const labels = { 'kubevirt.io/nodeName': name, 'app.kubernetes.io/managed-by': 'idlewild' };
  await admin.create(virtualMachineInstances, {
    metadata: { name: instance, namespace: 'jobs', labels, annotations },
    ...{ spec: {}, status: { phase: 'Running', activePods: { [pod]: name } } },
  });
}

describe('the lease of a machine', () => {
  it('is made, renewed, and goes with the Node', async () => {
    const keeper = start();
    await until(() => keeper.standing.kind === 'joined');
    const first = await leaseNow();
    const { uid } = (await admin.get<Node>(nodes, { name })).metadata;
    expect(first.metadata.ownerReferences).toEqual([{ apiVersion: 'v1', kind: 'Node', name, uid }]);
    expect(first.spec).toMatchObject({
      holderIdentity: `${name}_e1`,
      leaseDurationSeconds: terms.leaseSeconds,
      leaseTransitions: 0,
    });
    expect(JSON.parse(first.metadata.annotations?.['idlewild.dev/fence'] ?? '')).toEqual({
      ...{ switchAfterSeconds: 12, killSeconds: 0.5, checkSeconds: 0.6, boot: boot.id },
    });
    await until(async () => (await leaseNow()).spec?.renewTime !== first.spec?.renewTime);
    const { deadlineS = 0 } = readPermission(file()) ?? {};
    expect(deadlineS).toBeGreaterThan(boot.now());
    expect(deadlineS).toBeLessThanOrEqual(boot.now() + terms.switchAfterSeconds);
  }, 60_000);

  it('begins on a machine without guests', async () => {
    const keeper = start();
    expect(keeper.standing.kind).toBe('joining');
    await until(() => isOver(guest) && keeper.standing.kind === 'joined');
  }, 60_000);

  it('that is sealed costs all guests, and is taken anew under another name', async () => {
    const keeper = await joined();
    await seal();
    await until(() => isOver(guest));
    await until(async () => (await holderNow()) === `${name}_e1x`);
    await until(() => keeper.standing.kind === 'joined');
    expect((await leaseNow()).spec?.leaseTransitions).toBe(2);
  }, 60_000);

  it('that is sealed is not taken anew while the cluster knows of a guest here', async () => {
    const keeper = await joined();
    await anInstance(name);
    await seal();
    await until(async () => (await holderNow()) === `${name}_e1x`);
    // One that was about to start when the others were ended.
    const late = aGuest('guests');
    await until(() => isOver(late));
    expect([keeper.standing.kind, readPermission(file())]).toEqual(['joining', undefined]);
    await admin.delete(virtualMachineInstances, { namespace: 'jobs', name });
    await until(() => keeper.standing.kind === 'joined');
  }, 60_000);

  it('that somebody else wrote to is renewed all the same', async () => {
    await joined();
    const lease = await leaseNow();
    await admin.mergePatch<Lease>(leases, { namespace, name }, { metadata: { annotations: { hello: 'there' } } });
    await until(async () => (await leaseNow()).spec?.renewTime !== lease.spec?.renewTime);
    expect([await holderNow(), isOver(guest)]).toEqual([`${name}_e1`, false]);
    expect((await leaseNow()).metadata.annotations?.['hello']).toBe('there');
  }, 60_000);

  it('that was deleted costs all guests, since nobody knows why', async () => {
    const keeper = await joined();
    await admin.delete(leases, { namespace, name });
    await until(() => isOver(guest));
    await until(async () => (await holderNow().catch(() => '')) === `${name}_e1x`);
    await until(() => keeper.standing.kind === 'joined');
  }, 60_000);

  it.each([
    ['silent', 'it cannot hold its lease: no answer within 1 s'],
    ['refused', 'it cannot hold its lease: PUT'],
  ] as const)(
    'that cannot be renewed, as the cluster is %s, costs all guests before the switch has to act',
    async (how, words) => {
      const keeper = await joined();
      let diedS = Number.POSITIVE_INFINITY;
      guest.once('exit', () => (diedS = boot.now()));
      line.set(how);
      await until(() => isOver(guest));
      const deadlineS = readPermission(file())?.deadlineS ?? 0;
      expect(diedS).toBeLessThan(deadlineS - terms.killSeconds);
      expect(diedS).toBeGreaterThanOrEqual(deadlineS - terms.switchAfterSeconds + terms.killAfterSeconds);
      expect(keeper.standing).toMatchObject({ kind: 'cut', message: expect.stringContaining(words) });
      const late = aGuest('guests');
      await until(() => isOver(late));
      line.set('up');
      await until(() => keeper.standing.kind === 'joined');
      expect(await holderNow()).toBe(`${name}_e1`);
    },
    60_000,
  );

  it('is taken over from an agent that ended, and no guest notices', async () => {
    await joined();
    running[0]?.stop.abort();
    expect(await running[0]?.done).toBe('stopped');
    const next = start();
    await until(() => next.standing.kind === 'joined');
    expect(await holderNow()).toBe(`${name}_e2`);
    expect((await leaseNow()).spec?.leaseTransitions).toBe(1);
    expect(isOver(guest)).toBe(false);
  }, 60_000);

  it('is taken over from an agent that still runs, which then leaves', async () => {
    await joined();
    const next = start();
    expect(await running[0]?.done).toBe('superseded');
    await until(() => next.standing.kind === 'joined');
    expect(isOver(guest)).toBe(false);
  }, 60_000);

  it('of an agent whose successor came too late costs its guests', async () => {
    await joined();
    running[0]?.stop.abort();
    await running[0]?.done;
    writePermission(file(), { boot: boot.id, deadlineS: boot.now() - 1, pods: new Map() });
    const next = start();
    await until(() => isOver(guest) && next.standing.kind === 'joined');
  }, 60_000);

  it('of an earlier boot of the machine is taken at once, on a machine without guests', async () => {
    await joined();
    running[0]?.stop.abort();
    await running[0]?.done;
    const lease = await leaseNow();
    const fence = JSON.stringify({ boot: 'another' });
    await admin.mergePatch<Lease>(
      leases,
      { namespace, name },
      { metadata: { annotations: { 'idlewild.dev/fence': fence } } },
    );
    writePermission(file(), { boot: 'another', deadlineS: boot.now() + 100, pods: new Map() });
    const next = start();
    await until(() => isOver(guest) && next.standing.kind === 'joined');
    expect((await leaseNow()).spec?.leaseTransitions).toBe((lease.spec?.leaseTransitions ?? 0) + 1);
  }, 60_000);

  it('is not taken while a process of a guest does not end, which is told', async () => {
    guest.kill('SIGKILL');
    // One that the kernel does not let go, such as one that waits for a disk that does not answer.
    mkdirSync(join(root, 'proc/4194303'), { recursive: true });
    writeFileSync(join(root, 'proc/4194303/stat'), '4194303 (qemu-system-x86) D 1');
    writeFileSync(join(root, 'guests/cgroup.procs'), '4194303\n');
    const keeper = start({ proc: join(root, 'proc') });
    const message = 'processes 4194303 of a guest do not end';
    await until(() => keeper.standing.kind === 'joining' && keeper.standing.message === message);
    await expect(leaseNow()).rejects.toMatchObject({ kind: 'notFound' });
    rmSync(join(root, 'proc/4194303'), { recursive: true });
    await until(() => keeper.standing.kind === 'joined');
  }, 60_000);
});

describe('a guest of which a second copy is tolerated', () => {
  it('outlives the others when the cluster cannot be reached, but not the seal', async () => {
    guest.kill('SIGKILL');
    const keeper = start();
    await until(() => keeper.standing.kind === 'joined');
    await anInstance(name, { 'idlewild.dev/exclusive': 'false' });
    // It is asked for only every ten seconds.
    await until(() => (readPermission(file())?.pods.get(pod) ?? 0) > boot.now() + 200);
    // The next agent knows it from the first moment.
    running[0]?.stop.abort();
    await running[0]?.done;
    const next = start();
    await until(() => next.standing.kind === 'joined');
    expect([...(readPermission(file())?.pods.keys() ?? [])]).toEqual([pod]);
    const exclusive = aGuest('guests');
    const shared = aGuest(`guests/pod${pod}`);
    line.set('silent');
    await until(() => isOver(exclusive) && next.standing.kind === 'cut');
    expect(isOver(shared)).toBe(false);
    await seal();
    line.set('up');
    await until(() => isOver(shared));
  }, 60_000);
});

/** KubeVirt's instances, as far as the agent asks for them. */
const anyInstance = {
  metadata: { name: 'virtualmachineinstances.kubevirt.io' },
  spec: {
    group: 'kubevirt.io',
    scope: 'Namespaced',
    names: { plural: 'virtualmachineinstances', singular: 'virtualmachineinstance', kind: 'VirtualMachineInstance' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};
