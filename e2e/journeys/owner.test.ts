// The owner of a machine comes first: guests stand still at once when somebody sits down, then leave or are shut down, and
// nothing new starts while somebody is there.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { layoutOf, machineLayoutOf } from '@idlewild/lab/daemon/layout.ts';
import { isTrue } from '@idlewild/operator/api/conditions.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import * as resources from '@idlewild/operator/api/resources.ts';
import {
  emulators,
  inPhase,
  output,
  seldom,
  startLab,
  submit,
  until,
  untilJob,
  type LabCluster,
} from '../src/cluster.ts';

let lab: LabCluster;
beforeAll(async () => {
  lab = await startLab({ machines: 5 });
}, 300_000);
afterAll(async () => {
  await lab.stop();
}, 60_000);

/** pc-4 and pc-5 have owners. */
const desktops = { placement: { rooms: ['lab-b'], dedicatedOnly: false } };

async function owner(machine: string, verb: string): Promise<void> {
  const said = await lab.lab('owner', machine, verb);
  if (said.code !== 0) throw new Error(said.stderr);
}

function untilPresence(machine: string, wanted: 'present' | 'away'): Promise<boolean> {
  return until(`the owner of ${machine} is ${wanted}`, async () => {
    const node = await lab.client.get<Node>(resources.nodes, { name: machine });
    return node.metadata.labels?.['idlewild.dev/presence'] === wanted;
  });
}

/** As a kernel says it of a machine on which everything waits for memory a third of the time. */
const stalled = `some avg10=40.00 avg60=30.00 avg300=9.00 total=99000000
full avg10=33.00 avg60=20.00 avg300=7.00 total=88000000
`;

/** Counts on its console, once a second. */
const counting = 'i=0; while [ $i -lt 900 ]; do i=$((i+1)); echo "step $i"; sleep 1; done';

async function isPaused(guest: string): Promise<boolean> {
  const ref = { namespace: 'default', name: guest };
  const vmi = await lab.client.get<VirtualMachineInstance>(resources.virtualMachineInstances, ref);
  return isTrue(vmi.status?.conditions, 'Paused');
}

/** How far it has counted. */
async function stepOf(name: string): Promise<number> {
  const steps = [...(await output(lab, name)).matchAll(/step (\d+)/g)];
  return Number(steps.at(-1)?.[1] ?? 0);
}

async function untilItCounts(name: string): Promise<void> {
  const before = await stepOf(name);
  await until(`${name} counts`, async () => (await stepOf(name)) > before, seldom);
}

describe('a machine whose owner', () => {
  it('comes has its guest stand still, then move, and go on where it was; it is lent again when the owner has gone', async () => {
    await submit(lab, 'guest', { script: counting, ...desktops });
    const before = await untilJob(lab, 'guest', 'runs', inPhase('Running'), { timeoutMs: 180_000 });
    const from = before.status?.node ?? '';
    const to = from === 'pc-4' ? 'pc-5' : 'pc-4';
    await untilItCounts('guest');
    await owner(from, 'arrive');
    await until('the guest stands still', () => isPaused('guest-1'));
    const after = await untilJob(
      lab,
      'guest',
      'goes on elsewhere',
      ({ status }) => !status?.ladder && status?.node === to,
      {
        timeoutMs: 180_000,
      },
    );
    const rungs = after.status?.interruptions ?? [];
    expect(rungs[0]).toMatchObject({ reason: 'Frozen', rung: 'Freeze', node: from });
    expect(rungs).toContainEqual(
      expect.objectContaining({ reason: 'OwnerReturned', rung: 'Migrate', node: from, toNode: to }),
    );
    expect(after.status).toMatchObject({ phase: 'Running', attempt: 1 });
    expect(await isPaused('guest-1')).toBe(false);
    await untilItCounts('guest');
    await until('no guest is left with the owner', async () => (await emulators(lab)).get(from)?.length === 0, seldom);
    await owner(from, 'leave');
    await untilPresence(from, 'away');
    await lab.kubectl(['delete', 'computejob', 'guest']);
  }, 600_000);

  it('comes while memory is short has its guest leave at once: one that stands still would keep all of its memory', async () => {
    await submit(lab, 'hoarder', { script: counting, ...desktops });
    const before = await untilJob(lab, 'hoarder', 'runs', inPhase('Running'), { timeoutMs: 180_000 });
    const from = before.status?.node ?? '';
    await untilItCounts('hoarder');
    const pressure = join(machineLayoutOf(layoutOf(lab.dir), from).host, 'proc', 'pressure');
    await mkdir(pressure, { recursive: true });
    await writeFile(join(pressure, 'memory'), stalled);
    try {
      await owner(from, 'arrive');
      const after = await untilJob(
        lab,
        'hoarder',
        'goes on elsewhere',
        ({ status }) => !status?.ladder && status?.node !== undefined && status.node !== from,
        { timeoutMs: 180_000 },
      );
      const rungs = after.status?.interruptions ?? [];
      expect(rungs.map(({ rung }) => rung)).not.toContain('Freeze');
      expect(rungs).toContainEqual(expect.objectContaining({ reason: 'OwnerReturned', rung: 'Migrate', node: from }));
      expect(after.status).toMatchObject({ phase: 'Running', attempt: 1 });
      await untilItCounts('hoarder');
    } finally {
      await rm(pressure, { recursive: true });
      await owner(from, 'leave');
    }
    await untilPresence(from, 'away');
    await lab.kubectl(['delete', 'computejob', 'hoarder']);
  }, 600_000);

  it('comes and goes again has its guest go on in place, and saved and shut down when they stay and nothing takes it', async () => {
    const placement = { nodeSelector: { 'kubernetes.io/hostname': 'pc-4' }, dedicatedOnly: false };
    const checkpoint = { script: 'echo "saved by the guest"', within: '60s' };
    const interruption = { exclusive: true, ownerReturns: 'Migrate', checkpoint } as const;
    await submit(lab, 'stayer', { script: counting, placement, interruption });
    await untilJob(lab, 'stayer', 'runs', inPhase('Running'), { timeoutMs: 180_000 });
    await untilItCounts('stayer');
    await owner('pc-4', 'arrive');
    await until('the guest stands still', () => isPaused('stayer-1'));
    const frozenAt = await stepOf('stayer');
    const told = await untilJob(lab, 'stayer', 'is told that nothing takes it', ({ status }) =>
      (status?.conditions ?? []).some(({ type, reason }) => type === 'Interrupted' && reason === 'NoMachineForGuest'),
    );
    // What was on its way when it was frozen may still have been printed.
    expect(await stepOf('stayer')).toBeLessThanOrEqual(frozenAt + 1);
    expect(told.status).toMatchObject({ phase: 'Running', attempt: 1, interruptions: [{ reason: 'Frozen' }] });
    await owner('pc-4', 'leave');
    const resumed = await untilJob(lab, 'stayer', 'goes on', ({ status }) => !status?.ladder);
    expect(resumed.status?.interruptions?.map(({ reason }) => reason)).toEqual(['Frozen', 'Resumed']);
    expect(resumed.status?.attempts?.[0]?.secondsStill).toBeGreaterThan(15);
    expect(await isPaused('stayer-1')).toBe(false);
    await untilItCounts('stayer');

    const [pod = ''] = (await lab.kubectl(['get', 'pods', '-l', 'idlewild.dev/job=stayer', '-o', 'name'])).stdout.split(
      '\n',
    );
    const console = lab.follow(['logs', '-f', pod, '-c', 'guest-console-log']);
    try {
      await owner('pc-4', 'arrive');
      const parked = await untilJob(
        lab,
        'stayer',
        'is parked',
        ({ status }) => status?.attempts?.[0]?.reason === 'Parked',
        {
          timeoutMs: 300_000,
        },
      );
      expect(parked.status?.attempts?.[0]).toMatchObject({ secondsLost: 0 });
      await until('the guest has said so', () => Promise.resolve(/saved by the guest/.test(console.printed())));
    } finally {
      console.stop();
    }
    await untilJob(lab, 'stayer', 'waits for the owner', ({ status }) => status?.reason === 'OwnerPresent');
    await owner('pc-4', 'leave');
    await untilJob(lab, 'stayer', 'runs again', ({ status }) => status?.attempt === 2 && status.phase === 'Running', {
      timeoutMs: 180_000,
    });
    await lab.kubectl(['delete', 'computejob', 'stayer']);
  }, 900_000);

  it('says stop takes nothing new, which the job is told, until the owner lends it again', async () => {
    for (const machine of ['pc-4', 'pc-5']) await owner(machine, 'stop-now');
    await untilPresence('pc-4', 'present');
    await untilPresence('pc-5', 'present');
    await submit(lab, 'patient', { script: 'true', ...desktops });
    const waiting = await untilJob(lab, 'patient', 'waits', ({ status }) => status?.reason === 'OwnerPresent');
    expect(waiting.status?.waiting?.reasons).toContainEqual(
      expect.objectContaining({ reason: 'OwnerPresent', machines: 2, names: ['pc-4', 'pc-5'] }),
    );
    await owner('pc-4', 'lend-again');
    await untilJob(lab, 'patient', 'succeeds', inPhase('Succeeded'), { timeoutMs: 180_000 });
  }, 400_000);

  it('is missing cannot be spoken for', async () => {
    const said = await lab.lab('owner', 'pc-1', 'arrive');
    expect(said).toMatchObject({ code: 1, stderr: expect.stringContaining('pc-1 has no owner') });
  });
});
