// One connection to the machine's system bus, for asking logind and hearing its signals.
// Promises: a service that does not run is not started by asking it; signals of anybody but logind are not passed on, for every
// user of a machine may send signals to every program on its bus. A connection is used once; whoever wants another opens another.

import type { Message, MessageBus } from 'dbus-native';
import type { Properties } from './logind-session.ts';

const login1 = { name: 'org.freedesktop.login1', root: '/org/freedesktop/login1' } as const;
const daemon = { name: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus' } as const;
const properties = 'org.freedesktop.DBus.Properties';
const managerInterface = `${login1.name}.Manager`;
const sessionInterface = `${login1.name}.Session`;
const callTimeoutMs = 5_000;
const signalType = 4;
const noAutoStart = 2;

const rules = [
  `type='signal',sender='${daemon.name}',interface='${daemon.name}',member='NameOwnerChanged',arg0='${login1.name}'`,
  `type='signal',sender='${login1.name}',path='${login1.root}',interface='${managerInterface}'`,
  `type='signal',sender='${login1.name}',path_namespace='${login1.root}/session',interface='${properties}'`,
  `type='signal',sender='${login1.name}',path='${login1.root}',interface='${properties}'`,
];

export interface Signal {
  readonly member: string;
  readonly body: readonly unknown[];
}

export class SystemBus {
  readonly #bus: MessageBus;
  readonly #ended = new AbortController();
  #owner: string | undefined;

  /** Throws when nobody answers at `socket`. `onOwner` is told when logind has gone, or another has come. */
  static async open(
    socket: string,
    on: { readonly signal: (signal: Signal) => void; readonly owner: () => void },
  ): Promise<SystemBus> {
    // Some megabytes that a machine without a bus need not carry.
    const { default: dbus } = await import('dbus-native');
    const bus = new SystemBus(dbus.createClient({ socket, timeout: callTimeoutMs }), on);
    try {
      for (const rule of rules) await bus.#bus.addMatch(rule);
      bus.#owner = await bus.#askOwner();
      return bus;
    } catch (error) {
      bus.close();
      const { reason } = bus.ended as { reason: unknown };
      throw reason instanceof Error ? reason : error;
    }
  }

  private constructor(bus: MessageBus, on: { signal: (signal: Signal) => void; owner: () => void }) {
    this.#bus = bus;
    bus.connection.on('error', (error: Error) => this.#ended.abort(error));
    bus.connection.on('close', (cause?: Error) => this.#ended.abort(cause));
    bus.connection.on('message', (message: Message) => {
      const { type, sender, member = '', body = [] } = message;
      if (type !== signalType) return;
      if (sender === daemon.name && member === 'NameOwnerChanged' && body[0] === login1.name) {
        this.#owner = typeof body[2] === 'string' && body[2] !== '' ? body[2] : undefined;
        on.owner();
      } else if (sender !== undefined && sender === this.#owner) on.signal({ member, body });
    });
  }

  /** Aborted when the connection has ended, with the error that ended it, if one did. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  async manager(): Promise<Properties> {
    return this.#properties(login1.root, managerInterface);
  }

  async session(path: string): Promise<Properties> {
    return this.#properties(path, sessionInterface);
  }

  /** Ids and object paths. */
  async sessions(): Promise<{ readonly id: string; readonly path: string }[]> {
    const list = await this.#bus.invoke<[string, number, string, string, string][]>({
      destination: login1.name,
      path: login1.root,
      interface: managerInterface,
      member: 'ListSessions',
      flags: noAutoStart,
    });
    return list.map(([id, , , , path]) => ({ id, path }));
  }

  close(): void {
    this.#bus.connection.end();
  }

  async #properties(path: string, of: string): Promise<Properties> {
    return this.#bus.invoke<Properties>({
      destination: login1.name,
      path,
      interface: properties,
      member: 'GetAll',
      signature: 's',
      body: [of],
      flags: noAutoStart,
    });
  }

  async #askOwner(): Promise<string | undefined> {
    try {
      return await this.#bus.invoke<string>({
        destination: daemon.name,
        path: daemon.path,
        interface: daemon.name,
        member: 'GetNameOwner',
        signature: 's',
        body: [login1.name],
      });
    } catch (error) {
      if ((error as { dbusName?: string }).dbusName === `${daemon.name}.Error.NameHasNoOwner`) return undefined;
      throw error;
    }
  }
}
