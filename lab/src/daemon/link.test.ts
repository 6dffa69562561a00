import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenOn, MachineLink } from './link.ts';
import { until } from '../../../test/waiting.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A server that answers every chunk with the same chunk in capitals. */
async function shouter(listen: (server: net.Server) => Promise<unknown>): Promise<void> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('data', (chunk) => socket.write(chunk.toString().toUpperCase()));
    socket.on('error', () => socket.destroy());
  });
  await listen(server);
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

async function aLink(): Promise<{ link: MachineLink; api: number; peer: number; ingress: number }> {
  const dir = mkdtempSync(join(tmpdir(), 'link-'));
  cleanups.push(() => rmSync(dir, { recursive: true }));
  let apiPort = 0;
  await shouter(async (server) => (apiPort = await listenOn(server, 0)));
  const machineSocket = join(dir, 'machine.sock');
  await shouter((server) => new Promise((resolve) => server.listen(machineSocket, () => resolve(0))));
  const link = new MachineLink({
    apiPort: () => apiPort,
    machineSocket,
    peerPort: (name) => (name === 'pc-2' ? apiPort : undefined),
  });
  const ports = await link.open();
  cleanups.push(() => link.close());
  return { link, ...ports };
}

class Caller {
  readonly socket: net.Socket;
  heard = '';
  closed = false;

  constructor(port: number) {
    this.socket = net.connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => (this.heard += chunk.toString()));
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => (this.closed = true));
    cleanups.push(() => void this.socket.destroy());
  }
}

/** Passes once a full round trip through an unrelated link has been made: time enough for bytes that could flow. */
async function aRoundTripElsewhere(): Promise<void> {
  const other = await aLink();
  const caller = new Caller(other.api);
  caller.socket.write('x');
  await until(() => caller.heard === 'X');
}

describe('the link of a machine', () => {
  it('carries bytes to the API server, to the machine and to a peer named on the first line', async () => {
    const { api, peer, ingress } = await aLink();
    const callers = [new Caller(api), new Caller(ingress), new Caller(peer)];
    callers[0]!.socket.write('one');
    callers[1]!.socket.write('two');
    callers[2]!.socket.write('pc-2\nthree');
    await until(() => callers.map(({ heard }) => heard).join() === 'ONE,TWO,THREE');
  });

  it('closes a connection to a peer that does not exist', async () => {
    const { peer } = await aLink();
    const caller = new Caller(peer);
    caller.socket.write('nobody\n');
    await until(() => caller.closed);
    expect(caller.heard).toBe('');
  });

  it('goes silent when cut, keeps what was open, and delivers what waited when joined again', async () => {
    const { link, api } = await aLink();
    const caller = new Caller(api);
    caller.socket.write('before ');
    await until(() => caller.heard === 'BEFORE ');
    link.set('cut');
    caller.socket.write('during');
    const late = new Caller(api);
    late.socket.write('new');
    await aRoundTripElsewhere();
    expect([caller.heard, caller.closed, late.heard, late.closed]).toEqual(['BEFORE ', false, '', false]);
    link.set('up');
    await until(() => caller.heard === 'BEFORE DURING' && late.heard === 'NEW');
  });

  it('does not tell one side that the other has closed while it is cut', async () => {
    const { link, ingress, api } = await aLink();
    const staying = new Caller(ingress);
    staying.socket.write('a');
    await until(() => staying.heard === 'A');
    link.set('cut');
    const leaving = new Caller(api);
    leaving.socket.destroy();
    await aRoundTripElsewhere();
    expect(staying.closed).toBe(false);
  });

  it('drops what was open before the power went when the power comes back', async () => {
    const { link, api } = await aLink();
    const caller = new Caller(api);
    caller.socket.write('a');
    await until(() => caller.heard === 'A');
    link.set('dark');
    await aRoundTripElsewhere();
    expect(caller.closed).toBe(false);
    link.set('up');
    await until(() => caller.closed);
  });

  it('refuses a new connection to a machine without power after a while', async () => {
    const { link, ingress } = await aLink();
    link.set('dark');
    const caller = new Caller(ingress);
    await until(() => caller.closed);
    expect(caller.heard).toBe('');
  });
});
