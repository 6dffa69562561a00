import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pino } from 'pino';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { until } from '../../../../test/waiting.ts';
import { MachineLink } from '../../daemon/link.ts';
import { ensurePki } from '../../pki/pki.ts';
import { endpointServer, readOptions } from './server.ts';
import { dialMachine, parseTunnelPath, TunnelEntrance, tunnelPath, type TunnelRequest } from './tunnel.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Machine pc-2 with a receiving socket that echoes, reached over links by a sender with a certificate of that name. */
async function twoMachines(sender = 'system:node:pc-1', sinkReads = Promise.resolve()) {
  const dir = mkdtempSync(join(tmpdir(), 'tunnel-'));
  cleanups.push(() => rmSync(dir, { recursive: true }));
  const pki = await ensurePki(join(dir, 'pki'));
  const own = await pki.issue('system:node:pc-2', { hosts: ['pc-2'], organizations: ['system:nodes'] });
  const received = join(dir, 'received.sock');
  const echo = net.createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket));
  await new Promise<void>((resolve) => echo.listen(received, resolve));
  cleanups.push(() => echo.close());
  const sunk = join(dir, 'sunk.sock');
  const swallowed: number[] = [];
  // Like the receiver of a guest it answers nothing, hangs up last, and may be busy for a while.
  const sink = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    let bytes = 0;
    socket.on('data', (chunk) => (bytes += chunk.length));
    socket.on('end', () => swallowed.push(bytes) && socket.end());
    void sinkReads.then(() => socket.resume());
  });
  await new Promise<void>((resolve) => sink.listen(sunk, resolve));
  cleanups.push(() => sink.close());
  const asked: Omit<TunnelRequest, 'machine'>[] = [];
  const endpoint: Server = endpointServer({
    caPem: pki.caPem,
    ...own,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    logOf: () => undefined,
    handle: () => Promise.resolve({ status: 404 }),
    upgrade: (_request, _raw, socket) => socket.destroy(),
    receiver: (request) => {
      asked.push(request);
      return { target: received, sink: sunk }[request.pod];
    },
  });
  const machineSocket = join(dir, 'machine.sock');
  await new Promise<void>((resolve) => endpoint.listen(machineSocket, resolve));
  cleanups.push(
    () => endpoint.closeAllConnections(),
    () => endpoint.close(),
  );
  let ingress = 0;
  const link = new MachineLink({ apiPort: () => 1, machineSocket, peerPort: () => ingress });
  const ports = await link.open();
  ingress = ports.ingress;
  cleanups.push(() => link.close());
  const { certPem, keyPem } = await pki.issue(sender, { organizations: ['system:nodes'] });
  return { dir, asked, swallowed, peers: { peerPort: ports.peer, caPem: pki.caPem, certPem, keyPem } };
}

const target = { machine: 'pc-2', namespace: 'default', pod: 'target' };

describe('the tunnel between two machines', () => {
  it('delivers every byte of a sender that closes right behind its last one', async () => {
    const { dir, peers, swallowed } = await twoMachines();
    const entrance = new TunnelEntrance();
    cleanups.push(() => entrance.close());
    const errors: Error[] = [];
    const { migrateSocket } = await entrance.open(peers, { ...target, pod: 'sink' }, dir, (error) =>
      errors.push(error),
    );
    const size = 16 * 1024 * 1024;
    const senders = Array.from({ length: 4 }, () => {
      const sender = net.connect(migrateSocket);
      sender.write(Buffer.alloc(size), () => sender.destroy());
      return new Promise((resolve) => sender.once('close', resolve));
    });
    await Promise.all(senders);
    await until(() => swallowed.length >= senders.length);
    expect(swallowed).toEqual(senders.map(() => size));
    expect(errors).toEqual([]);
  }, 30_000);

  it('delivers every byte to a receiver that begins to read after the sender has closed', async () => {
    let read = (): void => undefined;
    const reads = new Promise<void>((resolve) => (read = resolve));
    const { dir, peers, swallowed } = await twoMachines(undefined, reads);
    const entrance = new TunnelEntrance();
    cleanups.push(() => entrance.close());
    const { migrateSocket } = await entrance.open(peers, { ...target, pod: 'sink' }, dir, (error) => {
      throw error;
    });
    // Around what the receiver's socket holds: of some the last bytes wait before it when the end has come.
    const sizes = Array.from({ length: 32 }, (_, index) => (index + 1) * 16 * 1024);
    const sent = sizes.map((size) => {
      const sender = net.connect(migrateSocket);
      sender.write(Buffer.alloc(size), () => sender.destroy());
      return once(sender, 'close');
    });
    await Promise.all(sent);
    // Time for the end to go as far as it can.
    await setTimeout(300);
    read();
    await until(() => swallowed.length >= sizes.length, 'the receiver has read all to the end');
    expect([...swallowed].sort((a, b) => a - b)).toEqual(sizes);
  }, 30_000);

  it('carries bytes both ways, from a local socket to the one of the receiving pod', async () => {
    const { dir, peers, asked } = await twoMachines();
    const entrance = new TunnelEntrance();
    cleanups.push(() => entrance.close());
    const { nbdSocket } = await entrance.open(peers, target, dir, (error) => {
      throw error;
    });
    const sender = net.connect(nbdSocket);
    const heard = new Promise<Buffer>((resolve) => {
      const chunks: Buffer[] = [];
      sender.on('data', (chunk) => {
        chunks.push(chunk);
        if (Buffer.concat(chunks).length === 1_000_000) resolve(Buffer.concat(chunks));
      });
    });
    const sent = Buffer.alloc(1_000_000, 'guest');
    sender.write(sent);
    expect((await heard).equals(sent)).toBe(true);
    expect(asked).toEqual([{ namespace: 'default', pod: 'target', channel: 'disks' }]);
    sender.destroy();
  });

  it('is refused to whoever is not a machine', async () => {
    const { peers } = await twoMachines('somebody');
    await expect(dialMachine(peers, { ...target, channel: 'memory' })).rejects.toThrow('403');
  });

  it('is refused for a pod that receives nothing', async () => {
    const { peers } = await twoMachines();
    await expect(dialMachine(peers, { ...target, pod: 'other', channel: 'memory' })).rejects.toThrow('404');
  });

  it('does not trust a machine with another name than the one that was dialed', async () => {
    const { peers } = await twoMachines();
    await expect(dialMachine(peers, { ...target, machine: 'pc-3', channel: 'memory' })).rejects.toThrow(/pc-3/);
  });

  it('has a path that reads back as what it was made of', () => {
    const request = { namespace: 'a', pod: 'virt-launcher-x', channel: 'memory' } as const;
    expect(parseTunnelPath(tunnelPath(request))).toEqual(request);
    expect(parseTunnelPath('/v1/namespaces/a/pods/b/arrival/other')).toBeUndefined();
  });
});

describe('the parameters of a log', () => {
  it('are read as a kubelet reads them', () => {
    const query = new URLSearchParams('follow=true&tailLines=3&sinceSeconds=10&timestamps=true&limitBytes=5');
    expect(readOptions(query, 60_000)).toEqual({
      follow: true,
      timestamps: true,
      tailLines: 3,
      limitBytes: 5,
      sinceMs: 50_000,
    });
  });

  it.each([
    ['tailLines=-1', 'tailLines'],
    ['limitBytes=x', 'limitBytes'],
    ['sinceTime=yesterday', 'sinceTime'],
  ])('%s is refused by name', (query, name) => {
    expect(() => readOptions(new URLSearchParams(query), 0)).toThrow(name);
  });
});
