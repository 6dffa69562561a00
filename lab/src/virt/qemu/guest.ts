// One running virtual machine: its QEMU process, control socket, serial line and screen.
// Promise: after start() there is a process, and exactly one 'exit' follows, with the reason. All requests end within seconds,
// also when QEMU hangs. The guest never outlives this process.
import { EventEmitter } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { qemuArgv } from './argv.ts';
import { classifyExit } from './exit.ts';
import type { GuestExit } from './exit.ts';
import { askAgent } from './guest-agent.ts';
import type { AgentInfo } from './guest-agent.ts';
import { checkSpec, guestPaths } from './guest-spec.ts';
import type { GuestPaths, GuestSpec } from './guest-spec.ts';
import { migrateGuest, MigrationError } from './migration-source.ts';
import type { MigrationOptions, MigrationResult, MigrationSockets } from './migration-source.ts';
import { awaitArrival, openForArrival } from './migration-target.ts';
import type { ArrivalOptions } from './migration-target.ts';
import { spawnQemu } from './process.ts';
import type { GuestLease, QemuProcess } from './process.ts';
import { connectWhenReady, Qmp } from './qmp.ts';
import type { QmpEvent } from './qmp-message.ts';
import { SerialLine } from './serial-line.ts';
import { prepareStorage } from './storage.ts';

/** `migrated`: the guest lives on elsewhere and this process only waits to be killed; it must never run again. */
export type GuestState = 'running' | 'paused' | 'migrating' | 'incoming' | 'migrated' | 'stopped';

export interface GuestOptions {
  /** Folder for the guest's disks and log; made if absent. Removing it is the caller's business. */
  readonly dir: string;
  /** Folder for its Unix sockets, if `dir` is too deep for their paths; made if absent, removed at exit. */
  readonly socketDir?: string;
  readonly cgroupProcs?: readonly string[];
  /** Without one the guest lives as long as this process. */
  readonly lease?: GuestLease | undefined;
  /** In the place of QEMU; see QemuProcessOptions. */
  readonly program?: readonly string[] | undefined;
  /** See ArgvOptions. Both ends of a migration have one, or none. */
  readonly witness?: string | undefined;
  readonly log: Logger;
  /** Wait for a migration instead of booting. */
  readonly incoming?: boolean;
  readonly signal?: AbortSignal;
}

export interface GuestEvents {
  /** The guest printed its first byte on the serial line: its boot is through the worst. */
  booted: [];
  state: [GuestState];
  /** The guest's agent opened or closed its port. */
  agent: [boolean];
  /** The guest rebooted itself; it goes on running. */
  reset: [];
  exit: [GuestExit];
}

const startTimeoutMs = 20_000;
const quitTimeoutMs = 3000;
const keyHoldMs = 20;

export class Guest extends EventEmitter<GuestEvents> {
  readonly spec: GuestSpec;
  readonly paths: GuestPaths;
  readonly pid: number;
  /** Resolves when the process is gone. */
  readonly exited: Promise<GuestExit>;
  readonly #log: Logger;
  readonly #qmp: Qmp;
  readonly #serial: SerialLine;
  readonly #process: QemuProcess;
  #state: GuestState;
  #agentConnected = false;
  #killed = false;
  #shutdownReason: string | undefined;

  private constructor(spec: GuestSpec, paths: GuestPaths, parts: GuestParts) {
    super();
    this.spec = spec;
    this.paths = paths;
    this.pid = parts.process.pid;
    this.#log = parts.log;
    this.#qmp = parts.qmp;
    this.#serial = parts.serial;
    this.#process = parts.process;
    this.#state = parts.incoming ? 'incoming' : 'running';
    this.#qmp.onEvent((event) => this.#receive(event));
    this.#serial.onceOutput(() => this.emit('booted'));
    this.exited = this.#process.ended.then((end) => this.#finish(end));
  }

  /** Makes the disks and starts QEMU. Throws when the spec is wrong or QEMU does not come up; then nothing is left running. */
  static async start(spec: GuestSpec, options: GuestOptions): Promise<Guest> {
    checkSpec(spec);
    const paths = guestPaths(options.dir, options.socketDir ?? options.dir);
    const log = options.log.child({ guest: spec.id });
    const incoming = options.incoming ?? false;
    await prepareStorage(spec, paths, options.signal);
    await mkdir(options.socketDir ?? options.dir, { recursive: true });
    const process = await spawnQemu(qemuArgv(spec, paths, { incoming, witness: options.witness }), {
      cgroupProcs: options.cgroupProcs,
      lease: options.lease,
      program: options.program,
      onErrorLine: (line) => log.warn({ line }, 'qemu'),
    });
    const failed = new AbortController();
    void process.ended.then(() =>
      failed.abort(new Error(`QEMU ended at once: ${process.lastErrorLine() ?? 'no message'}`)),
    );
    try {
      const signals = [failed.signal, AbortSignal.timeout(startTimeoutMs)];
      const signal = AbortSignal.any(options.signal === undefined ? signals : [...signals, options.signal]);
      const serial = new SerialLine(await connectWhenReady(paths.serialSocket, signal));
      const qmp = await Qmp.connect(paths.qmpSocket, signal);
      const guest = new Guest(spec, paths, { process, qmp, serial, log, incoming });
      log.info({ pid: process.pid, incoming }, 'guest started');
      return guest;
    } catch (error) {
      process.child.kill('SIGKILL');
      await process.ended;
      const reason = process.lastErrorLine() ?? (error instanceof Error ? error.message : String(error));
      throw new Error(`start guest ${spec.id}: ${reason}`, { cause: error });
    }
  }

  get state(): GuestState {
    return this.#state;
  }

  get agentConnected(): boolean {
    return this.#agentConnected;
  }

  /** Asks the agent in the guest who the guest is. Throws when it does not answer in time. */
  async agentInfo(timeoutMs?: number): Promise<AgentInfo> {
    return askAgent(this.paths.agentSocket, timeoutMs);
  }

  /** Unix socket of the screen; there only if the spec has graphics. */
  get vncSocket(): string {
    return this.paths.vncSocket;
  }

  /** Everything the guest ever printed on its serial line in this process. */
  get serialLogPath(): string {
    return this.paths.serialLog;
  }

  async pause(): Promise<void> {
    await this.#qmp.execute('stop');
  }

  async resume(): Promise<void> {
    if (this.#state === 'migrated') throw new Error('the guest has migrated: it must not run here again');
    await this.#qmp.execute('cont');
  }

  /** Presses the power button. A guest that listens ends with reason `guest-shutdown`. */
  async powerdown(): Promise<void> {
    await this.#qmp.execute('system_powerdown');
  }

  /** Presses the reset button: the guest boots again, the process stays. */
  async reset(): Promise<void> {
    await this.#qmp.execute('system_reset');
  }

  /** Ends the process at once and waits until it is gone. */
  async kill(): Promise<GuestExit> {
    this.#killed = true;
    this.#process.child.kill('SIGKILL');
    return this.exited;
  }

  /** Lets QEMU write its disks out and end; kills it if it does not answer. */
  async quit(): Promise<GuestExit> {
    this.#killed = true;
    await this.#qmp.execute('quit', undefined, quitTimeoutMs).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'QEMU did not quit when asked; killing it');
      this.#process.child.kill('SIGKILL');
    });
    const late = setTimeout(() => this.#process.child.kill('SIGKILL'), quitTimeoutMs);
    return this.exited.finally(() => clearTimeout(late));
  }

  /** The screen as PNG. Throws when the guest has none. */
  async screenshot(): Promise<Buffer> {
    if (!this.spec.graphics) throw new Error('the guest has no screen');
    const file = join(this.paths.dir, 'screen.png');
    try {
      await this.#qmp.execute('screendump', { filename: file, format: 'png' });
      return await readFile(file);
    } finally {
      await rm(file, { force: true });
    }
  }

  /** Presses keys together, as QEMU names them (`ctrl`, `alt`, `delete`, `a`). */
  async sendKeys(keys: readonly string[]): Promise<void> {
    await this.#qmp.execute('send-key', {
      keys: keys.map((data) => ({ type: 'qcode', data })),
      'hold-time': keyHoldMs,
    });
  }

  /** A viewer of the serial line; see SerialLine. */
  attachSerial(): Duplex {
    return this.#serial.attach();
  }

  /** A new connection to the screen, speaking RFB. Throws when the guest has none. */
  async connectVnc(): Promise<Socket> {
    if (!this.spec.graphics) throw new Error('the guest has no screen');
    const socket = connect(this.paths.vncSocket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return socket;
  }

  /** As target: opens the sockets that the source will use. Continue with arrived(). */
  async prepareIncoming(): Promise<MigrationSockets> {
    return openForArrival(this.#qmp, this.spec, this.paths);
  }

  /** As target: waits until the guest is here, takes its disks over and lets it run. Answers when it ran again, ms since the epoch. */
  async arrived(options: ArrivalOptions): Promise<{ readonly resumedAtMs: number }> {
    const arrival = await awaitArrival(this.#qmp, options);
    this.#setState(options.paused === true ? 'paused' : 'running');
    // The agent opened its port at the source, so no event tells of it here.
    this.#setAgent(await hasAgent(this.#qmp));
    return arrival;
  }

  /**
   * As source: moves the guest, disks included, to a target that waits at the sockets. Afterwards the state is `migrated` and the
   * caller kills this process once the target runs. Throws MigrationError; the guest then goes on here as before, unless it says
   * that the guest was handed over already.
   */
  async migrateTo(target: MigrationSockets, options: MigrationOptions): Promise<MigrationResult> {
    if (this.#state !== 'running' && this.#state !== 'paused') {
      throw new Error(`a guest in state ${this.#state} cannot be migrated`);
    }
    const before = this.#state;
    this.#setState('migrating');
    try {
      const result = await migrateGuest(this.#qmp, this.spec, target, { ...options, wasRunning: before === 'running' });
      this.#setState('migrated');
      return result;
    } catch (error) {
      const handedOver = error instanceof MigrationError && error.handedOver;
      if (this.state === 'migrating') this.#setState(handedOver ? 'migrated' : before);
      throw error;
    }
  }

  #receive(event: QmpEvent): void {
    switch (event.name) {
      case 'STOP':
        if (this.#state === 'running') this.#setState('paused');
        return;
      case 'RESUME':
        if (this.#state === 'paused') this.#setState('running');
        return;
      case 'RESET':
        if (event.data['guest'] === true) this.emit('reset');
        return;
      case 'SHUTDOWN':
        this.#shutdownReason = String(event.data['reason']);
        return;
      case 'VSERPORT_CHANGE':
        this.#setAgent(event.data['open'] === true);
    }
  }

  #setAgent(connected: boolean): void {
    if (connected === this.#agentConnected) return;
    this.#agentConnected = connected;
    this.emit('agent', connected);
  }

  async #finish(end: { code: number | null; signal: NodeJS.Signals | null }): Promise<GuestExit> {
    const exit = classifyExit({
      ...end,
      shutdownReason: this.#shutdownReason,
      killed: this.#killed,
      migrated: this.#state === 'migrated',
      incoming: this.#state === 'incoming',
      lastErrorLine: this.#process.lastErrorLine(),
    });
    this.#qmp.close();
    this.#serial.close();
    const { qmpSocket, serialSocket, vncSocket, agentSocket, migrateSocket, nbdSocket } = this.paths;
    for (const socket of [qmpSocket, serialSocket, vncSocket, agentSocket, migrateSocket, nbdSocket]) {
      await rm(socket, { force: true });
    }
    this.#setState('stopped');
    this.#log.info({ ...exit }, 'guest ended');
    this.emit('exit', exit);
    return exit;
  }

  #setState(state: GuestState): void {
    if (state === this.#state || this.#state === 'stopped') return;
    this.#state = state;
    this.emit('state', state);
  }
}

async function hasAgent(qmp: Qmp): Promise<boolean> {
  const devices = await qmp.execute<{ label: string; 'frontend-open': boolean }[]>('query-chardev');
  return devices.some((device) => device.label === 'agent0' && device['frontend-open']);
}

interface GuestParts {
  readonly process: QemuProcess;
  readonly qmp: Qmp;
  readonly serial: SerialLine;
  readonly log: Logger;
  readonly incoming: boolean;
}
