// Asks logind over the system bus who is logged in, whether somebody watches, and whether the machine is about to leave.
// Promises: reading never waits; a bus or a logind that goes away is unknown after a few seconds and is asked again when it
// is back; an announced sleep or shutdown holds until logind says otherwise, also when the bus has gone with it.

import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { Backoff } from '@idlewild/operator/kube/backoff.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { Readings } from '../presence/readings.ts';
import { machineFacts, type MachineFacts } from './logind-manager.ts';
import { rememberSession, sessionReading, type SessionMemory } from './logind-session.ts';
import { SystemBus, type Signal } from './system-bus.ts';

/** Lid, power and announcements send no signal, or one that may have been missed. */
const machineEveryMs = 2_000;
/** Signals tell of changes, but not of terminals that fall idle. */
const sessionsEveryMs = 10_000;
/** What was read last holds for so long. */
const holdsMs = machineEveryMs + 5_000;

export type LogindReadings = Pick<Readings, 'sessions' | 'watching' | 'onBattery' | 'lidClosed' | 'leaving'>;

export interface LogindOptions {
  /** Of the system bus. */
  readonly socket: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when a signal has changed what is known. */
  readonly onChange: () => void;
}

type Going = keyof MachineFacts['preparing'];
const announcements: Readonly<Record<string, Going>> = { PrepareForShutdown: 'shutdown', PrepareForSleep: 'sleep' };

export class Logind {
  readonly #o: LogindOptions;
  #facts: MachineFacts | undefined;
  #sessions: readonly SessionMemory[] = [];
  #readMs = Number.NEGATIVE_INFINITY;
  #listedMs = Number.NEGATIVE_INFINITY;
  /** When each announcement was heard, monotonic ms. */
  readonly #going = new Map<Going, number>();
  #wake: () => void = () => undefined;
  /** Why logind cannot be asked; what the log said last. */
  #lost: string | undefined = 'it was not asked yet';

  constructor(options: LogindOptions) {
    this.#o = options;
  }

  readings(): LogindReadings {
    const elapsedMs = this.#o.clock.monotonic();
    const leaving = this.#going.size > 0 || undefined;
    if (!this.#facts || !this.answers) return { leaving };
    const { watching, onBattery, lidClosed } = this.#facts;
    const sessions = this.#sessions.map((memory) => sessionReading(memory, elapsedMs));
    return { sessions, watching, onBattery, lidClosed, leaving: leaving ?? false };
  }

  /** Whether what it said last still holds. */
  get answers(): boolean {
    return this.#o.clock.monotonic() - this.#readMs <= holdsMs;
  }

  /** How long ago the machine announced that it leaves, ms; undefined while it stays. */
  get leavingForMs(): number | undefined {
    return this.#going.size === 0 ? undefined : this.#o.clock.monotonic() - Math.min(...this.#going.values());
  }

  /** The longest that logind lets a shutdown wait, ms; undefined when it does not tell. */
  get inhibitDelayMaxMs(): number | undefined {
    return this.#facts?.inhibitDelayMaxMs;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#o;
    const backoff = new Backoff({ baseMs: 250, maxMs: 10_000 });
    while (!signal.aborted) {
      try {
        await this.#listen(signal, () => backoff.reset());
      } catch (error) {
        this.#lose(error);
      }
      await clock.sleep(backoff.next(), signal).catch(() => undefined);
    }
  }

  /** For as long as one connection lasts. */
  async #listen(signal: AbortSignal, onRead: () => void): Promise<void> {
    const { socket, clock } = this.#o;
    if (!existsSync(socket)) throw new Error(`there is no system bus at ${socket}`);
    const again = (): void => {
      this.#listedMs = Number.NEGATIVE_INFINITY;
      this.#wake();
    };
    const bus = await SystemBus.open(socket, { signal: (each) => this.#heard(each, again), owner: again });
    const over = AbortSignal.any([signal, bus.ended]);
    try {
      // What was announced on an earlier connection may be over.
      let first = true;
      while (!over.aborted) {
        const woken = new AbortController();
        this.#wake = () => woken.abort();
        try {
          await this.#read(bus, first);
          first = false;
          onRead();
        } catch (error) {
          if (over.aborted) break;
          this.#lose(error);
        }
        if (!woken.signal.aborted) {
          await clock.sleep(machineEveryMs, AbortSignal.any([over, woken.signal])).catch(() => undefined);
        }
      }
    } finally {
      bus.close();
    }
    if (!signal.aborted) throw new Error('the system bus has gone', { cause: bus.ended.reason });
  }

  async #read(bus: SystemBus, first: boolean): Promise<void> {
    const { clock, onChange } = this.#o;
    const facts = machineFacts(await bus.manager());
    for (const going of Object.values(announcements)) {
      const before = first ? undefined : this.#facts?.preparing[going];
      if (facts.preparing[going] !== before) this.#announce(going, facts.preparing[going]);
    }
    const listing = clock.monotonic() - this.#listedMs >= sessionsEveryMs;
    if (listing) {
      this.#listedMs = clock.monotonic();
      this.#sessions = await this.#list(bus);
    }
    this.#facts = facts;
    this.#readMs = clock.monotonic();
    if (this.#lost !== undefined) this.#o.log.info('logind answers');
    this.#lost = undefined;
    if (listing) onChange();
  }

  async #list(bus: SystemBus): Promise<readonly SessionMemory[]> {
    const { clock, log } = this.#o;
    const known = new Map(this.#sessions.map((each) => [each.id, each]));
    const sessions: SessionMemory[] = [];
    for (const { id, path } of await bus.sessions()) {
      try {
        const properties = await bus.session(path);
        const now = { wallMs: clock.now(), elapsedMs: clock.monotonic() };
        const memory = rememberSession(known.get(id), id, properties, now);
        if (memory) sessions.push(memory);
      } catch (error) {
        if (bus.ended.aborted) throw error;
        // It ended between the two questions.
        log.debug({ id, err: error }, 'a session cannot be read');
      }
    }
    return sessions;
  }

  #heard({ member, body }: Signal, again: () => void): void {
    const going = announcements[member];
    if (going === undefined) return again();
    this.#announce(going, body[0] === true);
    this.#o.onChange();
  }

  #announce(going: Going, yes: boolean): void {
    if (!yes) this.#going.delete(going);
    else if (!this.#going.has(going)) this.#going.set(going, this.#o.clock.monotonic());
  }

  #lose(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    if (why !== this.#lost)
      this.#o.log.info({ why }, 'logind cannot be asked: sessions are read from the file of logins');
    this.#lost = why;
    this.#listedMs = Number.NEGATIVE_INFINITY;
  }
}
