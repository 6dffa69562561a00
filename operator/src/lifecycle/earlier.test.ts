// That no guest is made beside one of an earlier attempt, whatever our caches have heard.
import { describe, expect, it } from '@jest/globals';
import { aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob, noon } from '../../../test/builders/job.ts';
import type { VirtualMachine, VirtualMachineInstance } from '../api/kubevirt.ts';
import { KubeClient } from '../kube/client.ts';
import type { Transport, TransportRequest } from '../kube/transport.ts';
import { lastAttempt } from '../model/job.ts';
import { decideLifecycle, nothingRead } from './decide.ts';
import { livingEarlier } from './earlier.ts';

const { job } = aJob('j').published().claimedBy('pc-1').created().started(10).ended('MachineLost').claimedBy('pc-2');
const first = aVm(job, { number: 1 });
const going = aVm(job, { number: 1, deleted: true });

/** An API server that has these. */
async function ask(of: typeof job, vms: readonly VirtualMachine[], vmis: readonly VirtualMachineInstance[]) {
  const asked: TransportRequest[] = [];
  const transport = {
    server: 'http://nowhere',
    request: (request) => {
      asked.push(request);
      const items = request.path.endsWith('/virtualmachines') ? vms : vmis;
      return Promise.resolve({ status: 200, headers: {}, body: { metadata: { resourceVersion: '9' }, items } });
    },
    stream: () => Promise.reject(new Error('nobody reads streams')),
    close: () => Promise.resolve(),
  } satisfies Transport;
  const attempt = lastAttempt(of);
  if (!attempt) throw new Error('the job has no attempt');
  return { living: await livingEarlier(new KubeClient(transport), of, attempt), asked };
}

it('is looked for again soon, as its end may have been told before anybody knew of it', () => {
  const guest = { pods: [], migrations: [] };
  const settings = { lingerMs: 60_000, slowStartMs: 10_000, standstillMs: 600_000 };
  const rest = { console: nothingRead, machineLost: false, nowMs: noon + 1_000, settings };
  const decisions = decideLifecycle({ job, vms: [going], vmis: [aVmi(going, 'Running', 'pc-1')], guest, ...rest });
  expect(decisions).toEqual([
    { kind: 'note', reason: 'WaitingForEarlier', message: 'j-1 of the attempt before is still being taken down' },
    { kind: 'wake', afterMs: 15_000 },
  ]);
});

it('is said to wait for whoever holds it up, once that takes long', () => {
  const guest = { pods: [], migrations: [] };
  const settings = { lingerMs: 60_000, slowStartMs: 10_000, standstillMs: 600_000 };
  const finalizers = ['kubevirt.io/virtualMachineControllerFinalize'];
  const held = { ...going, metadata: { ...going.metadata, finalizers } };
  const vmis = [aVmi(held, 'Running', 'pc-1')];
  const told = (seconds: number) => {
    const rest = { console: nothingRead, machineLost: false, nowMs: noon + seconds * 1_000, settings };
    return decideLifecycle({ job, vms: [held], vmis, guest, ...rest })[0];
  };
  const message = 'j-1 of the attempt before is still being taken down';
  expect(told(120)).toMatchObject({ message });
  expect(told(121)).toMatchObject({
    message: `${message}, which waits for kubevirt.io/virtualMachineControllerFinalize`,
  });
});

describe('an earlier attempt', () => {
  it.each<[string, VirtualMachine[], VirtualMachineInstance[], string | undefined]>([
    ['that left nothing is over', [], [], undefined],
    ['whose virtual machine nobody deletes may be started', [first], [], 'j-1'],
    ['whose guest runs while its virtual machine goes is not over', [going], [aVmi(going, 'Running', 'pc-1')], 'j-1'],
    ['whose guest starts while its virtual machine goes is not over', [going], [aVmi(going, 'Scheduling')], 'j-1'],
    ['whose guest has ended is over', [going], [aVmi(going, 'Failed', 'pc-1')], undefined],
    ['whose virtual machine goes without a guest is over', [going], [], undefined],
    ['whose guest lives without a virtual machine is not over', [], [aVmi(first, 'Running', 'pc-1')], 'j-1'],
  ])('%s', async (_what, vms, vmis, expected) => {
    const { living, asked } = await ask(job, vms, vmis);
    expect(living).toBe(expected);
    expect(asked.map(({ path, query }) => [path.split('/').at(-1), query?.['labelSelector']])).toEqual([
      ['virtualmachines', 'idlewild.dev/job=j'],
      ['virtualmachineinstances', 'idlewild.dev/job=j'],
    ]);
  });

  it('is no matter of what the attempt itself has made, nor of what somebody copied', async () => {
    const own = aVm(job);
    const copy = { ...first, metadata: { ...first.metadata, name: 'copy', ownerReferences: [] } };
    const copied = aVmi(copy, 'Running', 'pc-1');
    expect((await ask(job, [own, copy], [aVmi(own, 'Running', 'pc-2'), copied])).living).toBeUndefined();
  });

  it('is not asked for by the first', async () => {
    const { living, asked } = await ask(aJob('k').published().claimedBy('pc-1').job, [], []);
    expect([living, asked]).toEqual([undefined, []]);
  });
});
