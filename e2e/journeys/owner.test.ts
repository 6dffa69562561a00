// The owner of a machine comes first: guests leave when somebody sits down, and nothing new starts while somebody is there.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import * as resources from '@idlewild/operator/api/resources.ts';
import { emulators, inPhase, seldom, startLab, submit, until, untilJob, type LabCluster } from '../src/cluster.ts';

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

describe('a machine whose owner', () => {
  it('comes is left by its guest, which goes on where it was, and is lent again when the owner has gone', async () => {
    await submit(lab, 'guest', { script: 'i=0; while [ $i -lt 600 ]; do i=$((i+1)); sleep 1; done', ...desktops });
    const before = await untilJob(lab, 'guest', 'runs', inPhase('Running'), { timeoutMs: 180_000 });
    const from = before.status?.node ?? '';
    const to = from === 'pc-4' ? 'pc-5' : 'pc-4';
    await owner(from, 'arrive');
    await untilPresence(from, 'present');
    const after = await untilJob(lab, 'guest', 'has moved', ({ status }) => status?.interruptions !== undefined, {
      timeoutMs: 120_000,
    });
    expect(after.status).toMatchObject({
      phase: 'Running',
      node: to,
      attempt: 1,
      interruptions: [{ reason: 'OwnerReturned', rung: 'Migrate', node: from, toNode: to }],
    });
    await until('no guest is left with the owner', async () => (await emulators(lab)).get(from)?.length === 0, seldom);
    await owner(from, 'leave');
    await untilPresence(from, 'away');
  }, 400_000);

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
