// The whole operator against a real API server with a played KubeVirt: what the API in memory takes for granted, such as defaults,
// validation, watches over a network and subresources, holds for jobs that end, whose machine is lost, and that are stopped.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { GarbageCollector } from '@idlewild/lab/controllers/garbage-collection/reconcile.ts';
import { installKinds } from '@idlewild/lab/virt/manifests/install.ts';
import { pino } from 'pino';
import { parse } from 'yaml';
import { aMachine } from '../../test/builders/node.ts';
import type { ComputeJob, ComputeJobSpec } from '@idlewild/operator/api/compute-job.ts';
import {
  computeJobs,
  customResourceDefinitions,
  namespaces,
  nodes,
  pods,
  secrets,
  serviceAccounts,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
} from '@idlewild/operator/api/resources.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { KubeObject } from '@idlewild/operator/kube/object.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { annotations } from '@idlewild/operator/model/names.ts';
import { runOperator } from '@idlewild/operator/operator.ts';
import { parseOptions } from '@idlewild/operator/options.ts';
import { PlayedKubeVirt } from './played/kubevirt.ts';

const log = pino({ level: process.env.IDLEWILD_LOG ?? 'silent' });
/** Time is real here: on a busy machine, leases that are played within this process are seconds late now and then. */
const patient = '15s';
const optionsFor = ({ lostAfter = patient }: Scenario) =>
  parseOptions(['--lost-after', lostAfter, '--retry-base', '0s', '--hold-down', '0s']);
const machines = ['pc-1', 'pc-2', 'pc-3'].map((name) => aMachine(name, { cores: 2 }));
const leftoverTypes = [virtualMachines, virtualMachineInstances, virtualMachineInstanceMigrations, pods, secrets];

let server: TestServer;
let client: KubeClient;
let kubeVirt: PlayedKubeVirt;
const stop = new AbortController();
let playing: Promise<void>;
let collecting: Promise<void>;

beforeAll(async () => {
  server = await TestServer.start();
  client = new KubeClient(connect());
  await installKinds({ client, log, clock: systemClock, signal: stop.signal });
  const crd = parse(readFileSync(join(import.meta.dirname, '../../crds/idlewild.dev_computejobs.yaml'), 'utf8'));
  await client.create(customResourceDefinitions, crd as never);
  await until('ComputeJobs are served', async () => {
    try {
      await client.list(computeJobs);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  });
  kubeVirt = new PlayedKubeVirt(client, log);
  playing = kubeVirt.run(machines, stop.signal);
  const collector = new GarbageCollector({ client, log, clock: systemClock });
  collecting = (await collector.start(stop.signal)).ended;
}, 60_000);

afterAll(async () => {
  stop.abort();
  await Promise.all([playing, collecting]);
  await client.raw.close();
  await server.stop();
}, 60_000);

function connect() {
  return transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' });
}

async function until<T>(what: string, look: () => Promise<T | false | undefined>, seen?: () => unknown): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const value = await look();
    if (value !== false && value !== undefined) return value;
    if (performance.now() > deadline)
      throw new Error(`${what}: not within 30 s; last seen: ${JSON.stringify(seen?.())}`);
    await systemClock.sleep(10);
  }
}

/** The status may still gain a line after the end, such as the ledger's about the move that came just before. */
async function untilMatches(read: () => Promise<ComputeJob>, wanted: object): Promise<void> {
  const matches = (status: unknown): boolean => {
    try {
      expect(status).toMatchObject(wanted);
      return true;
    } catch {
      return false;
    }
  };
  let last: ComputeJob | undefined;
  await until(
    `the status is ${JSON.stringify(wanted)}`,
    async () => {
      last = await read();
      return matches(last.status);
    },
    () => last?.status,
  );
}

/** Starts an operator, whose guests' logs come from where they are played; the result stops it. */
function operate(scenario: Scenario): () => Promise<void> {
  const end = new AbortController();
  const inner = connect();
  const transport: Transport = {
    ...inner,
    request: (request) => inner.request(request),
    close: () => inner.close(),
    stream: async (request) => {
      const [, namespace, name] = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/log$/.exec(request.path) ?? [];
      if (name === undefined) return inner.stream(request);
      const follow = request.query?.['follow'] === true;
      const body = kubeVirt.guests.logs.follow(`${namespace}/${name}`, follow, request.signal);
      return { status: 200, headers: {}, body };
    },
  };
  const life = runOperator({ options: optionsFor(scenario), transport, log, signal: end.signal });
  return async () => {
    end.abort();
    await life;
    await inner.close();
  };
}

interface Scenario {
  /** After how long a silent machine counts as lost. */
  readonly lostAfter?: string;
  readonly jobs: Readonly<Record<string, Partial<ComputeJobSpec>>>;
  /** What happens to the machines meanwhile. */
  readonly meanwhile?: (o: {
    job(name: string): Promise<ComputeJob>;
    stop(name: string): Promise<unknown>;
  }) => Promise<void>;
  readonly ends: Readonly<Record<string, unknown>>;
}

let count = 0;

/** Plays the scenario in a namespace of its own. */
async function play(scenario: Scenario): Promise<void> {
  const namespace = `run-${++count}`;
  await client.create(namespaces, { metadata: { name: namespace } });
  await client.create(serviceAccounts, { metadata: { namespace, name: 'default' } });
  const stopOperator = operate(scenario);
  const job = (name: string) => client.get<ComputeJob>(computeJobs, { namespace, name });
  try {
    for (const [name, spec] of Object.entries(scenario.jobs)) {
      const full = { script: 'true', ...spec, resources: { cores: 1, memory: '128Mi', ...spec.resources } };
      await client.create(computeJobs, { metadata: { namespace, name }, spec: full });
    }
    await scenario.meanwhile?.({
      job,
      stop: (name) => client.mergePatch(computeJobs, { namespace, name }, { spec: { stop: true } }),
    });
    for (const [name, wanted] of Object.entries(scenario.ends)) await untilMatches(() => job(name), wanted as object);
    for (const { metadata } of machines) {
      // Each run finds machines without a past.
      await client.mergePatch(
        nodes,
        { name: metadata.name },
        { metadata: { annotations: { [annotations.hold]: null } } },
      );
    }
    for (const name of Object.keys(scenario.jobs)) await client.delete(computeJobs, { namespace, name });
    let left: string[] = [];
    await until(
      'nothing is left',
      async () => {
        const lists = await Promise.all(
          [computeJobs, ...leftoverTypes].map((type) => client.list<KubeObject>(type, { namespace })),
        );
        left = lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.name));
        return left.length === 0;
      },
      () => left,
    );
    await until('no machine counts as lost', async () => {
      const { items } = await client.list<Node>(nodes);
      return items.every(({ spec }) => !spec?.taints?.some(({ key }) => key === 'idlewild.dev/lost'));
    });
    expect(kubeVirt.guests.twins).toEqual([]);
  } finally {
    await stopOperator();
  }
}

const batch: Scenario = {
  jobs: {
    good: { image: { containerDisk: 'sim/exit-0-after-10' } },
    bad: { image: { containerDisk: 'sim/exit-3-after-10' }, retries: { limit: 1, when: ['ScriptFailed'] } },
  },
  ends: {
    good: { phase: 'Succeeded', exitCode: 0, attempt: 1 },
    bad: { phase: 'Failed', exitCode: 3, attempt: 2, failures: 2 },
  },
};

const poweredOff: Scenario = {
  lostAfter: '3s',
  jobs: { survivor: { image: { containerDisk: 'sim/exit-second-time' } } },
  meanwhile: async ({ job }) => {
    const lost = await until('it runs', async () => {
      const { status } = await job('survivor');
      return status?.phase === 'Running' ? status.node : undefined;
    });
    kubeVirt.powerOff(lost);
    await until('it runs again', async () => (await job('survivor')).status?.attempt === 2);
    kubeVirt.powerOn(lost);
  },
  ends: {
    survivor: { phase: 'Succeeded', attempt: 2, attempts: [{ reason: 'MachineLost' }, { reason: 'Completed' }] },
  },
};

const long = { image: { containerDisk: 'sim/exit-0-after-600000' } };
const stopped: Scenario = {
  jobs: {
    runs: { ...long, retries: { limit: 5, when: ['ScriptFailed', 'StartFailed'] } },
    desk: { ...long, mode: 'Session' },
    waits: { ...long, placement: { rooms: ['nowhere'], dedicatedOnly: false } },
  },
  meanwhile: async ({ job, stop: stopJob }) => {
    for (const [name, phase] of [
      ['runs', 'Running'],
      ['desk', 'Running'],
      ['waits', 'Waiting'],
    ] as const) {
      await until(`${name} is ${phase}`, async () => (await job(name)).status?.phase === phase);
      await stopJob(name);
    }
  },
  ends: {
    runs: { phase: 'Failed', reason: 'Stopped', attempt: 1, failures: 0, attempts: [{ reason: 'Stopped' }] },
    desk: { phase: 'Succeeded', reason: 'Stopped', attempt: 1 },
    waits: { phase: 'Failed', reason: 'Stopped', message: 'stopped by its user before it had started' },
  },
};

describe('the operator against a real API server', () => {
  it('runs jobs to their ends, and leaves nothing behind', () => play(batch), 60_000);
  it('repeats a job whose machine is lost, and leaves nothing behind', () => play(poweredOff), 60_000);
  it('ends jobs that are stopped while they run and wait, and leaves nothing behind', () => play(stopped), 60_000);
});
