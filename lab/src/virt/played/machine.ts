// A machine without guests, for tests: it writes what kubelet and virt-handler write, in the order of ../README.md, and serves a
// console that echoes. Guests end when the test says so.
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { nodes, pods, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isConflict, isNotFound } from '@idlewild/operator/kube/errors.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import { wholeSeconds } from '../../model/meta.ts';
import type { Pki } from '../../pki/pki.ts';
import { NODE_NAME_LABEL, isFinal, type VirtualMachineInstance } from '../model/instance.ts';
import { MIGRATION_JOB_LABEL, UNPAUSED_GATE, isDown, type LauncherPod } from '../model/launcher-pod.ts';
import { isMigrating } from '../model/migration.ts';

export interface PlayedMachineOptions {
  readonly name: string;
  readonly client: KubeClient;
  readonly pki: Pki;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
export const MACHINE_TYPE = 'pc-q35-7.2';

export class PlayedMachine {
  readonly #o: PlayedMachineOptions;
  readonly #vmis: Informer<VirtualMachineInstance>;
  readonly #pods: Informer<LauncherPod>;
  #server: Server | undefined;
  #work: Promise<void> = Promise.resolve();
  /** Requests to the handler's endpoint, as "METHOD subresource". */
  readonly calls: string[] = [];
  /** Guests that do not stop when asked. */
  readonly stubborn = new Set<string>();
  /** False: incoming guests are received but sending never ends. */
  migrationsEnd = true;
  /** False: the machine is as dead: it writes nothing any more. */
  alive = true;

  constructor(options: PlayedMachineOptions) {
    this.#o = options;
    const { client, log } = options;
    this.#vmis = new Informer({ client, log, type: virtualMachineInstances });
    this.#pods = new Informer({ client, log, type: pods, fieldSelector: `spec.nodeName=${options.name}` });
  }

  async start(labels: Readonly<Record<string, string>>): Promise<void> {
    const port = await this.#listen();
    await this.#register(port, labels);
    const look = (): void => {
      this.#work = this.#work.then(() => this.#pass()).catch((error: unknown) => this.#failed(error));
    };
    this.#vmis.onChange(look);
    this.#pods.onChange(look);
    for (const informer of [this.#vmis, this.#pods]) {
      informer.run(this.#o.signal).catch((error: unknown) => this.#failed(error));
    }
    await Promise.all([this.#vmis.synced(), this.#pods.synced()]);
  }

  stop(): void {
    this.alive = false;
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  /** The guest ends: of itself, or by a crash. */
  async endGuest(
    vmi: { readonly metadata: { readonly namespace?: string; readonly name: string } },
    phase: 'Succeeded' | 'Failed',
  ) {
    const { namespace, name } = vmi.metadata;
    await this.#o.client.mergePatch(virtualMachineInstances, { namespace, name }, { status: { phase } });
  }

  #failed(error: unknown): void {
    if (isConflict(error) || isNotFound(error) || this.#o.signal.aborted) return;
    this.#o.log.error({ err: error, machine: this.#o.name }, 'a played machine failed');
  }

  async #register(port: number, labels: Readonly<Record<string, string>>): Promise<void> {
    const { name, client } = this.#o;
    const metadata = {
      name,
      annotations: { 'lab.idlewild.dev/handler-port': String(port), 'kubevirt.io/heartbeat': wholeSeconds(Date.now()) },
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/arch': 'amd64',
        'kubevirt.io/schedulable': 'true',
        'cpu-model.node.kubevirt.io/qemu64': 'true',
        'cpu-vendor.node.kubevirt.io/AMD': 'true',
        'machine-type.node.kubevirt.io/q35': 'true',
        [`machine-type.node.kubevirt.io/${MACHINE_TYPE}`]: 'true',
        ...labels,
      },
    };
    await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata });
    const resources = {
      ...{ cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '50Gi' },
      ...{ 'devices.kubevirt.io/tun': '1000', 'devices.kubevirt.io/vhost-net': '1000' },
    };
    const now = wholeSeconds(Date.now());
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'KubeletReady',
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    };
    const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }];
    const status = { capacity: resources, allocatable: resources, addresses, conditions: [ready] };
    await client.mergePatch(nodes, { name }, { status }, { subresource: 'status' });
  }

  async #pass(): Promise<void> {
    if (!this.alive) return;
    for (const pod of this.#pods.store.list()) await this.#kubelet(pod).catch((error: unknown) => this.#failed(error));
    for (const vmi of this.#vmis.store.list()) await this.#handler(vmi).catch((error: unknown) => this.#failed(error));
  }

  #vmiOf(pod: LauncherPod): VirtualMachineInstance | undefined {
    const owner = pod.metadata.ownerReferences?.[0];
    const vmi = this.#vmis.store.get(`${pod.metadata.namespace ?? ''}/${owner?.name ?? ''}`);
    return vmi?.metadata.uid === owner?.uid ? vmi : undefined;
  }

  async #kubelet(pod: LauncherPod): Promise<void> {
    const vmi = this.#vmiOf(pod);
    const mine = vmi?.status?.nodeName === this.#o.name;
    const moved = vmi?.status?.migrationState;
    const isTarget = pod.metadata.labels?.[MIGRATION_JOB_LABEL] === moved?.migrationUid && moved !== undefined;
    const left = isTarget
      ? moved?.failed === true
      : moved?.completed === true && moved.sourcePod === pod.metadata.name && !moved.failed;
    if (pod.status?.phase === 'Pending') {
      if (pod.metadata.deletionTimestamp) await this.#finish(pod);
      else await this.#podStatus(pod, 'Running');
      return;
    }
    if (isDown(pod)) {
      if (pod.metadata.deletionTimestamp) await this.#finish(pod);
      return;
    }
    const stopped =
      pod.metadata.deletionTimestamp !== undefined && !(mine && vmi && this.stubborn.has(vmi.metadata.name));
    if (stopped && mine && vmi && !isFinal(vmi) && !isTarget) return this.endGuest(vmi, 'Succeeded');
    if (left || stopped || (mine && vmi && isFinal(vmi))) {
      await this.#podStatus(pod, 'Succeeded');
      if (pod.metadata.deletionTimestamp) await this.#finish(pod);
      return;
    }
    const gate = pod.status?.conditions?.find((each) => each.type === UNPAUSED_GATE)?.status === 'True';
    const ready = pod.status?.conditions?.find((each) => each.type === 'Ready')?.status === 'True';
    if (gate && !ready) await this.#podStatus(pod, 'Running');
  }

  async #finish({ metadata }: LauncherPod): Promise<void> {
    await this.#o.client.delete(pods, metadata, { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid } });
  }

  async #podStatus(pod: LauncherPod, phase: 'Running' | 'Succeeded'): Promise<void> {
    const now = wholeSeconds(Date.now());
    const running = phase === 'Running';
    const state = running ? { running: { startedAt: now } } : { terminated: { exitCode: 0, reason: 'Completed' } };
    const gate = pod.status?.conditions?.find((each) => each.type === UNPAUSED_GATE)?.status === 'True';
    const condition = (type: string, status: boolean, reason?: string) => ({
      ...{ type, status: status ? 'True' : 'False', lastTransitionTime: now },
      ...(reason ? { reason } : {}),
    });
    const disks = (pod.spec.initContainers ?? []).filter((each) => each.name.startsWith('volume'));
    const status = {
      phase,
      podIP: '10.42.0.9',
      containerStatuses: [{ name: 'compute', image: 'x', imageID: 'x', ready: running, restartCount: 0, state }],
      initContainerStatuses: disks.map(({ name }) => ({
        ...{ name, image: 'x', imageID: `lab/tiny@${DIGEST}`, ready: true, restartCount: 0 },
        state: { terminated: { exitCode: 0, reason: 'Completed' } },
      })),
      conditions: [
        condition('ContainersReady', running),
        condition('Ready', running && gate, running ? (gate ? undefined : 'ReadinessGatesNotReady') : 'PodCompleted'),
      ],
    };
    await this.#o.client.strategicMergePatch(pods, pod.metadata, { status }, { subresource: 'status' });
  }

  async #handler(vmi: VirtualMachineInstance): Promise<void> {
    const { name } = this.#o;
    const { phase, nodeName, migrationState: state } = vmi.status ?? {};
    if (phase === 'Scheduled' && nodeName === name && !vmi.metadata.deletionTimestamp) {
      const conditions = [
        ...(vmi.status?.conditions ?? []),
        ...['LiveMigratable', 'StorageLiveMigratable'].map((type) => ({ type, status: 'True' })),
      ];
      const phaseTransitionTimestamps = [
        ...(vmi.status?.phaseTransitionTimestamps ?? []),
        { phase: 'Running', phaseTransitionTimestamp: wholeSeconds(Date.now()) },
      ];
      const machine = { type: MACHINE_TYPE };
      await this.#patch(vmi, { status: { phase: 'Running', conditions, phaseTransitionTimestamps, machine } });
      return;
    }
    if (!state || state.endTimestamp !== undefined || phase !== 'Running') return this.#afterHandOver(vmi);
    const now = wholeSeconds(Date.now());
    const migrationState = (fields: object): Promise<void> => this.#patch(vmi, { status: { migrationState: fields } });
    if (state.targetNode === name && !state.targetNodeAddress)
      return migrationState({ targetNodeAddress: '127.0.0.1' });
    if (state.sourceNode === name && state.abortRequested) {
      const failureReason = 'Live migration aborted';
      return migrationState({
        completed: true,
        failed: true,
        endTimestamp: now,
        abortStatus: 'Succeeded',
        failureReason,
      });
    }
    if (state.sourceNode === name && state.targetNodeAddress && !state.startTimestamp) {
      return migrationState({ startTimestamp: now, mode: 'PreCopy' });
    }
    if (state.targetNode === name && isMigrating(state) && this.migrationsEnd) {
      return this.#patch(vmi, {
        metadata: { labels: { [NODE_NAME_LABEL]: name } },
        status: {
          ...{ nodeName: name, evacuationNodeName: null },
          migrationState: { endTimestamp: now, targetNodeDomainDetected: true },
        },
      });
    }
  }

  async #afterHandOver(vmi: VirtualMachineInstance): Promise<void> {
    const state = vmi.status?.migrationState;
    if (state?.sourceNode !== this.#o.name || !state.endTimestamp || state.completed) return;
    await this.#patch(vmi, { status: { migrationState: { completed: true } } });
  }

  async #patch(
    vmi: VirtualMachineInstance,
    patch: { readonly metadata?: object; readonly status: object },
  ): Promise<void> {
    const metadata = { ...patch.metadata, resourceVersion: vmi.metadata.resourceVersion };
    await this.#o.client.mergePatch(virtualMachineInstances, vmi.metadata, { ...patch, metadata });
  }

  async #listen(): Promise<number> {
    const { name, pki } = this.#o;
    const { certPem, keyPem } = await pki.issue(name, { hosts: ['127.0.0.1'] });
    const tls = { cert: certPem, key: keyPem, ca: pki.caPem, requestCert: true, rejectUnauthorized: true };
    const server = createServer(tls, (request, response) => {
      this.calls.push(`${request.method ?? ''} ${(request.url ?? '').split('/').slice(6).join('/')}`);
      response.writeHead(202).end();
    });
    const consoles = new WebSocketServer({ noServer: true, handleProtocols: () => 'plain.kubevirt.io' });
    server.on('upgrade', (request, socket, head) => {
      consoles.handleUpgrade(request, socket, head, (client) => {
        client.send(Buffer.from('login: '));
        client.on('message', (data: Buffer, isBinary) =>
          client.send(Buffer.concat([Buffer.from(isBinary ? 'b:' : 't:'), data])),
        );
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }
}
