// All machines of the lab and their switches. Promises: a switch is checked before it is turned, turned before it is remembered,
// and one is turned at a time; a new machine is approved in the admin's name once, and not again if the admin takes that back.
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentVerb, MachineVerb, NewMachine, OwnerVerb } from './control.ts';
import type { MachineHost } from './machine-host.ts';
import { desktopOf, machineOf, maxMachines, withMachine, type LabState, type MachineEntry } from './state.ts';

export interface MachinesOptions {
  readonly state: () => LabState;
  readonly save: (change: Partial<LabState>) => void;
  readonly makeHost: (entry: MachineEntry, peerPort: (machine: string) => number | undefined) => MachineHost;
  /** False while the machine is not registered. */
  readonly approve: (machine: string) => Promise<boolean>;
  readonly isReady: (machine: string) => boolean;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const pollMs = 100;
const readyLaterMs = 60_000;
const defaults = { room: 'lab-a', cores: 4, memoryMiB: 3072 };

export class Machines {
  readonly #o: MachinesOptions;
  readonly #hosts = new Map<string, MachineHost>();
  #turning: Promise<unknown> = Promise.resolve();

  constructor(options: MachinesOptions) {
    this.#o = options;
  }

  get hosts(): MachineHost[] {
    return [...this.#hosts.values()];
  }

  async open(): Promise<void> {
    for (const entry of this.#o.state().machines) await this.#open(entry);
  }

  /** Resolves when every machine that has power and a cable is Ready. Throws after `deadlineMs`, naming the others. */
  async ready(deadlineMs: number, names?: readonly string[]): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      this.#o.signal.throwIfAborted();
      const wanted = this.#o.state().machines.filter(({ name, power, cut }) => {
        return power === 'on' && !cut && (names === undefined || names.includes(name));
      });
      const late = wanted.filter(({ name, approved }) => approved !== true || !this.#o.isReady(name));
      if (late.length === 0) return;
      if (performance.now() > deadline) {
        throw new Error(`machines do not become Ready: ${late.map(({ name }) => name).join(', ')}; see their logs`);
      }
      await delay(pollMs);
    }
  }

  /** Throws when there is no such machine, or the switch makes no sense in its state. */
  turn(verb: MachineVerb, name: string): Promise<void> {
    return this.#oneAtATime(() => this.#turn(verb, name));
  }

  /** The owner comes, goes or speaks. Throws when there is none, or the agent does not answer. */
  owner(verb: OwnerVerb, name: string): Promise<void> {
    return this.#oneAtATime(async () => {
      const { power } = desktopOf(this.#o.state(), name);
      if (power !== 'on') throw new Error(`${name} ${power === 'off' ? 'is off' : 'hangs'}`);
      await this.#hosts.get(name)!.owner(verb);
    });
  }

  /** Throws when there is no such machine, or no agent runs on it. */
  agent(verb: AgentVerb, name: string): Promise<void> {
    return this.#oneAtATime(async () => {
      const { power } = machineOf(this.#o.state(), name);
      if (power !== 'on') throw new Error(`${name} ${power === 'off' ? 'is off' : 'hangs'}`);
      this.#hosts.get(name)!.agent(verb);
    });
  }

  add(name: string, wanted: NewMachine): Promise<void> {
    return this.#oneAtATime(async () => {
      const entry = newEntry(this.#o.state(), name, wanted);
      this.#o.save({ machines: [...this.#o.state().machines, entry] });
      await this.#open(entry);
      await this.ready(readyLaterMs, [name]);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.close()));
  }

  async #open(entry: MachineEntry): Promise<void> {
    const host = this.#o.makeHost(entry, (machine) => this.#hosts.get(machine)?.port);
    this.#hosts.set(entry.name, host);
    await host.open(this.#o.state().machines.findIndex(({ name }) => name === entry.name) + 1);
    if (host.port !== undefined) this.#change(entry.name, { port: host.port });
    if (entry.approved !== true) void this.#approve(entry.name);
  }

  async #approve(name: string): Promise<void> {
    while (!this.#o.signal.aborted) {
      try {
        if (await this.#o.approve(name)) {
          this.#change(name, { approved: true });
          return;
        }
      } catch (error) {
        if (!this.#o.signal.aborted) this.#o.say(`${name} could not be approved yet: ${(error as Error).message}`);
      }
      await delay(pollMs);
    }
  }

  async #turn(verb: MachineVerb, name: string): Promise<void> {
    const { power, cut } = machineOf(this.#o.state(), name);
    const host = this.#hosts.get(name)!;
    const refuse = (why: string): never => {
      throw new Error(`${name}: ${why}`);
    };
    switch (verb) {
      case 'off':
        if (power === 'off') refuse('it is off');
        this.#change(name, { power: 'off' });
        return host.off();
      case 'on':
        if (power !== 'off') refuse(power === 'hung' ? 'it hangs; use resume, or off and then on' : 'it is on');
        this.#change(name, { power: 'on' });
        return host.on(cut);
      case 'hang':
        if (power !== 'on') refuse(power === 'hung' ? 'it hangs already' : 'it is off');
        await host.hang();
        return this.#change(name, { power: 'hung' });
      case 'resume':
        if (power !== 'hung') refuse('it does not hang');
        host.resume(cut);
        return this.#change(name, { power: 'on' });
      case 'cut':
      case 'uncut':
        if (cut === (verb === 'cut')) refuse(cut ? 'it is cut off already' : 'it is not cut off');
        host.setCut(verb === 'cut');
        return this.#change(name, { cut: verb === 'cut' });
    }
  }

  #change(name: string, change: Partial<MachineEntry>): void {
    this.#o.save({ machines: withMachine(this.#o.state(), name, change).machines });
  }

  #oneAtATime<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turning.then(act);
    this.#turning = turn.catch(() => undefined);
    return turn;
  }
}

/** Throws with the name of what is not allowed. */
export function newEntry(state: LabState, name: string, wanted: NewMachine): MachineEntry {
  const { room, cores, memoryMiB, desktop = false } = { ...defaults, ...wanted };
  if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) {
    throw new Error(`name: "${name}" is not allowed; 1 to 40 lower-case letters, digits and dashes are`);
  }
  if (state.machines.some((machine) => machine.name === name))
    throw new Error(`name: a machine ${name} exists already`);
  if (state.machines.length >= maxMachines) throw new Error(`a lab has at most ${maxMachines} machines`);
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(room)) {
    throw new Error(`room: "${room}" is not allowed; lower-case letters, digits and dashes are`);
  }
  if (!Number.isInteger(cores) || cores < 1 || cores > 256)
    throw new Error('cores: a whole number from 1 to 256 is needed');
  if (!Number.isInteger(memoryMiB) || memoryMiB < 256) throw new Error('memory: at least 256Mi is needed');
  return { name, room, cores, memoryMiB, ...(desktop ? { desktop } : {}), power: 'on', cut: false };
}
