// A system bus of its own with a logind on it that obeys (python3-dbusmock), for tests of what asks logind.
// Promises: nothing of the machine's own bus is touched; `close` ends every process that was started, by its id.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import dbus, { Variant, type MessageBus } from 'dbus-native';

const login1 = 'org.freedesktop.login1';
const root = '/org/freedesktop/login1';
const mock = 'org.freedesktop.DBus.Mock';
const deadlineMs = 30_000;

type Typed = readonly [signature: string, value: unknown];

export class LogindMock {
  readonly socket: string;
  #daemon: ChildProcess | undefined;
  #logind: ChildProcess | undefined;
  #bus: MessageBus | undefined;

  /** @param socket where the bus is to listen; its folder is made. */
  static async start(socket: string): Promise<LogindMock> {
    const mocked = new LogindMock(socket);
    await mocked.startBus();
    await mocked.startLogind();
    return mocked;
  }

  private constructor(socket: string) {
    this.socket = socket;
  }

  async startBus(): Promise<void> {
    mkdirSync(dirname(this.socket), { recursive: true });
    const args = ['--session', `--address=unix:path=${this.socket}`, '--nofork', '--print-address'];
    const daemon = spawn('dbus-daemon', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#daemon = daemon;
    await new Promise<void>((resolve, reject) => {
      daemon.stdout.once('data', () => resolve());
      daemon.once('error', reject).once('exit', () => reject(new Error('dbus-daemon did not start')));
    });
    this.#bus = dbus.createClient({ socket: this.socket, timeout: 5_000 });
    // It ends with its daemon.
    this.#bus.connection.on('error', () => undefined);
  }

  async startLogind(): Promise<void> {
    // Debian's own Python has the package; another one may come first on the search path.
    this.#logind = spawn('/usr/bin/python3', ['-m', 'dbusmock', '--system', '--template', 'logind'], {
      env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${this.socket}` },
      stdio: 'ignore',
    });
    await this.until('logind answers', () =>
      this.#call(root, `${login1}.Manager`, 'ListSessions').then(
        () => true,
        () => false,
      ),
    );
  }

  async stopLogind(): Promise<void> {
    await stopped(this.#logind);
  }

  async stopBus(): Promise<void> {
    await this.stopLogind();
    this.#bus?.connection.end();
    await stopped(this.#daemon);
  }

  async close(): Promise<void> {
    await this.stopBus();
  }

  async addSession(id: string, properties: Readonly<Record<string, Typed>> = {}): Promise<void> {
    await this.#call(root, mock, 'AddSession', 'ssusb', [id, 'seat0', 1000, 'ana', true]);
    await this.setSession(id, properties);
    await this.emit('SessionNew', 'so', [
      ['s', id],
      ['o', `${root}/session/${id}`],
    ]);
  }

  async removeSession(id: string): Promise<void> {
    const path = `${root}/session/${id}`;
    await this.#call(root, mock, 'RemoveObject', 's', [path]);
    await this.emit('SessionRemoved', 'so', [
      ['s', id],
      ['o', path],
    ]);
  }

  /** Tells of it as logind does. */
  async setSession(id: string, properties: Readonly<Record<string, Typed>>): Promise<void> {
    if (Object.keys(properties).length > 0)
      await this.#update(`${root}/session/${id}`, `${login1}.Session`, properties);
  }

  async setManager(properties: Readonly<Record<string, Typed>>): Promise<void> {
    await this.#update(root, `${login1}.Manager`, properties);
  }

  /** A signal of the manager. */
  async emit(member: string, signature: string, body: readonly Typed[]): Promise<void> {
    await this.#call(root, mock, 'EmitSignal', 'sssav', [
      `${login1}.Manager`,
      member,
      signature,
      body.map((typed) => new Variant(...typed)),
    ]);
  }

  /** `what` of each inhibitor that is held. */
  async inhibitors(): Promise<string[]> {
    const list = (await this.#call(root, `${login1}.Manager`, 'ListInhibitors')) as [string, ...unknown[]][];
    return list.map(([what]) => what);
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`${what}: not within ${deadlineMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #update(path: string, of: string, properties: Readonly<Record<string, Typed>>): Promise<void> {
    const values = Object.entries(properties).map(([name, typed]) => [name, new Variant(...typed)] as const);
    for (const [name, value] of values) {
      try {
        await this.#call(path, mock, 'AddProperty', 'ssv', [of, name, value]);
      } catch (error) {
        if (!String((error as { dbusName?: string }).dbusName).endsWith('.PropertyExists')) throw error;
      }
    }
    await this.#call(path, mock, 'UpdateProperties', 'sa{sv}', [of, Object.fromEntries(values)]);
  }

  async #call(path: string, of: string, member: string, signature?: string, body?: unknown[]): Promise<unknown> {
    if (!this.#bus) throw new Error('the bus was not started');
    return this.#bus.invoke({
      destination: login1,
      path,
      interface: of,
      member,
      ...(signature === undefined ? {} : { signature, body: body ?? [] }),
    });
  }
}

async function stopped(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
