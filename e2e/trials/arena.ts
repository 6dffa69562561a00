// A lab in which something is about to happen: its jobs, whose guests beat, its machines, and the moments of all that is seen.
// Promises: everything is timed by one clock, CLOCK_MONOTONIC in seconds, which is the witness's; what the witness heard is
// checked beat by beat, and every job that goes on to another attempt is accounted for.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachine } from '@idlewild/operator/api/kubevirt.ts';
import * as resources from '@idlewild/operator/api/resources.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import { annotations, vmName } from '@idlewild/operator/model/names.ts';
import { ask, type Request } from '@idlewild/lab/daemon/control.ts';
import { layoutOf, machineLayoutOf, type LabLayout } from '@idlewild/lab/daemon/layout.ts';
import { readState } from '@idlewild/lab/daemon/state.ts';
import { pino } from 'pino';
import { submit, until, type LabCluster } from '../src/cluster.ts';
import { ApiWatch } from './api-watch.ts';
import { Beats, beatScript, parseBeat } from './beats.ts';
import type { Program } from './kinds.ts';
import { isHeldDown, troublesOf } from './lending.ts';
import { Losses } from './losses.ts';

/** A job as it stands: its newest attempt, and where that is. */
export interface Standing {
  readonly name: string;
  readonly attempt: number;
  readonly machine: string;
}

/** How long a guest was not heard. */
export interface Silence {
  /** The longest time since it is measured, up to this moment, seconds. */
  longest(): number;
}

const listenEveryMs = 50;
/** A guest that beats four times a second and was not heard for so long does not run. */
const silenceS = 3;
const calmTimeoutMs = 300_000;
/** What the lab has to start again within half a minute of its last start it starts later and later. */
const restS = 35;

export class Arena {
  readonly beats = new Beats();
  readonly losses = new Losses();
  readonly api: ApiWatch;
  readonly #cluster: LabCluster;
  readonly #layout: LabLayout;
  readonly #stop = new AbortController();
  readonly #jobs: Informer<ComputeJob>;
  readonly #vms: Informer<VirtualMachine>;
  readonly #nodes: Informer<Node>;
  readonly #created = new Map<string, number>();
  readonly #violations: { readonly job: string; readonly what: string }[] = [];
  /** When each attempt was heard last, by the name of its virtual machine. */
  readonly #heard = new Map<string, number>();
  readonly #silences: { readonly vm: string; readonly from: number; longest: number }[] = [];
  readonly #killed = new Map<Program, number>();
  readonly #names: readonly string[];
  #log = -1;
  #rest = '';

  private constructor(cluster: LabCluster, names: readonly string[]) {
    this.#cluster = cluster;
    this.#names = names;
    this.#layout = layoutOf(cluster.dir);
    this.api = new ApiWatch(cluster.client, now);
    const shared = { client: cluster.client, log: pino({ level: 'silent' }), maxBackoffMs: 500 };
    this.#jobs = new Informer({ ...shared, type: resources.computeJobs });
    this.#vms = new Informer({ ...shared, type: resources.virtualMachines });
    this.#nodes = new Informer({ ...shared, type: resources.nodes });
  }

  /** Submits jobs of these names, whose guests beat; they run when it is calm. The lab must have a witness. */
  static async open(cluster: LabCluster, names: readonly string[], shared: readonly string[] = []): Promise<Arena> {
    const arena = new Arena(cluster, names);
    try {
      await arena.#open(shared);
      return arena;
    } catch (error) {
      arena.close();
      throw error;
    }
  }

  async #open(shared: readonly string[]): Promise<void> {
    this.#vms.onChange(({ type, object }) => {
      if (type === 'added') this.#created.set(object.metadata.name, now());
    });
    this.#jobs.onChange(({ type, object: { metadata, status } }) => {
      if (type === 'deleted' || status?.attempt === undefined || status.node === undefined) return;
      this.losses.saw(metadata.name, status.attempt, status.node, now());
    });
    for (const informer of [this.#jobs, this.#vms, this.#nodes]) {
      void informer.run(this.#stop.signal);
      await informer.synced();
    }
    this.#log = openSync(this.#layout.witness, 'r');
    void this.api.run(this.#stop.signal);
    const listening = setInterval(() => this.listen(), listenEveryMs);
    this.#stop.signal.addEventListener('abort', () => {
      clearInterval(listening);
      closeSync(this.#log);
    });
    // A guest that is ended while its machine can still say so counts as a failure of the attempt.
    const retries = { limit: 100 };
    const spec = { script: beatScript, placement: { dedicatedOnly: false }, console: 'Serial', retries } as const;
    for (const name of this.#names) {
      const tolerant = shared.includes(name) ? { interruption: { exclusive: false } } : {};
      await submit(this.#cluster, name, { ...spec, ...tolerant });
    }
  }

  close(): void {
    this.#stop.abort();
  }

  /** All of the lab, in order of their names. */
  get machines(): string[] {
    return this.#nodes.store
      .list()
      .map(({ metadata }) => metadata.name)
      .sort();
  }

  standings(): Standing[] {
    return this.#names.flatMap((name) => {
      const status = this.#jobs.store.get(`default/${name}`)?.status;
      if (status?.phase !== 'Running' || status.attempt === undefined || status.node === undefined) return [];
      return [{ name, attempt: status.attempt, machine: status.node }];
    });
  }

  /** Whether the machine's agent has learned of a guest there that may live longer than the lease. */
  spares(machine: string): boolean {
    const lines = readFileSync(machineLayoutOf(this.#layout, machine).lease, 'utf8').trim().split('\n');
    return lines.length > 1;
  }

  /** When the attempt's virtual machine was first seen, seconds. */
  createdAt(job: string, attempt: number): number | undefined {
    return this.#created.get(vmName(job, attempt));
  }

  /** What was heard that must not be, of one job or of all, since this was last asked. */
  takeViolations(job?: string): string[] {
    const of = this.#violations.filter((each) => job === undefined || each.job === job);
    for (const each of of) this.#violations.splice(this.#violations.indexOf(each), 1);
    return of.map(({ what }) => what);
  }

  /** Measures the silence of an attempt from now on. */
  silenceOf({ name, attempt }: Standing): Silence {
    const vm = vmName(name, attempt);
    const silence = { vm, from: now(), longest: 0 };
    this.#silences.push(silence);
    const current = (): number => now() - Math.max(this.#heard.get(vm) ?? 0, silence.from);
    return { longest: () => Math.max(silence.longest, current()) };
  }

  /** Asks the lab, as its command line does. */
  async ask(request: Request): Promise<void> {
    await ask(this.#layout.controlSocket, request);
  }

  /** The lab starts what dies of it again. Throws when it does not run. */
  signal(program: Program, name: NodeJS.Signals): void {
    const found = readState(this.#layout.stateFile)?.processes[program];
    if (found === undefined) throw new Error(`no ${program} runs`);
    process.kill(found.pid, name);
    if (name === 'SIGKILL') this.#killed.set(program, now());
  }

  /** The program has run for so long that the lab will start it again at once. */
  async rested(program: Program): Promise<void> {
    const leftS = (this.#killed.get(program) ?? Number.NEGATIVE_INFINITY) + restS - now();
    if (leftS > 0) await delay(leftS * 1_000);
  }

  /** Every job runs and is heard, and every machine lends. Holds for troubles that the trials made are lifted, as an admin may. */
  calm(): Promise<void> {
    return this.#until('calm', () => [...this.#names.flatMap((name) => this.#restlessJob(name)), ...this.#restless()]);
  }

  /** These machines lend again. */
  lend(machines: readonly string[]): Promise<void> {
    return this.#until(`${machines} lend again`, () => this.#restless(machines));
  }

  /** Whether the machine has guests, all of which run and are heard, and lends. */
  hasCalmGuests(machine: string): boolean {
    const here = this.#names.filter((name) => this.#jobs.store.get(`default/${name}`)?.status?.node === machine);
    return (
      here.length > 0 && [...here.flatMap((name) => this.#restlessJob(name)), ...this.#restless([machine])].length === 0
    );
  }

  async #until(what: string, troublesNow: () => string[]): Promise<void> {
    let troubles: string[] = [];
    const look = async (): Promise<boolean> => {
      await this.#liftHolds();
      troubles = troublesNow();
      return troubles.length === 0;
    };
    await until(what, look, { timeoutMs: calmTimeoutMs, everyMs: 250, seen: () => troubles });
  }

  #restlessJob(name: string): string[] {
    const standing = this.standings().find((each) => each.name === name);
    if (standing === undefined) return [`${name}: ${this.#jobs.store.get(`default/${name}`)?.status?.reason ?? '?'}`];
    const vm = vmName(name, standing.attempt);
    const at = this.#heard.get(vm);
    return at === undefined || now() - at > silenceS ? [`${vm} is not heard`] : [];
  }

  #restless(machines?: readonly string[]): string[] {
    const nodes = this.#nodes.store.list();
    return nodes.filter(({ metadata }) => machines?.includes(metadata.name) ?? true).flatMap(troublesOf);
  }

  async #liftHolds(): Promise<void> {
    const patch = { metadata: { annotations: { [annotations.hold]: null } } };
    for (const node of this.#nodes.store.list().filter(isHeldDown))
      await this.#cluster.client.mergePatch(resources.nodes, { name: node.metadata.name }, patch);
  }

  /** Reads what the witness has added. */
  listen(): void {
    const chunk = Buffer.alloc(65_536);
    for (let read = 1; read > 0;) {
      read = readSync(this.#log, chunk);
      const lines = (this.#rest + chunk.toString('latin1', 0, read)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#hear(line);
    }
  }

  #hear(line: string): void {
    const beat = parseBeat(line);
    if (beat === undefined) return;
    const what = this.beats.add(beat);
    if (what !== undefined) this.#violations.push({ job: beat.job, what });
    const vm = vmName(beat.job, beat.attempt);
    const before = this.#heard.get(vm) ?? 0;
    for (const silence of this.#silences) {
      if (silence.vm === vm) silence.longest = Math.max(silence.longest, beat.at - Math.max(before, silence.from));
    }
    this.#heard.set(vm, beat.at);
  }
}

/** Seconds of CLOCK_MONOTONIC. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}
