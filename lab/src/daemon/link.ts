// The network cable of one lab machine: every TCP connection between the machine and the rest of the lab runs through here.
// Promises: a cut link goes silent (no reset, no end of stream), in both directions and also for connections that were open
// before; joined again it delivers what was waiting, as TCP does after a short outage. Must not look into what it carries.
import net from 'node:net';

/** `dark` is the link of a machine without power: silent like `cut`, and what was open then dies when power returns. */
export type LinkState = 'up' | 'cut' | 'dark';

/** How long a new connection to a machine without power hangs until it is refused: the time a host takes to answer ARP. */
const darkRefusalMs = 3_000;
const preambleLimitBytes = 256;

type Dial = (client: net.Socket) => Promise<net.Socket | undefined>;

interface Pair {
  readonly client: net.Socket;
  upstream?: net.Socket;
  /** Closed sides whose partner has not heard of it yet, because the link was silent. */
  closePending: boolean;
}

export interface LinkOptions {
  /** Port of the API server on 127.0.0.1. */
  readonly apiPort: () => number;
  /** Unix socket on which the machine itself serves (kubelet and virt-handler). */
  readonly machineSocket: string;
  /** The port where another machine is reached, or undefined when no such machine exists. */
  readonly peerPort: (machine: string) => number | undefined;
  /** Fixed port of `ingress`, so that a Node object stays right over restarts of the lab; 0 chooses one. */
  readonly ingressPort?: number;
}

export interface LinkPorts {
  /** The machine dials this to reach the API server. */
  readonly api: number;
  /** The machine dials this and sends one line with a machine's name to reach that machine. */
  readonly peer: number;
  /** Others dial this to reach the machine. */
  readonly ingress: number;
}

export class MachineLink {
  readonly #options: LinkOptions;
  readonly #servers: net.Server[] = [];
  readonly #pairs = new Set<Pair>();
  readonly #waiting = new Set<() => void>();
  #state: LinkState = 'up';

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** @param ingressPort asked for instead of the one in the options. Throws EADDRINUSE when it is taken; then try again with 0. */
  async open(ingressPort = this.#options.ingressPort ?? 0): Promise<LinkPorts> {
    const { apiPort, machineSocket, peerPort } = this.#options;
    const ingress = await this.#listen(ingressPort, () => dialed(net.connect(machineSocket)));
    const api = await this.#listen(0, () => dialed(net.connect({ host: '127.0.0.1', port: apiPort() })));
    const peer = await this.#listen(0, async (client) => {
      const port = peerPort(await preamble(client));
      return port === undefined ? undefined : dialed(net.connect({ host: '127.0.0.1', port }));
    });
    return { api, peer, ingress };
  }

  /** Changes the state at once. Leaving `dark` drops every connection that was open, since the machine has forgotten it. */
  set(state: LinkState): void {
    if (this.#state === 'dark' && state !== 'dark') this.#dropAll();
    this.#state = state;
    for (const pair of this.#pairs) this.#flow(pair);
    if (state !== 'up') return;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async close(): Promise<void> {
    this.#dropAll();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #dropAll(): void {
    for (const { client, upstream } of this.#pairs) {
      client.destroy();
      upstream?.destroy();
    }
    this.#pairs.clear();
  }

  async #listen(port: number, dial: Dial): Promise<number> {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
      const pair: Pair = { client, closePending: false };
      this.#pairs.add(pair);
      client.on('error', () => client.destroy());
      void this.#carry(pair, dial);
    });
    const listening = await listenOn(server, port);
    this.#servers.push(server);
    return listening;
  }

  async #carry(pair: Pair, dial: Dial): Promise<void> {
    const { client } = pair;
    try {
      await this.#joined(pair);
      const upstream = client.destroyed ? undefined : await dial(client);
      if (upstream === undefined || client.destroyed) throw new Error('no such peer');
      pair.upstream = upstream;
      this.#join(pair, client, upstream);
      this.#join(pair, upstream, client);
      this.#flow(pair);
    } catch {
      // Nobody listens there, or the caller has gone: the caller sees a closed connection, as it would of a real host.
      this.#pairs.delete(pair);
      pair.upstream?.destroy();
      client.destroy();
    }
  }

  /** Resolves when the link is up; rejects when the machine has no power for longer than a host would wait. */
  #joined({ client }: Pair): Promise<void> {
    if (this.#state === 'up') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        if (this.#state !== 'dark') return;
        this.#waiting.delete(wake);
        reject(new Error('no route to host'));
      }, darkRefusalMs);
      timer.unref();
      this.#waiting.add(wake);
      client.once('close', () => {
        this.#waiting.delete(wake);
        clearTimeout(timer);
        reject(new Error('the caller has gone'));
      });
    });
  }

  #join(pair: Pair, from: net.Socket, to: net.Socket): void {
    from.on('data', (chunk: Buffer) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => {
      if (this.#state === 'up') from.resume();
    });
    from.on('end', () => to.end());
    from.on('close', () => {
      pair.closePending = true;
      this.#flow(pair);
    });
    from.on('error', () => from.destroy());
  }

  #flow(pair: Pair): void {
    const { client, upstream } = pair;
    if (upstream === undefined) return;
    if (this.#state !== 'up') {
      client.pause();
      upstream.pause();
      return;
    }
    if (!pair.closePending) {
      client.resume();
      upstream.resume();
      return;
    }
    this.#pairs.delete(pair);
    // The side that is left still gets what was written to it before.
    for (const side of [client, upstream]) if (!side.destroyed) side.destroySoon();
  }
}

/** Listens on loopback; answers the port. */
export function listenOn(server: net.Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port }, () => {
      server.removeListener('error', reject);
      resolve((server.address() as net.AddressInfo).port);
    });
  });
}

function dialed(socket: net.Socket): Promise<net.Socket> {
  socket.setNoDelay(true);
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
  });
}

/** Reads the first line; what follows it stays in the socket. */
async function preamble(client: net.Socket): Promise<string> {
  let text = Buffer.alloc(0);
  while (text.length < preambleLimitBytes) {
    const chunk: Buffer | null = client.read() as Buffer | null;
    if (chunk === null) {
      if (client.readableEnded || client.destroyed) break;
      await new Promise((resolve) => {
        client.once('readable', resolve);
        client.once('close', resolve);
      });
      continue;
    }
    text = Buffer.concat([text, chunk]);
    const end = text.indexOf('\n');
    if (end >= 0) {
      if (end + 1 < text.length) client.unshift(text.subarray(end + 1));
      client.removeAllListeners('readable');
      return text.subarray(0, end).toString('utf8').trim();
    }
  }
  throw new Error('the first line names no machine');
}
