// The process of one lab machine: its kubelet, its virt-handler and, as children, its guests. Started by the lab with the path
// of its configuration; logs JSON lines to stdout. SIGTERM ends it with its guests, and tells the API nothing: to the rest of
// the lab that is a power cut.
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { randomUUID } from 'node:crypto';
import { pods, virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { Controller } from '@idlewild/operator/kube/controller.ts';
import { EventRecorder } from '@idlewild/operator/kube/events.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import { createTransport } from '@idlewild/operator/kube/transport.ts';
import { pino } from 'pino';
import { defaultCacheDir, ensureImage } from '../images/cache.ts';
import { programPath } from '../images/packages.ts';
import { Consoles } from '../virt/handler/consoles.ts';
import { Handler } from '../virt/handler/reconcile.ts';
import type { VirtualMachineInstance } from '../virt/model/instance.ts';
import type { LauncherPod } from '../virt/model/launcher-pod.ts';
import { BootQueue } from '../virt/qemu/boot-queue.ts';
import { forgetGuestGroups } from './cgroup/guest-group.ts';
import { readConfig, type MachineConfig } from './config.ts';
import { endpointServer } from './endpoint/server.ts';
import { logPath } from './pods/launcher.ts';
import { ImagePull } from './pods/image-pull.ts';
import { PodKeeper } from './pods/reconcile.ts';
import { readHostFacts } from './node/host-facts.ts';
import { Registration } from './node/registration.ts';

const clock = systemClock;
const stop = new AbortController();
/** Pods worked on at the same time; a guest's slow start or migration never holds one of these. */
const workers = 4;

async function main(configFile: string): Promise<void> {
  const config = readConfig(configFile);
  const log = pino({ base: { process: 'machine', machine: config.name } });
  forgetLastLife(config);
  const machineType = await exactMachineType();
  const userAgent = `lab-machine/${config.name}`;
  const { server, caPem, certPem, keyPem } = config;
  const transport = createTransport({ server, ca: caPem, clientCert: certPem, clientKey: keyPem, userAgent });
  const client = new KubeClient(transport, { fieldManager: 'lab-machine', clock });
  const events = new EventRecorder({
    client,
    controller: 'lab.idlewild.dev/machine',
    instance: config.name,
    clock,
    log,
    newId: () => randomUUID().slice(0, 13),
  });

  const fieldSelector = `spec.nodeName=${config.name}`;
  const podInformer = new Informer<LauncherPod>({ client, type: pods, fieldSelector, log, clock });
  const instances = new Informer<VirtualMachineInstance>({ client, type: virtualMachineInstances, log, clock });
  const boots = new BootQueue({ dir: config.bootQueue });
  const enqueue = (key: string): void => controller.enqueue(key);
  const handler = new Handler({ client, config, machineType, boots, clock, log, events, enqueue });
  const cacheDir = defaultCacheDir();
  const images = new ImagePull({
    clock,
    events,
    enqueue,
    ensure: (reference, onStep) =>
      ensureImage(reference, { cacheDir, log, signal: stop.signal, onProgress: ({ step }) => onStep(step) }),
  });
  const keeper = new PodKeeper({
    client,
    config,
    clock,
    log,
    events,
    handler,
    images,
    podOf: (key) => podInformer.store.get(key),
    instanceOf: (key) => instances.store.get(key),
  });
  const reconcile = (key: string) => keeper.reconcile(key);
  const controller = new Controller({ name: 'pods', reconcile, concurrency: workers, log, clock });

  podInformer.onChange(({ type, object }) => {
    const key = keyOf(object);
    if (type === 'deleted') keeper.forget(key, object.metadata.uid);
    controller.enqueue(key);
  });
  instances.onChange(({ object }) => {
    for (const pod of podInformer.store.list()) {
      const owned = pod.metadata.ownerReferences?.some(({ uid }) => uid === object.metadata.uid);
      if (owned === true) controller.enqueue(keyOf(pod));
    }
  });

  const guestOf = (namespace: string, name: string) =>
    podInformer.store
      .list()
      .filter(
        (pod) => pod.metadata.namespace === namespace && pod.metadata.annotations?.['kubevirt.io/domain'] === name,
      )
      .map((pod) => keeper.launcherOf(pod.metadata.uid)?.guest?.guest)
      .find((guest) => guest !== undefined);
  const consoles = new Consoles({
    guestOf,
    setPaused: async (namespace, name, paused) => {
      const vmi = instances.store.get(`${namespace}/${name}`);
      if (vmi !== undefined) await handler.setPaused(vmi, paused);
    },
  });
  const endpoint = endpointServer({
    caPem,
    certPem,
    keyPem,
    clock,
    log,
    logOf: (namespace, name, container) => {
      const pod = podInformer.store.get(`${namespace}/${name}`);
      if (pod === undefined) return undefined;
      const { uid } = pod.metadata;
      return {
        file: logPath(keeper.podsDir, uid, container),
        ended: () => {
          const launcher = keeper.launcherOf(uid);
          const gone = podInformer.store.get(`${namespace}/${name}`)?.metadata.uid !== uid;
          return launcher === undefined ? gone || pod.status?.phase !== 'Pending' : !launcher.open;
        },
      };
    },
    handle: (request) => consoles.handle(request),
    upgrade: (request, raw, socket, head) => consoles.upgrade(request, raw, socket, head),
    receiver: ({ namespace, pod, channel }) => {
      const uid = podInformer.store.get(`${namespace}/${pod}`)?.metadata.uid;
      const sockets = uid === undefined ? undefined : keeper.launcherOf(uid)?.guest?.sockets;
      return channel === 'memory' ? sockets?.migrateSocket : sockets?.nbdSocket;
    },
  });
  await new Promise<void>((resolve, reject) => endpoint.once('error', reject).listen(config.socket, resolve));
  chmodSync(config.socket, 0o600);

  const facts = await readHostFacts(config.name, [machineType]);
  const registration = new Registration({ client, config, facts, clock, log });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
  await registration.register(stop.signal);
  log.info({ server }, 'machine is up');
  void podInformer.run(stop.signal);
  void instances.run(stop.signal);
  const renewing = registration.run(stop.signal);
  await Promise.all([podInformer.synced(), instances.synced()]);
  forgetUnknownPods(keeper.podsDir, new Set(podInformer.store.list().map(({ metadata }) => metadata.uid)));
  await Promise.all([renewing, controller.run(stop.signal)]);
}

/** The guests of the last life died with it; their disks and sockets go too. Logs of finished pods stay. */
function forgetLastLife(config: MachineConfig): void {
  forgetGuestGroups(config.guestCgroups);
  rmSync(config.runtime, { recursive: true, force: true });
  mkdirSync(config.runtime, { recursive: true, mode: 0o700 });
  const podsDir = join(config.dir, 'pods');
  mkdirSync(podsDir, { recursive: true });
  for (const uid of readdirSync(podsDir)) rmSync(join(podsDir, uid, 'guest'), { recursive: true, force: true });
}

function forgetUnknownPods(podsDir: string, known: ReadonlySet<string>): void {
  for (const uid of readdirSync(podsDir)) {
    if (!known.has(uid) && existsSync(join(podsDir, uid))) rmSync(join(podsDir, uid), { recursive: true, force: true });
  }
}

/** The versioned name behind the machine type q35, which is what a running guest reports. */
async function exactMachineType(): Promise<string> {
  const env = { ...process.env, PATH: programPath() };
  const { stdout } = await promisify(execFile)('qemu-system-x86_64', ['-machine', 'help'], { env });
  return /^q35\s.*\(alias of (\S+)\)/m.exec(stdout)?.[1] ?? 'q35';
}

const configFile = process.argv[2];
if (configFile === undefined) {
  console.error('usage: main.ts CONFIG: the path of the machine configuration that the lab wrote');
  process.exit(2);
}
main(configFile).catch((error: unknown) => {
  pino({ base: { process: 'machine' } }).fatal({ err: error }, 'the machine ended');
  process.exit(1);
});
