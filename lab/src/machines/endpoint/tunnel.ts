// Bytes between two machines: the sender's QEMU writes to a local socket, the receiver's QEMU reads from another, and between
// them is one connection through both links, encrypted, each side knowing the other by its certificate.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';

export type Channel = 'memory' | 'disks';

export const tunnelProtocol = 'idlewild-migration';

export interface Peers {
  /** The local port that leads to other machines. */
  readonly peerPort: number;
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

export interface TunnelRequest {
  readonly machine: string;
  /** The launcher pod that receives. */
  readonly namespace: string;
  readonly pod: string;
  readonly channel: Channel;
}

/** Path of a tunnel's request; the receiver takes it apart again. */
export function tunnelPath({ namespace, pod, channel }: Omit<TunnelRequest, 'machine'>): string {
  return `/v1/namespaces/${namespace}/pods/${pod}/arrival/${channel}`;
}

export function parseTunnelPath(path: string): Omit<TunnelRequest, 'machine'> | undefined {
  const match = /^\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/arrival\/(memory|disks)$/.exec(path);
  return match === null ? undefined : { namespace: match[1]!, pod: match[2]!, channel: match[3] as Channel };
}

/** A connection to the machine, over the peer port; throws when the machine refuses or is not there. */
export async function dialMachine(peers: Peers, request: TunnelRequest): Promise<Duplex> {
  const { peerPort, caPem, certPem, keyPem } = peers;
  const socket = net.connect({ host: '127.0.0.1', port: peerPort, noDelay: true });
  socket.write(`${request.machine}\n`);
  const secured = tls.connect({ socket, ca: caPem, cert: certPem, key: keyPem, servername: request.machine });
  return new Promise((resolve, reject) => {
    const outgoing = https.request({
      createConnection: () => secured,
      host: request.machine,
      path: tunnelPath(request),
      headers: { connection: 'Upgrade', upgrade: tunnelProtocol },
    });
    const fail = (error: Error): void => {
      secured.destroy();
      reject(error);
    };
    outgoing.once('error', fail);
    outgoing.once('response', ({ statusCode }) =>
      fail(new Error(`${request.machine} refuses the guest: ${statusCode}`)),
    );
    outgoing.once('upgrade', (_response, stream, head) => {
      if (head.length > 0) stream.unshift(head);
      resolve(stream);
    });
    outgoing.end();
  });
}

/**
 * Carries bytes both ways until both have ended. A side that closes right after its last byte still has that byte delivered,
 * however slowly the other reads: a migration's last bytes are the processor's and the devices', QEMU closes behind them at
 * once, and a TLS connection closes both its directions when one has ended.
 */
export function joinStreams(near: Duplex, far: Duplex): void {
  const carry = (from: Duplex, to: Duplex): void => {
    from.pipe(to);
    from.on('error', () => from.destroy());
    from.once('close', () => to.end(() => to.destroy()));
  };
  carry(near, far);
  carry(far, near);
}

/** Local sockets that lead to the target's, for the time of one migration. */
export class TunnelEntrance {
  readonly #servers: net.Server[] = [];
  readonly #sockets = new Set<net.Socket>();
  readonly #paths: string[] = [];

  /** @param dir for the sockets; short, since socket paths are limited. */
  async open(peers: Peers, target: Omit<TunnelRequest, 'channel'>, dir: string, onError: (error: Error) => void) {
    const id = randomUUID().slice(0, 8);
    const listen = async (channel: Channel): Promise<string> => {
      const path = join(dir, `out-${id}-${channel}.sock`);
      const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (near) => {
        this.#sockets.add(near);
        near.on('error', () => near.destroy());
        dialMachine(peers, { ...target, channel })
          .then((far) => joinStreams(near, far))
          .catch((error: unknown) => {
            near.destroy();
            onError(error as Error);
          });
      });
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
      this.#servers.push(server);
      this.#paths.push(path);
      return path;
    };
    return { migrateSocket: await listen('memory'), nbdSocket: await listen('disks') };
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const path of this.#paths) await rm(path, { force: true });
  }
}
