// A virtual machine's life on the lab's control plane, with a machine that is played: create, run, end, stop, delete.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pods, virtualMachineInstances, virtualMachines } from '@idlewild/operator/api/resources.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import type { VirtualMachine, VirtualMachineInstance } from './model/instance.ts';
import type { LauncherPod } from './model/launcher-pod.ts';
import { NAMESPACE, startTestCluster, until, type TestCluster } from './played/cluster.ts';
import type { PlayedMachine } from './played/machine.ts';
import { machineObject } from './played/objects.ts';

const LONG = 60_000;
let cluster: TestCluster;
let machine: PlayedMachine;

beforeAll(async () => {
  cluster = await startTestCluster();
  machine = await cluster.addMachine('pc-1');
}, LONG);
afterAll(() => cluster.close(), LONG);

const ref = (name: string) => ({ namespace: NAMESPACE, name });

async function getVmi(name: string): Promise<VirtualMachineInstance | undefined> {
  try {
    return await cluster.admin.get<VirtualMachineInstance>(virtualMachineInstances, ref(name));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function phase(name: string, wanted: string): Promise<VirtualMachineInstance> {
  return until(`${name} to be ${wanted}`, async () => {
    const vmi = await getVmi(name);
    return vmi?.status?.phase === wanted && vmi;
  });
}

async function podsOf(name: string): Promise<LauncherPod[]> {
  const { items } = await cluster.admin.list<LauncherPod>(pods, { namespace: NAMESPACE, labelSelector: `job=${name}` });
  return items;
}

const getVm = (name: string): Promise<VirtualMachine> => cluster.admin.get(virtualMachines, ref(name));

async function gone(name: string): Promise<void> {
  await until(`${name} to be gone`, async () => {
    const { items } = await cluster.admin.list<VirtualMachine>(virtualMachines, { namespace: NAMESPACE });
    return !items.some((vm) => vm.metadata.name === name);
  });
}

describe('a virtual machine that runs once', () => {
  it(
    'becomes an instance, a pod and a running guest, stays Succeeded when the guest ends, and leaves nothing when deleted',
    async () => {
      await cluster.admin.create(virtualMachines, machineObject('once'));
      const vmi = await phase('once', 'Running');
      expect(vmi.metadata.labels).toMatchObject({ job: 'once', 'kubevirt.io/nodeName': 'pc-1' });
      expect(vmi.status?.phaseTransitionTimestamps?.map((entry) => entry.phase)).toEqual([
        'Pending',
        'Scheduling',
        'Scheduled',
        'Running',
      ]);
      const [pod] = await podsOf('once');
      expect(pod?.metadata.labels).toMatchObject({
        'kubevirt.io': 'virt-launcher',
        'kubevirt.io/created-by': vmi.metadata.uid,
      });
      await until('the machine to be ready', async () => (await getVm('once')).status?.ready === true);
      expect((await getVm('once')).status).toMatchObject({
        created: true,
        printableStatus: 'Running',
        runStrategy: 'Once',
      });
      await machine.endGuest(vmi, 'Succeeded');
      await until('the machine to be stopped', async () => (await getVm('once')).status?.printableStatus === 'Stopped');
      expect((await phase('once', 'Succeeded')).metadata.uid).toBe(vmi.metadata.uid);
      await cluster.admin.delete(virtualMachines, ref('once'));
      await gone('once');
      expect(await getVmi('once')).toBeUndefined();
      expect(await podsOf('once')).toEqual([]);
    },
    LONG,
  );

  it(
    'fails at once when its pod is removed by force, and starts anew when the failed instance is deleted',
    async () => {
      await cluster.admin.create(virtualMachines, machineObject('forced'));
      const first = await phase('forced', 'Running');
      const [pod] = await podsOf('forced');
      await cluster.admin.delete(pods, ref(pod?.metadata.name ?? ''), { gracePeriodSeconds: 0 });
      const failed = await phase('forced', 'Failed');
      expect(failed.metadata.uid).toBe(first.metadata.uid);
      await cluster.admin.delete(virtualMachineInstances, ref('forced'));
      const second = await until('a new instance', async () => {
        const vmi = await getVmi('forced');
        return vmi?.metadata.uid !== first.metadata.uid && vmi?.status?.phase === 'Running' && vmi;
      });
      expect(second.metadata.uid).not.toBe(first.metadata.uid);
      await cluster.admin.mergePatch(virtualMachines, ref('forced'), { spec: { runStrategy: 'Halted' } });
      await until('the instance to go', async () => (await getVmi('forced')) === undefined);
      await until('Stopped', async () => (await getVm('forced')).status?.printableStatus === 'Stopped');
      await cluster.admin.delete(virtualMachines, ref('forced'));
      await gone('forced');
    },
    LONG,
  );

  it(
    'waits as ErrorUnschedulable while no machine fits',
    async () => {
      await cluster.admin.create(
        virtualMachines,
        machineObject('nowhere', 'Once', { nodeSelector: { room: 'cellar' } }),
      );
      await until(
        'ErrorUnschedulable',
        async () => (await getVm('nowhere')).status?.printableStatus === 'ErrorUnschedulable',
      );
      await cluster.admin.delete(virtualMachines, ref('nowhere'));
      await gone('nowhere');
    },
    LONG,
  );
});

describe('a virtual machine that always runs', () => {
  it(
    'gets a new instance when its guest ends, and follows changes of the template that need no restart',
    async () => {
      await cluster.admin.create(virtualMachines, machineObject('always', 'Always'));
      const first = await phase('always', 'Running');
      await machine.endGuest(first, 'Succeeded');
      const second = await until('the next instance', async () => {
        const vmi = await getVmi('always');
        return vmi?.metadata.uid !== first.metadata.uid && vmi?.status?.phase === 'Running' && vmi;
      });
      const change = { spec: { template: { spec: { nodeSelector: { 'kubernetes.io/hostname': 'pc-1' } } } } };
      await cluster.admin.mergePatch(virtualMachines, ref('always'), change);
      await until('the selector', async () => (await getVmi('always'))?.spec.nodeSelector !== undefined);
      await cluster.admin.mergePatch(virtualMachines, ref('always'), {
        spec: { template: { spec: { terminationGracePeriodSeconds: 60 } } },
      });
      await until('RestartRequired', async () => {
        const vm = await getVm('always');
        return vm.status?.conditions?.some((condition) => condition.type === 'RestartRequired');
      });
      expect((await getVmi('always'))?.metadata.uid).toBe(second.metadata.uid);
      await cluster.admin.delete(virtualMachines, ref('always'));
      await gone('always');
      expect(await podsOf('always')).toEqual([]);
    },
    LONG,
  );
});
