// KubeVirt, the scheduler and the kubelets of some machines, played just well enough for the operator: the order of what
// happens is KubeVirt's, the times are short. For tests against a real API server only.

import type { Logger } from 'pino';
import type { Lease, Node, Pod } from '@idlewild/operator/api/kubernetes.ts';
import {
  isInstanceOver,
  type VirtualMachine,
  type VirtualMachineInstance,
  type VmiPhase,
} from '@idlewild/operator/api/kubevirt.ts';
import {
  addFinalizer,
  isBeingDeleted,
  isOwnedBy,
  ownerReference,
  removeFinalizer,
} from '@idlewild/operator/api/meta.ts';
import {
  leases,
  nodes,
  pods,
  virtualMachineInstances,
  virtualMachines,
  type ResourceType,
} from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { Controller } from '@idlewild/operator/kube/controller.ts';
import { isAlreadyExists, isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import { microTime } from '@idlewild/operator/kube/micro-time.ts';
import { keyOf, refOf, type KubeObject } from '@idlewild/operator/kube/object.ts';
import { annotations, labels } from '@idlewild/operator/model/names.ts';
import { PlayedGuests } from './guests.ts';

const vmFinalizer = 'kubevirt.io/virtualMachineControllerFinalize';
const vmiFinalizer = 'kubevirt.io/foregroundDeleteVirtualMachine';
const leaseNamespace = 'kube-node-lease';
const renewMs = 50;

export class PlayedKubeVirt {
  readonly guests = new PlayedGuests();
  readonly #client: KubeClient;
  readonly #off = new Set<string>();
  readonly #vms: Informer<VirtualMachine>;
  readonly #vmis: Informer<VirtualMachineInstance>;
  readonly #pods: Informer<Pod>;
  readonly #controller: Controller;
  #machines: readonly string[] = [];

  constructor(client: KubeClient, log: Logger) {
    this.#client = client;
    const informer = <T extends KubeObject>(type: ResourceType): Informer<T> => new Informer<T>({ client, type, log });
    this.#vms = informer(virtualMachines);
    this.#vmis = informer(virtualMachineInstances);
    this.#pods = informer(pods);
    this.#controller = new Controller({ name: 'kubevirt', concurrency: 4, log, reconcile: (key) => this.#step(key) });
    const wake = (object: KubeObject): void => this.#controller.enqueue(keyOf(object));
    this.#vms.onChange(({ object }) => wake(object));
    this.#vmis.onChange(({ object }) => wake(object));
    this.#pods.onChange(({ object }) => {
      const vmi = object.metadata.annotations?.['kubevirt.io/domain'];
      if (vmi !== undefined) this.#controller.enqueue(`${object.metadata.namespace}/${vmi}`);
    });
  }

  async run(machines: readonly Node[], signal: AbortSignal): Promise<void> {
    this.#machines = machines.map(({ metadata }) => metadata.name);
    for (const machine of machines) {
      const { status, ...rest } = machine;
      const { uid: _own, resourceVersion: _first, ...metadata } = rest.metadata;
      await this.#client.create<Node>(nodes, { ...rest, metadata });
      await this.#client.mergePatch<Node>(nodes, { name: metadata.name }, { status }, { subresource: 'status' });
      // The server taints a new node as not ready, and no node controller is there to take that back.
      await this.#client.mergePatch<Node>(
        nodes,
        { name: metadata.name },
        { spec: { taints: machine.spec?.taints ?? null } },
      );
      await this.#client.create<Lease>(leases, {
        metadata: { namespace: leaseNamespace, name: metadata.name },
        spec: {},
      });
    }
    const informers = [this.#vms, this.#vmis, this.#pods];
    const running = [...informers.map((informer) => informer.run(signal)), this.#renew(signal)];
    await Promise.all(informers.map((informer) => informer.synced()));
    running.push(this.#controller.run(signal));
    await Promise.all(running);
    this.guests.close();
  }

  powerOff(machine: string): void {
    this.#off.add(machine);
    for (const vmi of this.#vmis.store.list()) {
      if (vmi.status?.nodeName === machine) this.guests.kill(vmi.metadata.uid ?? '');
    }
  }

  powerOn(machine: string): void {
    this.#off.delete(machine);
    for (const key of this.#vmis.store.keys()) this.#controller.enqueue(key);
  }

  async #renew(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const on = this.#machines.filter((machine) => !this.#off.has(machine));
      const spec = { renewTime: microTime(Date.now()) };
      await Promise.allSettled(
        on.map((name) => this.#client.mergePatch(leases, { namespace: leaseNamespace, name }, { spec })),
      );
      await systemClock.sleep(renewMs, signal).catch(() => undefined);
    }
  }

  async #step(key: string): Promise<void> {
    try {
      const vm = this.#vms.store.get(key);
      const vmi = this.#vmis.store.get(key);
      if (vm) await this.#stepVm(vm, vmi);
      if (vmi) await this.#stepVmi(vmi);
    } catch (error) {
      if (isConflict(error) || isNotFound(error) || isAlreadyExists(error)) this.#controller.queue.addAfter(key, 5);
      else throw error;
    }
  }

  async #stepVm(vm: VirtualMachine, vmi: VirtualMachineInstance | undefined): Promise<void> {
    const ref = refOf(keyOf(vm));
    const { resourceVersion } = vm.metadata;
    const finalize = (finalizers: string[]) =>
      this.#client.mergePatch(virtualMachines, ref, { metadata: { resourceVersion, finalizers } });
    if (isBeingDeleted(vm)) {
      if (vmi && !isBeingDeleted(vmi)) await this.#client.delete(virtualMachineInstances, ref);
      const rest = removeFinalizer(vm, vmFinalizer);
      if (!vmi && rest) await finalize(rest);
      return;
    }
    const finalizers = addFinalizer(vm, vmFinalizer);
    if (finalizers) await finalize(finalizers);
    const { template } = vm.spec;
    if (!vmi) {
      await this.#client.create<VirtualMachineInstance>(virtualMachineInstances, {
        metadata: {
          ...ref,
          labels: template.metadata?.labels ?? {},
          annotations: vm.metadata.annotations ?? {},
          finalizers: [vmiFinalizer],
          ownerReferences: [ownerReference(virtualMachines, vm, { controller: true })],
        },
        spec: template.spec,
        status: { phase: 'Scheduling' },
      });
    } else if (JSON.stringify(vmi.spec.affinity) !== JSON.stringify(template.spec.affinity)) {
      await this.#patchVmi(vmi, { spec: { affinity: template.spec.affinity } });
    }
  }

  async #stepVmi(vmi: VirtualMachineInstance): Promise<void> {
    const uid = vmi.metadata.uid ?? '';
    const own = this.#pods.store.list().filter((pod) => isOwnedBy(pod, uid));
    if (isBeingDeleted(vmi)) {
      this.guests.kill(uid);
      for (const pod of own) if (!this.#isOff(pod)) await this.#removePod(pod);
      if (own.length > 0) return;
      await this.#patchVmi(vmi, { metadata: { finalizers: null } });
      return;
    }
    if (isInstanceOver(vmi)) return;
    const node = vmi.status?.nodeName;
    if (node === undefined) {
      await this.#start(vmi, own);
      return;
    }
    const pod = own.find(({ spec, status }) => spec.nodeName === node && status?.phase !== 'Succeeded');
    if (!pod) {
      this.guests.kill(uid);
      await this.#phase(vmi, 'Failed');
      return;
    }
    if (this.#off.has(node)) return;
    if (!this.guests.hasRun(uid)) this.#boot(vmi, pod);
    else if (!this.guests.isAlive(uid)) {
      await this.#endPod(pod);
      await this.#phase(vmi, 'Succeeded');
      return;
    }
  }

  async #start(vmi: VirtualMachineInstance, own: readonly Pod[]): Promise<void> {
    const node = requiredHost(vmi) ?? this.#machines[0] ?? '';
    const [pod] = own;
    if (!pod) await this.#makePod(vmi, node);
    else if (!this.#off.has(node)) {
      await this.#runPod(pod);
      const conditions = ['LiveMigratable', 'Ready'].map((type) => ({ type, status: 'True' }));
      await this.#patchVmi(vmi, { status: { phase: 'Running', nodeName: node, conditions } });
    }
  }

  #boot(vmi: VirtualMachineInstance, pod: Pod): void {
    this.guests.start({
      vmiUid: vmi.metadata.uid ?? '',
      job: `${vmi.metadata.namespace}/${vmi.metadata.labels?.[labels.job]}`,
      pod: keyOf(pod),
      nonce: vmi.metadata.annotations?.[annotations.nonce] ?? '',
      image: vmi.spec.volumes?.find(({ containerDisk }) => containerDisk)?.containerDisk?.image ?? '',
      onOff: () => this.#controller.enqueue(keyOf(vmi)),
    });
  }

  async #makePod(vmi: VirtualMachineInstance, nodeName: string): Promise<void> {
    await this.#client.create<Pod>(pods, {
      metadata: {
        name: `virt-launcher-${vmi.metadata.name}-a`,
        namespace: vmi.metadata.namespace ?? '',
        labels: vmi.metadata.labels ?? {},
        annotations: { 'kubevirt.io/domain': vmi.metadata.name },
        ownerReferences: [ownerReference(virtualMachineInstances, vmi, { controller: true })],
      },
      spec: { nodeName, containers: [{ name: 'compute', image: 'launcher' }], restartPolicy: 'Never' },
    });
  }

  async #runPod(pod: Pod): Promise<void> {
    if (pod.status?.phase === 'Running') return;
    await this.#podStatus(pod, { phase: 'Running', initContainerStatuses: [consoleStatus({ running: {} })] });
  }

  async #endPod(pod: Pod): Promise<void> {
    const ended = consoleStatus({ terminated: { exitCode: 0 } });
    await this.#podStatus(pod, { phase: 'Succeeded', initContainerStatuses: [ended] });
  }

  async #podStatus(pod: Pod, status: Pod['status']): Promise<void> {
    await this.#client.mergePatch(pods, refOf(keyOf(pod)), { status }, { subresource: 'status' });
  }

  async #removePod(pod: Pod): Promise<void> {
    const { uid } = pod.metadata;
    await this.#client.delete(pods, refOf(keyOf(pod)), { gracePeriodSeconds: 0, preconditions: { uid } });
  }

  async #phase(vmi: VirtualMachineInstance, phase: VmiPhase): Promise<void> {
    await this.#patchVmi(vmi, { status: { phase } });
  }

  async #patchVmi(vmi: VirtualMachineInstance, patch: { metadata?: object; [field: string]: unknown }): Promise<void> {
    const { resourceVersion } = vmi.metadata;
    const versioned = { ...patch, metadata: { ...patch.metadata, resourceVersion } };
    await this.#client.mergePatch(virtualMachineInstances, refOf(keyOf(vmi)), versioned);
  }

  #isOff(pod: Pod): boolean {
    return pod.spec.nodeName !== undefined && this.#off.has(pod.spec.nodeName);
  }
}

function consoleStatus(state: object) {
  return { name: 'guest-console-log', state, ready: true, restartCount: 0, image: '', imageID: '' };
}

function requiredHost({ spec }: VirtualMachineInstance): string | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms?.[0]?.matchExpressions?.find(({ key }) => key === labels.hostname)?.values?.[0];
}
