// Where the images are tried: an API server with the chart's rights, the chart's pods, and a played machine. It has a network of
// its own, so that the ports are those of the chart.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { pino } from 'pino';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { bootstrap, operatorNamespace } from '@idlewild/lab/daemon/bootstrap.ts';
import { installKinds } from '@idlewild/lab/virt/manifests/install.ts';
import { kindValues, render, type Rendered } from '../../test/chart/chart.ts';
import type { Buildah, ImageConfig } from './buildah.ts';
import { commandOf, sandboxOf, type Container, type Place, type PodSpec } from './pod.ts';
import { runInside, Running, type Sandbox } from './sandbox.ts';

const deadlineMs = 60_000;
const pollMs = 100;

export interface Told {
  readonly VERSION: string;
  readonly REVISION: string;
}

/** A container of a pod, ready to be started. */
export interface Actor {
  readonly image: ImageConfig;
  readonly box: Sandbox;
  readonly command: readonly string[];
  /** The directory with its token and the authority's certificate. */
  readonly account: string;
  /** Of its volumes, by name. */
  volume(name: string): string;
}

export class Stage {
  readonly told: Told;
  readonly server: TestServer;
  /** The root of the played machine. */
  readonly machine: string;
  readonly #work: string;
  readonly #buildah: Buildah;
  readonly #admin: KubeClient;
  readonly #chart: readonly Rendered[];
  readonly #roots = new Map<string, string>();

  private constructor(
    told: Told,
    server: TestServer,
    work: string,
    buildah: Buildah,
    admin: KubeClient,
    chart: readonly Rendered[],
  ) {
    this.told = told;
    this.server = server;
    this.#work = work;
    this.machine = join(work, 'machine');
    this.#buildah = buildah;
    this.#admin = admin;
    this.#chart = chart;
  }

  static async open(buildah: Buildah, work: string, told: Told): Promise<Stage> {
    const server = await TestServer.start();
    const admin = new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' }));
    await bootstrap(admin, join(import.meta.dirname, '../../crds'));
    const { signal } = new AbortController();
    await installKinds({ client: admin, log: pino({ level: 'silent' }), clock: systemClock, signal });
    // Dedicated machines, as the played one has neither an owner nor their devices.
    const chart = await render('-n', operatorNamespace, '-f', kindValues);
    return new Stage(told, server, work, buildah, admin, chart);
  }

  async close(): Promise<void> {
    await this.#admin.raw.close();
    await this.server.stop();
  }

  /** @param workload the name of a Deployment or DaemonSet. @param bound what the pod's token is bound to. */
  async actor(workload: string, target: string, which: 'init' | 'main', bound?: object): Promise<Actor> {
    const found = this.#chart.find(
      ({ kind, metadata }) => metadata.name === workload && (kind === 'Deployment' || kind === 'DaemonSet'),
    );
    if (found === undefined) throw new Error(`the chart has no ${workload}`);
    const { spec: pod } = (found.spec as { readonly template: { readonly spec: PodSpec } }).template;
    const container: Container | undefined = (which === 'init' ? pod.initContainers : pod.containers)?.[0];
    if (container === undefined) throw new Error(`${workload} has no ${which} container`);
    const name = `localhost/idlewild-${target}`;
    const root = this.#roots.get(name) ?? this.#buildah.unpack(name);
    this.#roots.set(name, root);
    const { hostname, port } = new URL(this.server.url);
    const place: Place = {
      root,
      image: this.#buildah.configOf(name),
      volumes: join(this.#work, 'volumes', workload),
      machine: this.machine,
      account: await this.#account(pod.serviceAccountName, bound),
      env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port, NODE_NAME: 'pc-4' },
    };
    const box = sandboxOf(pod, container, place);
    return {
      image: place.image,
      box,
      command: commandOf(container, place),
      account: place.account,
      volume: (it) => join(place.volumes, it),
    };
  }

  /** A directory as a kubelet makes it for a service account. */
  async #account(name: string, bound?: object): Promise<string> {
    const path = `/api/v1/namespaces/${operatorNamespace}/serviceaccounts/${name}/token`;
    const { body } = await this.server.post(path, { spec: bound === undefined ? {} : { boundObjectRef: bound } });
    const dir = join(this.#work, 'accounts', name);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'token'), (body['status'] as { token: string }).token);
    writeFileSync(join(dir, 'ca.crt'), this.server.pki.caPem);
    writeFileSync(join(dir, 'namespace'), operatorNamespace);
    return dir;
  }
}

/** Runs what the actor runs while `meanwhile` looks at it; ends it as a kubelet does, and expects that it ends well. */
export async function acting(actor: Actor, meanwhile: (running: Running) => Promise<void>): Promise<void> {
  const running = new Running(actor.box, actor.command);
  try {
    await meanwhile(running);
    const code = await running.stop();
    if (code !== 0) throw new Error(`it ended with ${code}`);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${running.output.slice(-4_000)}`, { cause: error });
  } finally {
    running.kill();
  }
}

/** Awaits a condition of something that runs. */
export async function until(what: string, running: Running, look: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await look())) {
    if (running.ended) throw new Error(`${what}: it has ended before`);
    if (performance.now() > deadline) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    await delay(pollMs);
  }
}

/** Status and text of an answer; status 0 while nobody listens. */
export async function ask(url: string): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    return { status: answer.status, text: await answer.text() };
  } catch {
    return { status: 0, text: '' };
  }
}

/** What the image says of its health, asked as whoever runs the image asks. */
export function healthy({ box, image }: Actor): boolean {
  const [how, ...command] = image.Healthcheck.Test;
  if (how !== 'CMD') throw new Error(`a health check by ${how} needs a shell`);
  return runInside(box, command).code === 0;
}
