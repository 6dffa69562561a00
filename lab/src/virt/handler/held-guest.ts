// A guest in the hands of its launcher pod: starts, receives, sends and ends it in the background, and says at any time where it
// stands. Promises: every change is announced once; whatever happens the last word is `ended`, and then its disks are gone.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { Logger } from 'pino';
import type { GuestGroup } from '../../machines/cgroup/guest-group.ts';
import { LogTail, type LogWriter } from '../../machines/logs/log-file.ts';
import type { BootQueue } from '../qemu/boot-queue.ts';
import type { AgentInfo } from '../qemu/guest-agent.ts';
import { Guest } from '../qemu/guest.ts';
import type { GuestSpec } from '../qemu/guest-spec.ts';
import type { GuestLease } from '../qemu/process.ts';
import type { GuestExit } from '../qemu/exit.ts';
import type { MigrationProgress, MigrationResult, MigrationSockets } from '../qemu/migration-source.ts';
import type { GuestEnd, GuestView } from './decide.ts';

export interface HeldGuestOptions {
  readonly spec: GuestSpec;
  /** Of the launcher pod; the guest's disks come below it. */
  readonly dir: string;
  readonly socketDir: string;
  readonly group: GuestGroup;
  readonly lease: GuestLease | undefined;
  readonly witness: string | undefined;
  readonly program: readonly string[] | undefined;
  readonly boots: BootQueue;
  readonly clock: Clock;
  readonly log: Logger;
  /** Hypervisor log: what `kubectl logs` shows of the compute container. */
  readonly compute: LogWriter;
  /** Serial line: what `kubectl logs` shows of guest-console-log. */
  readonly consoleLog: LogWriter;
  readonly onChange: () => void;
}

/** Bounds of one sending, in ms. */
export interface SendLimits {
  readonly timeoutMs: number;
  /** Given up when nothing moves for so long. */
  readonly stalledMs: number;
  readonly maxDowntimeMs: number;
}

/** A guest that starts, or has just arrived on a busy machine, may need long for its first answer. */
const agentPatienceMs = 60_000;

type Inner =
  | { readonly state: 'starting' | 'running' | 'incoming' }
  | { readonly state: 'sending'; readonly migrationUid: string; readonly stop: AbortController }
  | { readonly state: 'sent'; readonly migrationUid: string; readonly at: number }
  | { readonly state: 'ended'; readonly end: GuestEnd };

export class HeldGuest {
  readonly #o: HeldGuestOptions;
  readonly #giveUp = new AbortController();
  #inner: Inner = { state: 'starting' };
  #guest: Guest | undefined;
  #tail: LogTail | undefined;
  #killing: GuestEnd | undefined;
  #poweredDown = false;
  /** What the last sending measured. */
  sent: MigrationResult | undefined;
  /** Why the last start, arrival or sending failed. */
  failure: string | undefined;
  /** What the agent in the guest says; undefined while there is none that answers. */
  agent: AgentInfo | undefined;
  /** Where an incoming migration is received. */
  sockets: MigrationSockets | undefined;

  private constructor(options: HeldGuestOptions) {
    this.#o = options;
  }

  static boot(options: HeldGuestOptions): HeldGuest {
    const held = new HeldGuest(options);
    void held.#boot();
    return held;
  }

  /** @param paused the guest arrives paused and stays so. */
  static receive(options: HeldGuestOptions, arrival: { timeoutMs: number; paused: boolean }): HeldGuest {
    const held = new HeldGuest(options);
    void held.#receive(arrival);
    return held;
  }

  get spec(): GuestSpec {
    return this.#o.spec;
  }

  get view(): GuestView {
    const inner = this.#inner;
    if (inner.state === 'sending') return { state: 'sending', migrationUid: inner.migrationUid };
    if (inner.state === 'running') return { state: 'running', agent: this.agent !== undefined };
    if (inner.state !== 'sent') return inner;
    return { state: 'sent', migrationUid: inner.migrationUid, forMs: this.#o.clock.monotonic() - inner.at };
  }

  /** The running guest, for consoles and buttons; undefined when there is none to reach. */
  get guest(): Guest | undefined {
    return this.#inner.state === 'running' || this.#inner.state === 'sending' ? this.#guest : undefined;
  }

  /** Presses the power button, once. A guest that does not listen goes on running. */
  async powerDown(): Promise<void> {
    if (this.#poweredDown) return;
    this.#poweredDown = true;
    this.#o.compute.line('pressing the power button of the guest');
    if (this.#inner.state === 'starting') return this.kill('killed');
    await this.#guest?.powerdown();
  }

  async kill(end: GuestEnd): Promise<void> {
    this.#killing ??= end;
    this.#giveUp.abort(new Error('given up'));
    await this.#guest?.kill();
  }

  /** Sends the guest away; the outcome shows in the view, and in `failure`. */
  send(migrationUid: string, sockets: MigrationSockets, limits: SendLimits): void {
    const guest = this.#guest;
    if (guest === undefined || this.#inner.state !== 'running') return;
    const { timeoutMs, maxDowntimeMs, stalledMs } = limits;
    const { clock } = this.#o;
    const stop = new AbortController();
    this.failure = undefined;
    const stalled = (): void => stop.abort(new Error(`nothing moved for ${stalledMs / 1000} s`));
    let timer = clock.setTimeout(stalled, stalledMs);
    let movedBytes = -1;
    const onProgress = ({ transferredBytes }: MigrationProgress): void => {
      if (transferredBytes === movedBytes) return;
      movedBytes = transferredBytes;
      timer.cancel();
      timer = clock.setTimeout(stalled, stalledMs);
    };
    this.#become({ state: 'sending', migrationUid, stop });
    guest
      .migrateTo(sockets, { timeoutMs, maxDowntimeMs, signal: stop.signal, onProgress })
      .finally(() => timer.cancel())
      .then((result) => {
        this.sent = result;
        this.#o.compute.line(`guest sent in ${result.totalMs} ms, stood still for ${result.downtimeMs} ms`);
        this.#become({ state: 'sent', migrationUid, at: this.#o.clock.monotonic() });
      })
      .catch((error: unknown) => {
        this.failure = (error as Error).message;
        this.#o.compute.line(`guest not sent: ${this.failure}`);
        this.#become({ state: 'running' });
      });
  }

  stopSending(why: string): void {
    if (this.#inner.state === 'sending') this.#inner.stop.abort(new Error(why));
  }

  async #boot(): Promise<void> {
    const { boots, compute } = this.#o;
    try {
      const guest = await boots.boot(() => this.#start(false), this.#giveUp.signal);
      compute.line(
        `guest started: ${guest.spec.cores} cores, ${guest.spec.memoryMiB} MiB, lab/${guest.spec.image.name}`,
      );
      this.#become({ state: 'running' });
    } catch (error) {
      await this.#failed(error as Error);
    }
  }

  async #receive({ timeoutMs, paused }: { timeoutMs: number; paused: boolean }): Promise<void> {
    const { compute } = this.#o;
    try {
      const guest = await this.#start(true);
      this.sockets = await guest.prepareIncoming();
      compute.line('waiting for the guest to arrive');
      this.#become({ state: 'incoming' });
      await guest.arrived({ timeoutMs, paused, signal: this.#giveUp.signal });
      compute.line('guest arrived');
      this.#become({ state: 'running' });
    } catch (error) {
      await this.#failed(error as Error);
    }
  }

  async #start(incoming: boolean): Promise<Guest> {
    const { spec, dir, socketDir, group, lease, witness, program, log, consoleLog } = this.#o;
    const where = { dir: join(dir, 'guest'), socketDir, cgroupProcs: group.procs, lease, witness, program };
    const options = { ...where, log, incoming, signal: this.#giveUp.signal };
    const guest = await Guest.start(spec, options);
    this.#guest = guest;
    this.#tail = new LogTail(guest.serialLogPath, consoleLog);
    this.#tail.start((error) => log.warn({ err: error }, 'the serial line could not be logged'));
    guest.on('agent', (connected) => void this.#agentChanged(guest, connected));
    guest.once('exit', (exit) => void this.#exited(exit));
    return guest;
  }

  async #agentChanged(guest: Guest, connected: boolean): Promise<void> {
    try {
      this.agent = connected ? await guest.agentInfo(agentPatienceMs) : undefined;
    } catch (error) {
      this.agent = undefined;
      this.#o.compute.line(`the agent in the guest does not answer: ${(error as Error).message}`);
    }
    this.#o.onChange();
  }

  async #failed(error: Error): Promise<void> {
    if (this.#inner.state === 'ended') return;
    this.failure = error.message;
    this.#o.compute.line(`guest not started: ${error.message}`);
    if (this.#guest === undefined) await this.#finish(this.#killing ?? 'failed-to-start');
    else await this.#guest.kill();
  }

  async #exited(exit: GuestExit): Promise<void> {
    this.#o.compute.line(`guest ended: ${exit.reason}, ${exit.detail}`);
    // What QEMU itself said tells more than that it does not answer any more.
    this.failure = `${exit.reason}, ${exit.detail}`;
    await this.#tail?.finish().catch((error: unknown) => this.#o.log.warn({ err: error }, 'the last output was lost'));
    await this.#finish(this.#killing ?? endOf(exit));
  }

  async #finish(end: GuestEnd): Promise<void> {
    await rm(join(this.#o.dir, 'guest'), { recursive: true, force: true });
    await rm(this.#o.socketDir, { recursive: true, force: true });
    this.#o.group.remove();
    this.#become({ state: 'ended', end });
  }

  #become(next: Inner): void {
    if (this.#inner.state === 'ended') return;
    this.#inner = next;
    this.#o.onChange();
  }
}

function endOf(exit: GuestExit): GuestEnd {
  switch (exit.reason) {
    case 'guest-shutdown':
      return 'shutdown';
    case 'migrated':
      return 'migrated';
    case 'killed':
      return 'killed';
    case 'guest-panic':
    case 'migration-failed':
    case 'quit':
    case 'crash':
      return 'crashed';
  }
}
