// One machine as the lab holds it: its cable, its control group and its process, and the switches of its power.
// Promises: `off` ends every process of the machine at one moment and cleans nothing, as a power cut does; nobody on the other
// end of a connection hears of it. Remembering the switches is the caller's business.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MachineCgroup } from '../machines/cgroup/cgroup.ts';
import { isEmulator, type ProcessIdentity } from '../machines/cgroup/processes.ts';
import type { MachineConfig } from '../machines/config.ts';
import { askAgent } from '@idlewild/agent/owner/server.ts';
import type { Pki } from '../pki/pki.ts';
import { agentNodeFlags, bundleAgent } from '../../../scripts/bundle-agent.ts';
import type { AgentTokens } from './agent-tokens.ts';
import { Child } from './child.ts';
import type { AgentVerb, OwnerVerb } from './control.ts';
import { Desk } from './desk.ts';
import { machineLayoutOf, type LabLayout } from './layout.ts';
import { MachineLink, type LinkPorts } from './link.ts';
import type { MachineEntry } from './state.ts';
import type { Witness } from './witness.ts';

export interface MachineHostOptions {
  readonly layout: LabLayout;
  readonly pki: Pki;
  readonly apiPort: () => number;
  readonly peerPort: (machine: string) => number | undefined;
  readonly say: (line: string) => void;
  /** The machine's process has changed. */
  readonly onProcess: () => void;
  readonly accel: 'tcg' | 'kvm';
  readonly agentTokens: AgentTokens;
  readonly witness: Witness | undefined;
  /** See MachineConfig. */
  readonly guestProgram: readonly string[] | undefined;
}

const stopGraceMs = 3_000;
/** What a hypervisor needs beside the memory of its guests, MiB. */
const hypervisorMiB = 1024;
const lendShare = { cores: 0.5, memory: 2 / 3 };
const lendDiskMiB = 20_480;
/** Screens of emulated guests take up to 16 MiB each. */
const lendGraphicsMiB = 256;
/** So that a visitor can watch an owner leave. */
const idleAfter = '10s';

/** One for all machines. */
let agentProgram: Promise<string> | undefined;

export class MachineHost {
  readonly #o: MachineHostOptions;
  readonly #link: MachineLink;
  readonly #child: Child;
  readonly #agent: Child;
  /** Plays the switch that a real machine's init keeps running. */
  readonly #fence: Child;
  readonly #desk: Desk;
  readonly #cgroup: MachineCgroup;
  #entry: MachineEntry;
  #ports: LinkPorts | undefined;
  #agentProgram = '';

  constructor(entry: MachineEntry, options: MachineHostOptions) {
    this.#o = options;
    this.#entry = entry;
    const { layout, apiPort, peerPort, say, onProcess } = options;
    const machine = machineLayoutOf(layout, entry.name);
    this.#cgroup = MachineCgroup.open({ name: join(layout.cgroup, entry.name) });
    this.#link = new MachineLink({
      apiPort,
      peerPort,
      machineSocket: machine.socket,
      ...(entry.port === undefined ? {} : { ingressPort: entry.port }),
    });
    this.#child = new Child({
      name: entry.name,
      args: () => [join(import.meta.dirname, '..', 'machines', 'main.ts'), machine.config],
      logFile: join(layout.logs, `${entry.name}.log`),
      onStart: (pid) => {
        this.#cgroup.adopt(pid);
        onProcess();
      },
      onEnd: onProcess,
      say,
    });
    this.#desk = new Desk(machine.host);
    this.#agent = new Child({
      name: `agent of ${entry.name}`,
      args: () => [...agentNodeFlags, this.#agentProgram, ...this.#agentFlags()],
      logFile: join(layout.logs, `${entry.name}-agent.log`),
      onStart: (pid) => this.#cgroup.adopt(pid),
      say,
    });
    this.#fence = new Child({
      name: `switch of ${entry.name}`,
      program: ['sh', join(import.meta.dirname, '..', '..', '..', 'agent', 'host', 'idlewild-fence')],
      args: () => [
        machine.lease,
        machine.switchHeartbeat,
        ...this.#cgroup.guestDirs.flatMap((dir) => ['--guest-cgroup', dir]),
      ],
      logFile: join(layout.logs, `${entry.name}-fence.log`),
      onStart: (pid) => this.#cgroup.adopt(pid),
      say,
    });
  }

  get name(): string {
    return this.#entry.name;
  }

  get port(): number | undefined {
    return this.#ports?.ingress;
  }

  get identity(): ProcessIdentity | undefined {
    return this.#child.identity;
  }

  /** Process ids of the guests that live on the machine now, whatever the API says. */
  emulators(): number[] {
    return this.#cgroup.guestProcesses().filter(isEmulator);
  }

  /** Lays the cable and, if the machine has power, starts it. A machine that hung when the lab ended waits for `resume`. */
  async open(number: number): Promise<void> {
    const { layout, say, accel, witness, guestProgram } = this.#o;
    const { name, room, cores, memoryMiB, power, cut } = this.#entry;
    const refused = this.#cgroup.cap({ cores, memoryMiB: memoryMiB + hypervisorMiB });
    if (refused !== undefined) say(`${name}: its guests run without caps (${refused})`);
    this.#agentProgram = await (agentProgram ??= bundleAgent());
    this.#ports = await this.#openLink();
    const machine = machineLayoutOf(layout, name);
    const { certPem, keyPem } = await this.#o.pki.issue(`system:node:${name}`, {
      hosts: [name, 'localhost', '127.0.0.1'],
      organizations: ['system:nodes'],
    });
    const config: MachineConfig = {
      name,
      room,
      number,
      cores,
      memoryMiB,
      diskMiB: lendDiskMiB,
      server: `https://127.0.0.1:${this.#ports.api}`,
      caPem: this.#o.pki.caPem,
      certPem,
      keyPem,
      socket: machine.socket,
      port: this.#ports.ingress,
      peerPort: this.#ports.peer,
      dir: machine.dir,
      runtime: machine.runtime,
      bootQueue: layout.bootQueue,
      guestCgroups: this.#cgroup.guestDirs,
      lease: machine.lease,
      ...(witness === undefined ? {} : { witness: machine.witnessSocket }),
      ...(guestProgram === undefined ? {} : { guestProgram }),
      accel,
    };
    await witness?.listen(machine.witnessSocket, name);
    mkdirSync(machine.dir, { recursive: true });
    // A lab that starts anew is a power cut to all its machines.
    rmSync(machine.fence, { recursive: true, force: true });
    writeFileSync(machine.config, JSON.stringify(config, null, 2), { mode: 0o600 });
    writeFileSync(join(machine.dir, 'ca.pem'), this.#o.pki.caPem);
    void this.#o.agentTokens.keep(name, join(machine.dir, 'agent.token'));
    this.#link.set(power === 'on' ? (cut ? 'cut' : 'up') : 'dark');
    if (power === 'on') this.#startAll();
  }

  /** Throws when the agent does not answer. */
  async owner(verb: OwnerVerb): Promise<void> {
    switch (verb) {
      case 'arrive':
        return this.#desk.arrive();
      case 'leave':
        return this.#desk.leave();
      case 'stop-now':
      case 'lend-again':
        await askAgent(machineLayoutOf(this.#o.layout, this.name).ownerSocket, verb);
    }
  }

  /** What befalls its agent alone. Throws when none runs. */
  agent(verb: AgentVerb): void {
    this.#agent.signal(({ kill: 'SIGKILL', stop: 'SIGSTOP', cont: 'SIGCONT' } as const)[verb]);
  }

  /** Everything on the machine ends at once. */
  async off(): Promise<void> {
    this.#link.set('dark');
    this.#desk.leave();
    this.#child.forget();
    this.#agent.forget();
    this.#fence.forget();
    await this.#cgroup.kill();
    await Promise.all([this.#child.ended(), this.#agent.ended(), this.#fence.ended()]);
    // It is in the machine's memory.
    rmSync(machineLayoutOf(this.#o.layout, this.name).fence, { recursive: true, force: true });
  }

  on(cut: boolean): void {
    this.#link.set(cut ? 'cut' : 'up');
    this.#startAll();
  }

  hang(): Promise<void> {
    return this.#cgroup.hang();
  }

  /** Goes on where it stood; a machine that hung in an earlier life of the lab starts anew. */
  resume(cut: boolean): void {
    if (this.#child.running) this.#cgroup.resume();
    else this.on(cut);
  }

  setCut(cut: boolean): void {
    if (this.#link.state !== 'dark') this.#link.set(cut ? 'cut' : 'up');
  }

  /** Ends the machine with the lab. Nothing of it stays but its files. */
  async close(): Promise<void> {
    this.#cgroup.resume();
    this.#desk.close();
    await Promise.all([this.#child, this.#agent, this.#fence].map((child) => child.stop(stopGraceMs)));
    await this.#cgroup.kill();
    await this.#cgroup.remove();
    await this.#link.close();
  }

  #startAll(): void {
    this.#child.start();
    mkdirSync(machineLayoutOf(this.#o.layout, this.name).fence, { recursive: true });
    this.#fence.start();
    this.#agent.start();
  }

  #agentFlags(): string[] {
    const { name, cores, memoryMiB, desktop = false } = this.#entry;
    const machine = machineLayoutOf(this.#o.layout, name);
    const flags: Readonly<Record<string, string | number>> = {
      node: name,
      server: `https://127.0.0.1:${this.#ports?.api}`,
      'ca-file': join(machine.dir, 'ca.pem'),
      'token-file': join(machine.dir, 'agent.token'),
      root: machine.host,
      'state-dir': join(machine.dir, 'agent'),
      socket: machine.ownerSocket,
      cores: Math.max(1, Math.floor(cores * lendShare.cores)),
      'memory-mib': Math.floor(memoryMiB * lendShare.memory),
      'disk-mib': lendDiskMiB,
      'graphics-mib': lendGraphicsMiB,
      'idle-after': idleAfter,
    };
    const pairs = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    // The first is the one that shares out the processor.
    const guests = this.#cgroup.guestDirs.slice(0, 1).flatMap((dir) => ['--guest-cgroup', dir]);
    return [...pairs, ...guests, ...(desktop ? [] : ['--dedicated'])];
  }

  async #openLink(): Promise<LinkPorts> {
    try {
      return await this.#link.open();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      this.#o.say(`${this.name}: port ${this.#entry.port} is in use by another program; another port is taken`);
      return this.#link.open(0);
    }
  }
}
