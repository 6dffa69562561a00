// A lab with two machines under test, as a person has it: its command line, its API, and a way to make small virtual machines.
// Every wait is for a condition with a generous deadline.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as resources from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { transportFromKubeConfig } from '@idlewild/operator/kube/credentials.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import { parse } from 'yaml';
import { layoutOf } from '../daemon/layout.ts';
import type { LabView } from '../daemon/picture.ts';
import type { VirtualMachineInstance } from '../virt/model/instance.ts';
import type { LauncherPod } from '../virt/model/launcher-pod.ts';

export const dir = mkdtempSync(join(tmpdir(), 'lab-'));
export const layout = layoutOf(dir);
export const namespace = 'default';
export let client: KubeClient;

export function lab(...args: string[]): Promise<{ code: number; out: string }> {
  const cli = join(import.meta.dirname, '..', 'cli.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args, '--dir', dir], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: stdout + stderr });
    });
  });
}

export async function up(): Promise<void> {
  const { code, out } = await lab('up', '--detach', '--machines', '2', '--no-operator');
  if (code !== 0) throw new Error(out);
  if (!out.includes(`export KUBECONFIG=${layout.kubeconfig}\n`)) throw new Error(`no export line in: ${out}`);
}

export async function status(): Promise<LabView> {
  return JSON.parse((await lab('status', '--json')).out) as LabView;
}

export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = performance.now() + 90_000;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function access(): { server: string; token: string; ca: string } {
  const config = parse(readFileSync(layout.kubeconfig, 'utf8')) as {
    clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
    users: { user: { token: string } }[];
  };
  const { cluster } = config.clusters[0]!;
  const ca = Buffer.from(cluster['certificate-authority-data'], 'base64').toString('utf8');
  return { server: cluster.server, token: config.users[0]!.user.token, ca };
}

export const instance = (name: string): Promise<VirtualMachineInstance | undefined> =>
  client
    .get<VirtualMachineInstance>(resources.virtualMachineInstances, { namespace, name })
    .catch((error: unknown) => (isNotFound(error) ? undefined : Promise.reject(error as Error)));

export const inPhase = (name: string, phase: string) =>
  until(`${name} is ${phase}`, async () => {
    const vmi = await instance(name);
    return vmi?.status?.phase === phase && vmi;
  });

export async function podsOf(name: string): Promise<LauncherPod[]> {
  const labelSelector = `vm.kubevirt.io/name=${name}`;
  return (await client.list<LauncherPod>(resources.pods, { namespace, labelSelector })).items;
}

/** The newest pod of the instance on that machine: a guest that comes back leaves a finished one behind. */
export async function podOn(name: string, node: string | undefined): Promise<LauncherPod> {
  const created = (pod: LauncherPod): string => pod.metadata.creationTimestamp ?? '';
  const here = (await podsOf(name)).filter((pod) => pod.spec.nodeName === node);
  const found = here.sort((a, b) => created(a).localeCompare(created(b))).at(-1);
  if (found === undefined) throw new Error(`${name} has no pod on ${node}`);
  return found;
}

export async function logOf(pod: LauncherPod, container = 'guest-console-log', timeoutMs = 10_000): Promise<string> {
  const ref = { namespace, name: pod.metadata.name };
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.logs(ref, { container, signal: AbortSignal.timeout(timeoutMs) })) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

export const ticks = async (pod: LauncherPod): Promise<number[]> =>
  [...(await logOf(pod)).matchAll(/^tick (\d+)$/gm)].map((match) => Number(match[1]));

export interface VmLook {
  readonly script: string;
  readonly image?: string;
  readonly secret?: boolean;
  readonly screen?: boolean;
}

/** A machine that has not answered for so long does not answer. */
export const silentMs = 3_000;
export const counting = 'i=0; while :; do i=$((i+1)); echo "tick $i" >/dev/ttyS0; sleep 0.5; done';

export async function create(
  name: string,
  { script, image = 'lab/tiny', secret = true, screen = false }: VmLook,
): Promise<void> {
  if (secret) {
    const metadata = { namespace, name: `${name}-init` };
    await client.create(resources.secrets, { metadata, stringData: { userdata: `#!/bin/sh\n${script}\n` } } as never);
  }
  const spec = {
    terminationGracePeriodSeconds: 5,
    evictionStrategy: 'External',
    domain: {
      cpu: { cores: 1 },
      memory: { guest: '128Mi' },
      devices: {
        autoattachGraphicsDevice: screen,
        disks: ['root', 'scratch', 'init'].map((disk) => ({ name: disk, disk: { bus: 'virtio' } })),
        interfaces: [{ name: 'default', masquerade: {} }],
      },
    },
    networks: [{ name: 'default', pod: {} }],
    volumes: [
      { name: 'root', containerDisk: { image } },
      { name: 'scratch', emptyDisk: { capacity: '64Mi' } },
      { name: 'init', cloudInitNoCloud: { secretRef: { name: `${name}-init` } } },
    ],
  };
  await client.create(resources.virtualMachines, {
    metadata: { namespace, name },
    spec: { runStrategy: 'Once', template: { spec } },
  } as never);
}

export async function remove(name: string): Promise<void> {
  await client.delete(resources.virtualMachines, { namespace, name });
  await until(`${name} is gone`, async () => (await instance(name)) === undefined && (await podsOf(name)).length === 0);
}

export const guestsOn = async (machine: string | undefined): Promise<readonly number[]> =>
  (await status()).machines.find(({ name }) => name === machine)?.guests ?? [];

export const podDirs = (machine: string | undefined): string[] =>
  readdirSync(join(dir, 'machines', machine ?? '', 'pods'));

/** Starts the lab and logs in. */
export async function begin(): Promise<void> {
  await up();
  client = new KubeClient(await transportFromKubeConfig(layout.kubeconfig));
}

/** Ends the lab, whatever state it is in, and removes its directory. */
export async function end(): Promise<void> {
  await client.raw.close();
  await lab('down');
  rmSync(dir, { recursive: true, force: true });
}
