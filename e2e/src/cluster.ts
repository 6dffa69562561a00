// A cluster under test, as a user has it: a kubeconfig, real kubectl, and (only in the lab) switches for machines' power and
// network. Every wait here is for a condition with a generous deadline; nothing sleeps for a fixed time.
// With IDLEWILD_KUBECONFIG set, journeys run against the cluster that it names, in which Idlewild is installed already; those that
// need the lab's switches are left out by name in e2e/kind/run, and fail with words if they are started all the same.
import { execFile, spawn, type ExecFileException } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import * as resources from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { transportFromKubeConfig } from '@idlewild/operator/kube/credentials.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = join(root, 'lab/src/cli.ts');

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LabCluster {
  readonly dir: string;
  readonly kubeconfig: string;
  readonly client: KubeClient;
  /** Runs real kubectl; never throws for an exit code. `stdin` is fed to it, for `apply -f -`. */
  kubectl(args: readonly string[], stdin?: string): Promise<Finished>;
  /** Runs kubectl until it is stopped, such as `get -w`; `printed` is its output so far. */
  follow(args: readonly string[]): { printed(): string; stop(): void };
  /** Runs a command of the lab's own command line, such as `machine off pc-2`. */
  lab(...args: string[]): Promise<Finished>;
  /** Starts the same lab again, as `make lab` does. */
  up(): Promise<void>;
  /** Ends the lab and removes its directory. */
  stop(): Promise<void>;
}

export interface LabSettings {
  readonly machines?: number;
  /** See `lab up --witness`. */
  readonly witness?: boolean;
  /** See `lab up --guests`. */
  readonly guests?: 'real' | 'light';
  /** With the portal; without unless told. */
  readonly portal?: boolean;
  /** Without it, a journey starts operators of its own; with it unless told. */
  readonly operator?: boolean;
  readonly operatorFlags?: readonly string[];
}

/** What a given cluster has and the lab has not: another image, and its own kubectl. */
const given = {
  kubeconfig: process.env['IDLEWILD_KUBECONFIG'],
  kubectl: process.env['IDLEWILD_KUBECTL'] ?? 'kubectl',
  image: process.env['IDLEWILD_IMAGE'],
  slower: Number(process.env['IDLEWILD_PATIENCE'] ?? '1'),
};

/**
 * Starts a lab of its own in a directory of its own; takes a few seconds once the images are built. With IDLEWILD_KUBECONFIG it is
 * the cluster of that file instead: settings are then that cluster's own, and its jobs in `default` are deleted before and after.
 */
export async function startLab(options: LabSettings = {}): Promise<LabCluster> {
  return given.kubeconfig === undefined ? ownLab(options) : givenCluster(given.kubeconfig);
}

async function givenCluster(kubeconfig: string): Promise<LabCluster> {
  const dir = await mkdtemp(join(tmpdir(), 'iw-e2e-'));
  const transport = await transportFromKubeConfig(kubeconfig);
  const kubectl = (args: readonly string[], stdin?: string) =>
    run(given.kubectl, args, { KUBECONFIG: kubeconfig }, stdin);
  const noSwitches = (): never => {
    throw new Error(
      'this journey needs the switches of the lab, which the cluster of IDLEWILD_KUBECONFIG does not have',
    );
  };
  const clean = async () => {
    const deleted = await kubectl(['delete', 'computejobs', '--all', '-n', 'default', '--timeout=300s']);
    if (deleted.code !== 0) throw new Error(`jobs were not deleted: ${deleted.stderr}`);
    for (const node of (await kubectl(['get', 'nodes', '-o', 'name'])).stdout
      .split('\n')
      .filter((line) => line !== '')) {
      const uncordoned = await kubectl(['uncordon', node]);
      if (uncordoned.code !== 0) throw new Error(uncordoned.stderr);
    }
  };
  await clean();
  return {
    dir,
    kubeconfig,
    client: new KubeClient(transport),
    kubectl,
    follow: (args) => following(given.kubectl, args, kubeconfig),
    lab: async () => noSwitches(),
    up: async () => noSwitches(),
    stop: async () => {
      await clean();
      await transport.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function ownLab(options: LabSettings): Promise<LabCluster> {
  const dir = await mkdtemp(join(tmpdir(), 'iw-e2e-'));
  const lab = (...args: string[]) => run(process.execPath, [cli, ...args, '--dir', dir]);
  const { machines, witness = false, guests = 'real', portal = false, operator = true, operatorFlags = [] } = options;
  const flags = operatorFlags.map((flag) => `--operator-flag=${flag}`);
  const size = machines === undefined ? [] : ['--machines', `${machines}`];
  const upArgs = [
    'up',
    '--detach',
    ...size,
    ...(witness ? ['--witness'] : []),
    ...['--guests', guests],
    ...(portal ? [] : ['--no-portal']),
    ...(operator ? [] : ['--no-operator']),
    ...flags,
  ];
  const up = async () => {
    const started = await lab(...upArgs);
    if (started.code !== 0) throw new Error(`lab up failed: ${started.stderr}${started.stdout}`);
  };
  await up();
  const kubeconfig = join(dir, 'kubeconfig');
  const transport = await transportFromKubeConfig(kubeconfig);
  return {
    dir,
    kubeconfig,
    client: new KubeClient(transport),
    kubectl: (args, stdin) => run(join(dir, 'bin/kubectl'), args, { KUBECONFIG: kubeconfig }, stdin),
    follow: (args) => following(join(dir, 'bin/kubectl'), args, kubeconfig),
    lab,
    up,
    stop: async () => {
      await transport.close();
      const ended = await lab('down');
      if (ended.code !== 0) throw new Error(`lab down failed: ${ended.stderr}`);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function following(kubectl: string, args: readonly string[], kubeconfig: string): ReturnType<LabCluster['follow']> {
  const child = spawn(kubectl, args, { env: { ...process.env, KUBECONFIG: kubeconfig } });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  return { printed: () => printed, stop: () => child.kill() };
}

function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, stdin?: string): Promise<Finished> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 },
      (error: ExecFileException | null, stdout, stderr) => {
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
      },
    );
    // A program that ends without reading its input is no failure; its exit code tells.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin);
  });
}

/** A bound of a journey in ms, lengthened by IDLEWILD_PATIENCE for a cluster whose guests are emulated and boot for minutes. */
export const patient = (ms: number): number => ms * given.slower;

/** For looks that start a program: each costs a good part of a second of a core. */
export const seldom = { everyMs: 1_000 };

/** The value that `look` first gives; throws with the last thing seen when `timeoutMs` is over. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  { timeoutMs = 90_000, everyMs = 150, seen }: { timeoutMs?: number; everyMs?: number; seen?: () => unknown } = {},
): Promise<T> {
  const deadline = performance.now() + patient(timeoutMs);
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) {
      throw new Error(
        `${what}: not within ${patient(timeoutMs) / 1000} s; last seen: ${JSON.stringify(seen?.(), null, 1)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

export type JobSpec = Partial<Omit<ComputeJob['spec'], 'resources' | 'retries' | 'interruption'>> & {
  resources?: Partial<ComputeJob['spec']['resources']>;
  retries?: Partial<ComputeJob['spec']['retries']>;
  interruption?: Partial<ComputeJob['spec']['interruption']>;
};

/**
 * A manifest of a job on the tiny image with 128 MiB, as JSON: YAML 1.1 would read words such as y and on as booleans. On a given
 * cluster it is IDLEWILD_IMAGE with 512, and a quarter of an hour to start: a whole distribution that is emulated boots for minutes.
 */
export function manifest(name: string, spec: JobSpec, namespace = 'default'): string {
  return JSON.stringify({
    apiVersion: 'idlewild.dev/v1alpha1',
    kind: 'ComputeJob',
    metadata: { name, namespace },
    spec: {
      image: { containerDisk: given.image ?? 'lab/tiny' },
      ...(given.image === undefined ? {} : { startDeadline: '15m' }),
      ...spec,
      resources: { memory: given.image === undefined ? '128Mi' : '512Mi', ...spec.resources },
    },
  });
}

export async function submit(cluster: LabCluster, name: string, spec: JobSpec, namespace = 'default'): Promise<void> {
  const applied = await cluster.kubectl(['apply', '-f', '-'], manifest(name, spec, namespace));
  if (applied.code !== 0) throw new Error(`kubectl apply of ${name}: ${applied.stderr}`);
}

export function job(cluster: LabCluster, name: string, namespace = 'default'): Promise<ComputeJob> {
  return cluster.client.get<ComputeJob>(resources.computeJobs, { namespace, name });
}

/** Waits until the job satisfies `holds`; the error shows the status that it had instead. */
export async function untilJob(
  cluster: LabCluster,
  name: string,
  what: string,
  holds: (job: ComputeJob) => boolean,
  { timeoutMs, namespace }: { timeoutMs?: number; namespace?: string } = {},
): Promise<ComputeJob> {
  let last: ComputeJob | undefined;
  return until(
    `job ${name} ${what}`,
    async () => {
      last = await job(cluster, name, namespace);
      return holds(last) && last;
    },
    { ...(timeoutMs === undefined ? {} : { timeoutMs }), seen: () => last?.status },
  );
}

export const inPhase =
  (...phases: string[]) =>
  (found: ComputeJob): boolean =>
    phases.includes(found.status?.phase ?? '');

/** What the job's guests have printed on their serial consoles, over all launcher pods that are left, oldest first. */
export async function output(cluster: LabCluster, name: string, namespace = 'default'): Promise<string> {
  const pods = await cluster.kubectl([
    ...['get', 'pods', '-n', namespace, '-l', `idlewild.dev/job=${name}`],
    ...['--sort-by=.metadata.creationTimestamp', '-o', 'name'],
  ]);
  const logs = [];
  for (const pod of pods.stdout.split('\n').filter((line) => line !== '')) {
    logs.push((await cluster.kubectl(['logs', '-n', namespace, pod, '-c', 'guest-console-log'])).stdout);
  }
  return logs.join('');
}

/** The machines that may take jobs, by name. */
export async function approved(cluster: LabCluster): Promise<readonly string[]> {
  const selector = 'node-restriction.kubernetes.io/idlewild-approved=true';
  const { code, stdout, stderr } = await cluster.kubectl(['get', 'nodes', '-l', selector, '-o', 'name']);
  if (code !== 0) throw new Error(`kubectl get nodes: ${stderr}`);
  return [...stdout.matchAll(/^node\/(.+)$/gm)].map(([, name = '']) => name);
}

/** Process ids of the emulators that run out of the lab's directory, by machine name. */
export async function emulators(cluster: LabCluster): Promise<Map<string, number[]>> {
  const status = await cluster.lab('status', '--json');
  const { machines } = JSON.parse(status.stdout) as { machines: { name: string; guests: number[] }[] };
  return new Map(machines.map(({ name, guests }) => [name, guests]));
}

/** Deleting a job returns at once; what it owned goes after it, when its guest is off. */
export async function untilNothingIsLeft(cluster: LabCluster, namespace: string): Promise<void> {
  let left: string[] = [];
  await until(
    `nothing is left in ${namespace}`,
    async () => {
      left = await leftovers(cluster, namespace);
      return left.length === 0;
    },
    { ...seldom, seen: () => left },
  );
}

/** Everything of `namespace` that a job may leave behind, by kind/name. */
export async function leftovers(
  cluster: LabCluster,
  namespace: string,
  selector = 'idlewild.dev/job',
): Promise<string[]> {
  const found = await cluster.kubectl([
    ...['get', 'virtualmachines,virtualmachineinstances,virtualmachineinstancemigrations,pods,secrets'],
    ...['-n', namespace, '-l', selector, '-o', 'name'],
  ]);
  return found.stdout.split('\n').filter((line) => line !== '');
}
