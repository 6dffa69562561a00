// Migrations, drains and subresources on the lab's control plane, with machines that are played.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  pods,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
} from '@idlewild/operator/api/resources.ts';
import { isNotFound, KubeError } from '@idlewild/operator/kube/errors.ts';
import { WebSocket } from 'ws';
import type { VirtualMachine, VirtualMachineInstance } from './model/instance.ts';
import type { LauncherPod } from './model/launcher-pod.ts';
import type { Migration } from './model/migration.ts';
import { NAMESPACE, startTestCluster, until, type TestCluster } from './played/cluster.ts';
import type { PlayedMachine } from './played/machine.ts';
import { machineObject } from './played/objects.ts';

const LONG = 60_000;
let cluster: TestCluster;
let machines: Record<string, PlayedMachine>;

beforeAll(async () => {
  cluster = await startTestCluster();
  machines = {};
  for (const name of ['pc-1', 'pc-2']) machines[name] = await cluster.addMachine(name);
}, LONG);
afterAll(() => cluster.close(), LONG);

const ref = (name: string) => ({ namespace: NAMESPACE, name });
const getVmi = (name: string): Promise<VirtualMachineInstance> => cluster.admin.get(virtualMachineInstances, ref(name));
const getVm = (name: string): Promise<VirtualMachine> => cluster.admin.get(virtualMachines, ref(name));

async function running(name: string, spec: object = {}, runStrategy = 'Once'): Promise<VirtualMachineInstance> {
  await cluster.admin.create(virtualMachines, machineObject(name, runStrategy, spec));
  await until(`${name} ready`, async () => (await getVm(name)).status?.ready === true);
  return getVmi(name);
}

async function remove(name: string): Promise<void> {
  await cluster.admin.delete(virtualMachines, ref(name));
  await until(`${name} gone`, async () => {
    const { items } = await cluster.admin.list<VirtualMachine>(virtualMachines, { namespace: NAMESPACE });
    return !items.some((vm) => vm.metadata.name === name);
  });
}

function migration(name: string, vmiName: string, addedNodeSelector?: Record<string, string>) {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstanceMigration',
    metadata: { name, namespace: NAMESPACE },
    spec: { vmiName, ...(addedNodeSelector ? { addedNodeSelector } : {}) },
  };
}

async function over(name: string): Promise<Migration> {
  return until(`migration ${name} to end`, async () => {
    const found = await cluster.admin.get<Migration>(virtualMachineInstanceMigrations, ref(name));
    return (
      (found.status?.phase === 'Succeeded' || found.status?.phase === 'Failed') &&
      !found.metadata.finalizers?.length &&
      found
    );
  });
}

async function refusal(work: Promise<unknown>): Promise<{ code: number | undefined; message: string }> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KubeError) return { code: error.status, message: error.body?.message ?? error.message };
    throw error;
  }
  throw new Error('it was not refused');
}

const other = (node: string | undefined): string => (node === 'pc-1' ? 'pc-2' : 'pc-1');
const base = (resource: string, name: string, call: string): string =>
  `/apis/subresources.kubevirt.io/v1/namespaces/${NAMESPACE}/${resource}/${name}/${call}`;

describe('a live migration', () => {
  it(
    'goes through every phase, hands the guest over and keeps the copy of its state',
    async () => {
      const before = await running('mover');
      const target = other(before.status?.nodeName);
      await cluster.admin.create(
        virtualMachineInstanceMigrations,
        migration('move-1', 'mover', { 'kubernetes.io/hostname': target }),
      );
      const second = await refusal(
        cluster.admin.create(virtualMachineInstanceMigrations, migration('move-2', 'mover')),
      );
      expect(second).toMatchObject({
        code: 400,
        message: expect.stringMatching(/in-flight migration detected\. Active migration job \(/),
      });
      const ended = await over('move-1');
      expect(ended.status?.phaseTransitionTimestamps?.map((entry) => entry.phase)).toEqual([
        'Pending',
        'Scheduling',
        'Scheduled',
        'PreparingTarget',
        'TargetReady',
        'Running',
        'Succeeded',
      ]);
      expect(ended.status?.migrationState).toMatchObject({
        completed: true,
        sourceNode: before.status?.nodeName,
        targetNode: target,
      });
      const after = await getVmi('mover');
      expect(after.status?.nodeName).toBe(target);
      expect(after.metadata.labels).toMatchObject({ 'kubevirt.io/nodeName': target });
      await until('ready again', async () => (await getVm('mover')).status?.ready === true);
      await remove('mover');
      const { items } = await cluster.admin.list<Migration>(virtualMachineInstanceMigrations, { namespace: NAMESPACE });
      await until('its migrations to go', async () => {
        const left = await cluster.admin.list<Migration>(virtualMachineInstanceMigrations, { namespace: NAMESPACE });
        return left.items.length === 0;
      });
      expect(items.length).toBeLessThanOrEqual(1);
    },
    LONG,
  );

  it(
    'fails after its own time when no machine takes the guest, which stays where it is',
    async () => {
      const before = await running('stayer');
      const impossible = migration('no-room', 'stayer', { 'kubernetes.io/hostname': before.status?.nodeName ?? '' });
      const metadata = {
        ...impossible.metadata,
        annotations: { 'kubevirt.io/migrationUnschedulablePodTimeoutSeconds': '1' },
      };
      await cluster.admin.create(virtualMachineInstanceMigrations, { ...impossible, metadata });
      expect((await over('no-room')).status?.phase).toBe('Failed');
      const after = await getVmi('stayer');
      expect(after.status).toMatchObject({ phase: 'Running', nodeName: before.status?.nodeName });
      await until(
        'the target pod to go',
        async () => Object.keys((await getVmi('stayer')).status?.activePods ?? {}).length === 1,
      );
      await remove('stayer');
    },
    LONG,
  );

  it(
    'is called off by deleting it while it runs',
    async () => {
      const before = await running('aborted');
      const target = machines[other(before.status?.nodeName)];
      if (target) target.migrationsEnd = false;
      await cluster.admin.create(virtualMachineInstanceMigrations, migration('abort-me', 'aborted'));
      await until('it runs', async () => {
        const found = await cluster.admin.get<Migration>(virtualMachineInstanceMigrations, ref('abort-me'));
        return found.status?.phase === 'Running';
      });
      await until('Migrating', async () => (await getVm('aborted')).status?.printableStatus === 'Migrating');
      await cluster.admin.delete(virtualMachineInstanceMigrations, ref('abort-me'));
      await until('it is gone', async () => {
        try {
          await cluster.admin.get(virtualMachineInstanceMigrations, ref('abort-me'));
          return false;
        } catch (error) {
          return isNotFound(error);
        }
      });
      if (target) target.migrationsEnd = true;
      expect((await getVmi('aborted')).status).toMatchObject({
        nodeName: before.status?.nodeName,
        migrationState: { abortRequested: true, failed: true, failureReason: 'Live migration aborted' },
      });
      await remove('aborted');
    },
    LONG,
  );
});

describe('an eviction of a launcher pod', () => {
  const evict = async (name: string, dryRun = false): Promise<unknown> => {
    const { items } = await cluster.admin.list<LauncherPod>(pods, {
      namespace: NAMESPACE,
      labelSelector: `job=${name}`,
    });
    const pod = items[0]?.metadata.name ?? '';
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace: NAMESPACE } };
    return cluster.admin.create(pods, eviction, { subresource: 'eviction', name: pod, dryRun });
  };

  it(
    'marks a guest of strategy External and is refused, until the mark is taken back',
    async () => {
      const vmi = await running('external');
      const denied = 'admission webhook "virt-launcher-eviction-interceptor.kubevirt.io" denied the request: ';
      const text = `Eviction triggered evacuation of VMI "${NAMESPACE}/external"`;
      expect(await refusal(evict('external', true))).toEqual({ code: 429, message: denied + text });
      expect((await getVmi('external')).status?.evacuationNodeName).toBeUndefined();
      expect(await refusal(evict('external'))).toEqual({ code: 429, message: denied + text });
      expect(await refusal(evict('external'))).toEqual({
        code: 429,
        message: `${denied}Evacuation in progress: ${text}`,
      });
      await until('the condition on the machine', async () => {
        const vm = await getVm('external');
        return vm.status?.conditions?.some((condition) => condition.type === 'EvictionRequested');
      });
      const path = base('virtualmachineinstances', 'external', 'evacuate/cancel');
      const wrong = await refusal(
        cluster.admin.raw.request({ method: 'PUT', path, body: { evacuationNodeName: 'pc-9' } }),
      );
      expect(wrong).toMatchObject({ code: 500, message: expect.stringContaining('the server rejected our request') });
      const cancel = await cluster.admin.raw.request({
        method: 'PUT',
        path,
        body: { evacuationNodeName: vmi.status?.nodeName },
      });
      expect(cancel.status).toBe(200);
      expect((await getVmi('external')).status?.evacuationNodeName).toBeUndefined();
      await remove('external');
    },
    LONG,
  );

  it(
    'moves a guest of strategy LiveMigrate away by itself',
    async () => {
      const before = await running('evacuee', { evictionStrategy: 'LiveMigrate' });
      expect((await refusal(evict('evacuee'))).code).toBe(429);
      const moved = await until('the guest to be elsewhere', async () => {
        const vmi = await getVmi('evacuee');
        return vmi.status?.nodeName === other(before.status?.nodeName) && vmi;
      });
      expect(moved.status?.evacuationNodeName).toBeUndefined();
      await remove('evacuee');
    },
    LONG,
  );
});

describe('what only KubeVirt may write', () => {
  it(
    'is kept from everybody else, in the words of KubeVirt',
    async () => {
      await running('guarded');
      const spec = { spec: { terminationGracePeriodSeconds: 1 } };
      expect(await refusal(cluster.admin.mergePatch(virtualMachineInstances, ref('guarded'), spec))).toMatchObject({
        code: 422,
        message: expect.stringContaining('update of VMI object is restricted'),
      });
      const status = await cluster.admin.mergePatch<VirtualMachineInstance>(virtualMachineInstances, ref('guarded'), {
        status: { phase: 'Failed' },
      });
      expect(status.status?.phase).toBe('Running');
      const bad = machineObject('bad', 'Sometimes');
      expect(await refusal(cluster.admin.create(virtualMachines, bad))).toEqual({
        code: 422,
        message:
          'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: Invalid RunStrategy (Sometimes)',
      });
      await remove('guarded');
    },
    LONG,
  );
});

describe('the subresources', () => {
  it(
    'start, stop and restart a machine, pass pause on, and check the rights of who asks',
    async () => {
      await running('called', {}, 'Always');
      const put = (call: string, resource = 'virtualmachines', body: object = {}, client = cluster.admin) =>
        client.raw.request({ method: 'PUT', path: base(resource, 'called', call), body });
      expect(await refusal(put('start'))).toMatchObject({
        code: 409,
        message: expect.stringContaining('VM is already running'),
      });
      const before = await getVmi('called');
      expect((await put('restart')).status).toBe(202);
      await until('a new instance runs', async () => {
        const { items } = await cluster.admin.list<VirtualMachineInstance>(virtualMachineInstances, {
          namespace: NAMESPACE,
        });
        return items.some((vmi) => vmi.metadata.uid !== before.metadata.uid && vmi.status?.phase === 'Running');
      });
      expect((await put('pause', 'virtualmachineinstances')).status).toBe(202);
      const calls = Object.values(machines).flatMap((machine) => machine.calls);
      expect(calls).toContain('PUT pause');
      expect((await refusal(put('stop', 'virtualmachines', {}, cluster.clientOf('alice')))).code).toBe(403);
      expect((await put('stop')).status).toBe(202);
      await until('Stopped', async () => (await getVm('called')).status?.printableStatus === 'Stopped');
      expect((await getVm('called')).spec.runStrategy).toBe('Halted');
      await remove('called');
    },
    LONG,
  );

  it(
    'carry a console as binary frames, drop text frames, and end the older session',
    async () => {
      await running('talker');
      const open = () =>
        new WebSocket(
          cluster.url.replace('https', 'wss') + base('virtualmachineinstances', 'talker', 'console'),
          ['plain.kubevirt.io'],
          {
            ca: cluster.pki.caPem,
            headers: { authorization: 'Bearer token-of-lab-admin' },
          },
        );
      const first = open();
      const heard: string[] = [];
      first.on('message', (data: Buffer, isBinary) => heard.push(`${isBinary ? 'binary' : 'text'} ${data.toString()}`));
      await until('the greeting', async () => heard.includes('binary login: '));
      expect(first.protocol).toBe('plain.kubevirt.io');
      first.send('dropped');
      first.send(Buffer.from('root'));
      await until('the echo', async () => heard.length > 1);
      expect(heard).toEqual(['binary login: ', 'binary b:root']);
      let ended = false;
      first.once('close', () => (ended = true));
      const second = open();
      await until('the end of the first session', async () => ended);
      second.terminate();
      await remove('talker');
    },
    LONG,
  );
});
