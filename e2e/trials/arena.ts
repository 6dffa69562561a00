// A lab in which something is about to happen: its jobs, whose guests beat, its machines, and the moments of all that is seen.
// Promises: everything is timed by one clock, CLOCK_MONOTONIC in seconds, which is the witness's; what the witness heard is
// checked beat by beat.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { isTrue } from '@idlewild/operator/api/conditions.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachine } from '@idlewild/operator/api/kubevirt.ts';
import * as resources from '@idlewild/operator/api/resources.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import { annotations, labels, vmName } from '@idlewild/operator/model/names.ts';
import { ask, type Request } from '@idlewild/lab/daemon/control.ts';
import { layoutOf, machineLayoutOf, type LabLayout } from '@idlewild/lab/daemon/layout.ts';
import { readState } from '@idlewild/lab/daemon/state.ts';
import { pino } from 'pino';
import { startLab, submit, until, type LabCluster } from '../src/cluster.ts';
import { Beats, beatScript, parseBeat } from './beats.ts';
import type { Program } from './kinds.ts';

/** A job as it stands: its newest attempt, and where that is. */
export interface Standing {
  readonly name: string;
  readonly attempt: number;
  readonly machine: string;
}

/**
 * A lab to be struck again and again. Its losses are meant to be independent, but all in one room within minutes look to the
 * operator like one calamity, after which it would start jobs a few at a time.
 */
export function labForTrials(machines: number): Promise<LabCluster> {
  return startLab({ machines, witness: true, operatorFlags: ['--restarts-per-room=1000'] });
}

const listenEveryMs = 50;
const askApiEveryMs = 250;
/** A guest that beats four times a second and was not heard for so long does not run. */
const silenceS = 3;
const calmTimeoutMs = 300_000;

export class Arena {
  readonly beats = new Beats();
  readonly #cluster: LabCluster;
  readonly #layout: LabLayout;
  readonly #stop = new AbortController();
  readonly #jobs: Informer<ComputeJob>;
  readonly #vms: Informer<VirtualMachine>;
  readonly #nodes: Informer<Node>;
  readonly #created = new Map<string, number>();
  readonly #violations: { readonly job: string; readonly what: string }[] = [];
  /** Of each attempt, by the name of its virtual machine: when it was heard last, and its longest silence since `from`. */
  readonly #heard = new Map<string, { at: number; longest: number }>();
  readonly #names: readonly string[];
  #silenceFrom = 0;
  #apiAskedAt = now();
  #apiAwayS = 0;
  #log = -1;
  #rest = '';

  private constructor(cluster: LabCluster, names: readonly string[]) {
    this.#cluster = cluster;
    this.#names = names;
    this.#layout = layoutOf(cluster.dir);
    const shared = { client: cluster.client, log: pino({ level: 'silent' }), maxBackoffMs: 500 };
    this.#jobs = new Informer({ ...shared, type: resources.computeJobs });
    this.#vms = new Informer({ ...shared, type: resources.virtualMachines });
    this.#nodes = new Informer({ ...shared, type: resources.nodes });
  }

  /** Submits jobs of these names, whose guests beat; they run when it is calm. The lab must have a witness. */
  static async open(cluster: LabCluster, names: readonly string[], shared: readonly string[] = []): Promise<Arena> {
    const arena = new Arena(cluster, names);
    arena.#vms.onChange(({ type, object }) => {
      if (type === 'added') arena.#created.set(object.metadata.name, now());
    });
    for (const informer of [arena.#jobs, arena.#vms, arena.#nodes]) {
      void informer.run(arena.#stop.signal);
      await informer.synced();
    }
    arena.#log = openSync(arena.#layout.witness, 'r');
    void arena.#watchApi();
    const listening = setInterval(() => arena.listen(), listenEveryMs);
    arena.#stop.signal.addEventListener('abort', () => {
      clearInterval(listening);
      closeSync(arena.#log);
    });
    // A guest that is ended while its machine can still say so counts as a failure of the attempt.
    const retries = { limit: 100 };
    const spec = { script: beatScript, placement: { dedicatedOnly: false }, console: 'Serial', retries } as const;
    for (const name of names) {
      const tolerant = shared.includes(name) ? { interruption: { exclusive: false } } : {};
      await submit(cluster, name, { ...spec, ...tolerant });
    }
    return arena;
  }

  close(): void {
    this.#stop.abort();
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

  /** What was heard of the job that must not be, since this was last asked. */
  takeViolations(job: string): string[] {
    const of = this.#violations.filter((each) => each.job === job);
    for (const each of of) this.#violations.splice(this.#violations.indexOf(each), 1);
    return of.map(({ what }) => what);
  }

  /** From now on, the longest silences of guests are measured anew. */
  measureSilence(): void {
    this.#silenceFrom = now();
    this.#apiAwayS = 0;
    for (const heard of this.#heard.values()) heard.longest = 0;
  }

  /** The longest silence of an attempt, up to this moment, seconds. */
  silenceOf({ name, attempt }: Standing): number {
    const heard = this.#heard.get(vmName(name, attempt));
    if (heard === undefined) return now() - this.#silenceFrom;
    return Math.max(heard.longest, now() - Math.max(heard.at, this.#silenceFrom));
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
  }

  /** The longest time for which the API server gave no answer since silence is measured, seconds. */
  get apiAwayS(): number {
    return Math.max(this.#apiAwayS, now() - Math.max(this.#apiAskedAt, this.#silenceFrom));
  }

  async #watchApi(): Promise<void> {
    const { raw } = this.#cluster.client;
    while (!this.#stop.signal.aborted) {
      const asked = now();
      this.#apiAskedAt = asked;
      const answers = () =>
        raw.request({ method: 'GET', path: '/readyz', timeoutMs: 5_000 }).then(
          () => true,
          () => this.#stop.signal.aborted,
        );
      await until('the API server answers', answers, { everyMs: 50, timeoutMs: calmTimeoutMs });
      this.#apiAwayS = Math.max(this.#apiAwayS, now() - Math.max(asked, this.#silenceFrom));
      this.#apiAskedAt = now();
      await delay(askApiEveryMs);
    }
  }

  /** Every job runs and is heard, and every machine lends. Holds for troubles that the trials made are lifted, as an admin may. */
  async calm(): Promise<void> {
    let troubles: string[] = [];
    const look = async (): Promise<boolean> => {
      await this.#liftHolds();
      troubles = [...this.#restlessJobs(), ...this.#restlessMachines()];
      return troubles.length === 0;
    };
    await until('calm', look, { timeoutMs: calmTimeoutMs, everyMs: 250, seen: () => troubles });
  }

  #restlessJobs(): string[] {
    const standings = new Map(this.standings().map((standing) => [standing.name, standing]));
    return this.#names.flatMap((name) => {
      const standing = standings.get(name);
      if (standing === undefined) return [`${name}: ${this.#jobs.store.get(`default/${name}`)?.status?.reason ?? '?'}`];
      const heard = this.#heard.get(vmName(name, standing.attempt));
      return heard === undefined || now() - heard.at > silenceS
        ? [`${vmName(name, standing.attempt)} is not heard`]
        : [];
    });
  }

  #restlessMachines(): string[] {
    return this.#nodes.store.list().flatMap((node) => {
      const { name, labels: has = {}, annotations: notes } = node.metadata;
      const taints = node.spec?.taints ?? [];
      if (taints.length > 0) return [`${name} is tainted: ${taints.map(({ key }) => key).join(', ')}`];
      if (!isTrue(node.status?.conditions, 'Ready')) return [`${name} is not Ready`];
      if (has[labels.pool] !== 'on') return [`${name} lends nothing: ${notes?.[annotations.offer]}`];
      if (has[labels.fence] === 'off') return [`${name} has no fence`];
      if (isHeldDown(node)) return [`${name} is held down`];
      return holdOf(node).includes('"lost":true') ? [`${name} may yet be held down`] : [];
    });
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
    const before = this.#heard.get(vm);
    const silence = before === undefined ? 0 : beat.at - Math.max(before.at, this.#silenceFrom);
    this.#heard.set(vm, { at: beat.at, longest: Math.max(before?.longest ?? 0, silence) });
  }
}

/** Seconds of CLOCK_MONOTONIC. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}

function isHeldDown(node: Node): boolean {
  return holdOf(node).includes('"until"');
}

function holdOf({ metadata }: Node): string {
  return metadata.annotations?.[annotations.hold] ?? '';
}
