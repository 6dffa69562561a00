// The whole operator against a real API server with a played KubeVirt: what becomes of jobs, and that an operator that is
// killed after any of its writes leaves a world in which the next one reaches the same end.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { GarbageCollector } from '@idlewild/lab/controllers/garbage-collection/reconcile.ts';
import { installKinds } from '@idlewild/lab/virt/manifests/install.ts';
import { pino } from 'pino';
import { parse } from 'yaml';
import { aMachine } from '../../../test/builders/node.ts';
import type { ComputeJob, ComputeJobSpec } from '../api/compute-job.ts';
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
} from '../api/resources.ts';
import type { Node } from '../api/kubernetes.ts';
import { KubeClient } from '../kube/client.ts';
import { systemClock } from '../kube/clock.ts';
import { transportFrom } from '../kube/credentials.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeObject } from '../kube/object.ts';
import { annotations } from '../model/names.ts';
import { runOperator } from '../operator.ts';
import { parseOptions } from '../options.ts';
import { mortal, type Mortal } from './mortal-transport.ts';
import { PlayedKubeVirt } from './played-kubevirt.ts';

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
  const crd = parse(readFileSync(join(import.meta.dirname, '../../../crds/idlewild.dev_computejobs.yaml'), 'utf8'));
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

interface Operating {
  readonly mortal: Mortal;
  stop(): Promise<void>;
}

/** Starts an operator; with `dieAfter` it is killed by its n-th write, and another one takes its place at once. */
function operate(scenario: Scenario, dieAfter?: number): Operating {
  const options = optionsFor(scenario);
  const end = new AbortController();
  const first = mortal(connect(), kubeVirt.guests.logs, dieAfter);
  const life = async (one: Mortal): Promise<void> => {
    const signal = AbortSignal.any([end.signal, one.dead]);
    await runOperator({ options, transport: one.transport, log, signal });
    await one.transport.close();
  };
  const lives = (async () => {
    await life(first);
    if (!end.signal.aborted) await life(mortal(connect(), kubeVirt.guests.logs));
  })();
  return {
    mortal: first,
    stop: async () => {
      end.abort();
      await lives;
    },
  };
}

interface Scenario {
  /** After how long a silent machine counts as lost. */
  readonly lostAfter?: string;
  readonly jobs: Readonly<Record<string, Partial<ComputeJobSpec>>>;
  /** What happens to the machines meanwhile. */
  readonly meanwhile?: (o: { job(name: string): Promise<ComputeJob> }) => Promise<void>;
  readonly ends: Readonly<Record<string, unknown>>;
}

let count = 0;

/** Plays the scenario in a namespace of its own and says how many writes the first operator made. */
async function play(scenario: Scenario, dieAfter?: number): Promise<number> {
  const namespace = `run-${++count}`;
  await client.create(namespaces, { metadata: { name: namespace } });
  await client.create(serviceAccounts, { metadata: { namespace, name: 'default' } });
  const operating = operate(scenario, dieAfter);
  const job = (name: string) => client.get<ComputeJob>(computeJobs, { namespace, name });
  try {
    for (const [name, spec] of Object.entries(scenario.jobs)) {
      const full = { script: 'true', ...spec, resources: { cores: 1, memory: '128Mi', ...spec.resources } };
      await client.create(computeJobs, { metadata: { namespace, name }, spec: full });
    }
    await scenario.meanwhile?.({ job });
    for (const [name, wanted] of Object.entries(scenario.ends)) await untilMatches(() => job(name), wanted as object);
    const writes = operating.mortal.writes();
    for (const { metadata } of machines) {
      await kubeVirt.uncordon(metadata.name);
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
    return writes;
  } finally {
    await operating.stop();
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

const repeated: Scenario = {
  jobs: { bad: { image: { containerDisk: 'sim/exit-3-after-10' }, retries: { limit: 1, when: ['ScriptFailed'] } } },
  ends: { bad: { phase: 'Failed', exitCode: 3, attempt: 2, failures: 2 } },
};

const drained: Scenario = {
  jobs: { mover: { image: { containerDisk: 'sim/exit-when-moved' } } },
  meanwhile: async ({ job }) => {
    const from = await until('it runs', async () => {
      const { status } = await job('mover');
      return status?.phase === 'Running' ? status.node : undefined;
    });
    await kubeVirt.drain(from);
    await until('it has moved', async () => {
      const { status } = await job('mover');
      return (status?.node !== from && (status?.interruptions ?? []).length > 0) || status?.phase === 'Succeeded';
    });
  },
  ends: {
    mover: {
      phase: 'Succeeded',
      attempt: 1,
      interruptions: [{ reason: 'Drained', rung: 'Migrate', migration: 'mover-1-m1' }],
    },
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

const unstartable: Scenario = {
  jobs: {
    silent: {
      image: { containerDisk: 'sim/silent' },
      startDeadline: '1s',
      retries: { limit: 1, when: ['StartFailed'] },
    },
  },
  ends: { silent: { phase: 'Failed', reason: 'StartFailed', attempt: 2, failures: 2 } },
};

describe('the operator', () => {
  it.each([
    ['runs jobs to their ends', batch],
    ['moves a guest off a drained machine', drained],
    ['repeats a job whose machine is lost', poweredOff],
    ['gives up a guest that never starts', unstartable],
  ])(
    '%s, and leaves nothing behind',
    async (_name, scenario) => {
      expect(await play(scenario)).toBeGreaterThan(5);
    },
    60_000,
  );
});

describe('an operator that is killed after any one of its writes is followed by one that brings to the same end', () => {
  it.each([
    ['a job that fails twice', repeated],
    ['a guest that moves', drained],
    ['a job whose machine is lost', poweredOff],
  ])(
    '%s',
    async (_name, scenario) => {
      for (let dieAfter = 1; ; dieAfter++) {
        const writes = await play(scenario, dieAfter).catch((error: unknown) => {
          throw new Error(`killed after write ${dieAfter}`, { cause: error });
        });
        if (writes < dieAfter) break;
      }
    },
    300_000,
  );
});
