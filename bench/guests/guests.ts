// What becomes of each virtual machine: an instance, a pod, a console, an end.
// Promises: nothing is looked for in lists, so that a thousand guests cost a thousand times what one costs.

import process from 'node:process';
import type { Affinity } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachine, VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { ownerReference } from '@idlewild/operator/api/meta.ts';
import { pods, virtualMachineInstances, virtualMachines } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { isAborted, isAlreadyExists, isNotFound } from '@idlewild/operator/kube/errors.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import { keyOf, refOf } from '@idlewild/operator/kube/object.ts';
import { annotations, consoleContainer, labels } from '@idlewild/operator/model/names.ts';
import { pino } from 'pino';

const log = pino({ level: 'warn', name: 'simulated-guests' });
/** From the guest's start to the first line of the job's script. */
const bootMs = 50;

export interface Console {
  text(): string;
  /** Until the log ends, or the returned function is called. */
  follow(onText: (text: string) => void, onEnd: () => void): () => void;
}

class Log implements Console {
  #text = '';
  #over = false;
  readonly #followers = new Set<{ onText: (text: string) => void; onEnd: () => void }>();

  text(): string {
    return this.#text;
  }

  follow(onText: (text: string) => void, onEnd: () => void): () => void {
    if (this.#over) {
      onEnd();
      return () => undefined;
    }
    const follower = { onText, onEnd };
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  print(text: string): void {
    this.#text += text;
    for (const { onText } of this.#followers) onText(text);
  }

  end(): void {
    this.#over = true;
    for (const { onEnd } of this.#followers) onEnd();
    this.#followers.clear();
  }
}

export class Guests {
  readonly #client: KubeClient;
  readonly #signal: AbortSignal;
  readonly #vms: Informer<VirtualMachine>;
  readonly #logs = new Map<string, Log>();
  readonly #lives = new Set<Promise<void>>();

  constructor(client: KubeClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
    this.#vms = new Informer<VirtualMachine>({ client, type: virtualMachines, log });
    this.#vms.onChange(({ type, object }) => {
      if (type === 'added' && object.metadata.deletionTimestamp === undefined) this.#begin(this.#live(object), object);
      if (type === 'deleted') this.#begin(this.#remove(object), object);
    });
  }

  consoleOf(podKey: string): Console | undefined {
    return this.#logs.get(podKey);
  }

  async run(onReady: () => void): Promise<void> {
    const reading = this.#vms.run(this.#signal);
    await this.#vms.synced();
    onReady();
    await reading;
    await Promise.all(this.#lives);
  }

  #begin(life: Promise<void>, vm: VirtualMachine): void {
    const guarded = life.catch((error: unknown) => {
      // A virtual machine that went in between takes its guest along, and the end of the bench all of them.
      if (isNotFound(error) || isAborted(error) || this.#signal.aborted) return;
      log.fatal({ err: error, vm: keyOf(vm) }, 'a guest went wrong');
      process.exit(1);
    });
    this.#lives.add(guarded);
    void guarded.then(() => this.#lives.delete(guarded));
  }

  async #live(vm: VirtualMachine): Promise<void> {
    const { name, namespace = '' } = vm.metadata;
    const node = hostOf(vm.spec.template.spec.affinity);
    const image = vm.spec.template.spec.volumes?.find(({ containerDisk }) => containerDisk)?.containerDisk?.image ?? '';
    const runsForMs = Number(/run-for-(\d+)/.exec(image)?.[1] ?? 0);
    const pod = { namespace, name: podNameOf(name) };
    const nonce = vm.metadata.annotations?.[annotations.nonce] ?? '';
    const console = new Log();
    this.#logs.set(`${namespace}/${pod.name}`, console);
    const mark = (text: string): void => console.print(`\r\nidlewild:${nonce}:${text}\r\n`);
    try {
      await this.#start(vm, node, pod);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      // It runs since before this process began.
    }
    await this.#sleep(bootMs);
    mark('start');
    await this.#sleep(runsForMs);
    mark('exit:0');
    console.end();
    const terminated = { exitCode: 0, startedAt: now(), finishedAt: now() };
    await this.#podStatus(pod, 'Succeeded', { terminated });
    await this.#vmiStatus({ namespace, name }, { phase: 'Succeeded', ...phaseTimes('Running', 'Succeeded') });
  }

  async #start(vm: VirtualMachine, node: string, pod: { namespace: string; name: string }): Promise<void> {
    const { name, namespace = '' } = vm.metadata;
    const { metadata, spec } = vm.spec.template;
    const own = metadata?.labels ?? {};
    const vmi = await this.#client.create<VirtualMachineInstance>(virtualMachineInstances, {
      metadata: {
        ...{ name, namespace, labels: own },
        ownerReferences: [ownerReference(virtualMachines, vm, { controller: true })],
      },
      spec,
      status: { phase: 'Scheduling' },
    });
    await this.#client.create(pods, {
      metadata: {
        ...pod,
        labels: own,
        annotations: { 'kubevirt.io/domain': name },
        ownerReferences: [ownerReference(virtualMachineInstances, vmi, { controller: true })],
      },
      spec: {
        nodeName: node,
        restartPolicy: 'Never',
        initContainers: [{ name: consoleContainer, image: 'launcher', restartPolicy: 'Always' }],
        containers: [{ name: 'compute', image: 'launcher' }],
      },
    });
    await this.#podStatus(pod, 'Running', { running: { startedAt: now() } });
    const conditions = ['LiveMigratable', 'Ready'].map((type) => ({ type, status: 'True' }));
    const running = { phase: 'Running', nodeName: node, conditions, ...phaseTimes('Scheduling', 'Running') };
    await this.#vmiStatus({ namespace, name }, running);
  }

  async #remove(vm: VirtualMachine): Promise<void> {
    const { name, namespace = '' } = vm.metadata;
    const pod = podNameOf(name);
    this.#logs.get(`${namespace}/${pod}`)?.end();
    this.#logs.delete(`${namespace}/${pod}`);
    const gone = (error: unknown): void => {
      if (!isNotFound(error)) throw error;
    };
    await this.#client.delete(virtualMachineInstances, refOf(keyOf(vm))).catch(gone);
    await this.#client.delete(pods, { namespace, name: pod }, { gracePeriodSeconds: 0 }).catch(gone);
  }

  async #podStatus(pod: { namespace: string; name: string }, phase: string, state: object): Promise<void> {
    const console = { name: consoleContainer, state, ready: true, restartCount: 0, image: '', imageID: '' };
    const status = { phase, initContainerStatuses: [console] };
    await this.#client.mergePatch(pods, pod, { status }, { subresource: 'status' });
  }

  async #vmiStatus(ref: { namespace: string; name: string }, status: object): Promise<void> {
    await this.#client.mergePatch(virtualMachineInstances, ref, { status });
  }

  async #sleep(ms: number): Promise<void> {
    await systemClock.sleep(ms, this.#signal);
  }
}

function now(): string {
  return new Date().toISOString();
}

function phaseTimes(...phases: string[]) {
  const phaseTransitionTimestamp = now();
  return { phaseTransitionTimestamps: phases.map((phase) => ({ phase, phaseTransitionTimestamp })) };
}

function podNameOf(vm: string): string {
  return `virt-launcher-${vm}`;
}

function hostOf(affinity: Affinity | undefined): string {
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms?.[0]?.matchExpressions?.find(({ key }) => key === labels.hostname)?.values?.[0] ?? '';
}
