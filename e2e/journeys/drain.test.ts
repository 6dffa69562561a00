// A drained machine: its guests move with memory and disk, or stay and say why.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  approved,
  inPhase,
  output,
  patient,
  startLab,
  submit,
  until,
  untilJob,
  type LabCluster,
} from '../src/cluster.ts';

let lab: LabCluster;
let machines: readonly string[];
beforeAll(async () => {
  lab = await startLab({ machines: 2 });
  // No more of them, so that the guest of one that is drained has one place to go to.
  machines = await until('two machines may take jobs', async () => {
    const names = await approved(lab);
    return names.length === 2 && names;
  });
}, patient(300_000));
afterAll(async () => {
  await lab.stop();
}, patient(60_000));

const drain = (node: string, timeout: string) =>
  lab.kubectl(['drain', node, '--ignore-daemonsets', '--delete-emptydir-data', `--timeout=${timeout}`]);

/** Each tick is written to the disk and to memory, and what the tick before had written is read back from both. */
const ticking = `#!/bin/sh
n=0
echo 0 > /scratch/n; echo 0 > /run/n
while [ $n -lt 900 ]; do
  n=$((n+1))
  echo "tick $n disk $(cat /scratch/n) memory $(cat /run/n) uptime $(cut -d. -f1 /proc/uptime)"
  echo $n > /scratch/n; sync; echo $n > /run/n
  sleep 1
done
`;

interface Tick {
  readonly n: number;
  readonly disk: number;
  readonly memory: number;
  readonly uptime: number;
}

async function ticks(name: string): Promise<Tick[]> {
  const printed = await output(lab, name);
  return [...printed.matchAll(/tick (\d+) disk (\d+) memory (\d+) uptime (\d+)/g)].map(
    ([, n, disk, memory, uptime]) => ({
      n: Number(n),
      disk: Number(disk),
      memory: Number(memory),
      uptime: Number(uptime),
    }),
  );
}

describe('kubectl drain', () => {
  it(
    'moves the guest live: it ends with exit code 0, and counter, files and memory go on; the ledger has the downtime',
    async () => {
      await submit(lab, 'mover', { script: ticking, resources: { disk: '64Mi' }, placement: { dedicatedOnly: false } });
      const running = await untilJob(lab, 'mover', 'runs', inPhase('Running'));
      await until('a few ticks', async () => (await ticks('mover')).length > 3);
      const from = running.status?.node ?? '';
      const drained = await drain(from, '120s');
      expect(drained.stderr).not.toMatch(/error:/);
      expect(drained.code).toBe(0);

      const moved = await untilJob(lab, 'mover', 'is on the other machine', ({ status }) => status?.node !== from);
      const before = (await ticks('mover')).length;
      await until('ticks on the other machine', async () => (await ticks('mover')).length > before + 2);
      const seen = await ticks('mover');
      expect(seen.every((tick) => tick.disk === tick.n - 1 && tick.memory === tick.n - 1)).toBe(true);
      const numbers = seen.map(({ n }) => n);
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      expect(new Set(numbers).size).toBe(numbers.length);
      const uptimes = seen.map(({ uptime }) => uptime);
      expect(uptimes).toEqual([...uptimes].sort((a, b) => a - b));

      expect(moved.status?.attempt).toBe(1);
      const told = await untilJob(
        lab,
        'mover',
        'has its ledger entry',
        ({ status }) => (status?.interruptions?.length ?? 0) > 0,
      );
      expect(told.status?.interruptions).toEqual([
        expect.objectContaining({
          reason: 'Drained',
          node: from,
          toNode: moved.status?.node,
          downtimeSeconds: expect.any(Number),
        }),
      ]);
    },
    patient(300_000),
  );

  it(
    'of a machine without a place for its guest keeps the guest running, says why, and moves it when a machine appears',
    async () => {
      const { status } = await untilJob(lab, 'mover', 'runs', inPhase('Running'));
      const last = status?.node ?? '';
      const refused = await drain(last, '8s');
      expect(refused.code).not.toBe(0);
      const stuck = await untilJob(
        lab,
        'mover',
        'says why it cannot move',
        (found) =>
          found.status?.conditions?.some(
            ({ type, reason }) => type === 'Interrupted' && reason === 'NoMachineForGuest',
          ) === true,
      );
      expect(stuck.status?.phase).toBe('Running');
      expect(stuck.status?.node).toBe(last);

      const other = machines.find((name) => name !== last) ?? '';
      await lab.kubectl(['uncordon', other]);
      await untilJob(lab, 'mover', 'has moved', (found) => found.status?.node === other);
      expect((await drain(last, '60s')).code).toBe(0);
      const before = (await ticks('mover')).length;
      await until('ticks after the second move', async () => (await ticks('mover')).length > before + 1);
      expect((await lab.kubectl(['delete', 'cjob', 'mover', '--timeout=90s'])).code).toBe(0);
    },
    patient(300_000),
  );

  it(
    'takes the machine out until uncordon, and then it takes jobs again',
    async () => {
      await lab.kubectl(['cordon', ...machines]);
      await submit(lab, 'patient', { script: 'true' });
      const waiting = await untilJob(lab, 'patient', 'waits', (found) => found.status?.waiting !== undefined);
      expect(waiting.status?.waiting?.reasons?.map(({ reason }) => reason)).toEqual(['Cordoned']);
      await lab.kubectl(['uncordon', machines[0] ?? '']);
      await untilJob(lab, 'patient', 'succeeds', inPhase('Succeeded'));
    },
    patient(180_000),
  );
});
