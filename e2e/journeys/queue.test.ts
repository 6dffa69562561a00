// More jobs than machines: they wait in order, say why, and start as soon as a machine is free.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inPhase, startLab, submit, untilJob, type LabCluster } from '../src/cluster.ts';

let lab: LabCluster;
beforeAll(async () => {
  lab = await startLab({ machines: 1 });
}, 300_000);
afterAll(async () => {
  await lab.stop();
}, 60_000);

describe('more jobs than capacity', () => {
  it('wait in the order they came, each with a reason per machine, and each starts when a machine is free', async () => {
    const names = ['first', 'second', 'third'];
    for (const name of names) {
      await submit(lab, name, { script: `sleep 2; echo ${name}`, resources: { cores: 2 } });
      if (name === 'first') await untilJob(lab, name, 'is claimed', ({ status }) => status?.node !== undefined);
    }
    const third = await untilJob(lab, 'third', 'waits', ({ status }) => status?.waiting?.position === 2);
    expect(third.status?.waiting?.reasons).toEqual([
      expect.objectContaining({ reason: 'InsufficientCores', machines: 1, names: ['pc-1'] }),
    ]);
    expect(third.status?.waiting?.message).toMatch(/1 machine/);
    const described = await lab.kubectl(['describe', 'cj', 'third']);
    expect(described.stdout).toContain('InsufficientCores');

    const ended = [];
    for (const name of names)
      ended.push(await untilJob(lab, name, 'succeeds', inPhase('Succeeded'), { timeoutMs: 120_000 }));
    const started = ended.map(({ status }) => status?.startTime ?? '');
    expect(started).toEqual([...started].sort());
    expect(ended.every(({ status }) => status?.waiting === undefined)).toBe(true);
  }, 300_000);

  it('that no machine could ever satisfy is told apart from one that only has to wait', async () => {
    await submit(lab, 'giant', { script: 'true', resources: { cores: 64 } });
    const giant = await untilJob(lab, 'giant', 'says so', ({ status }) => status?.reason === 'Unsatisfiable');
    expect(giant.status?.message).toMatch(/64 cores/);
    const listed = await lab.kubectl(['get', 'cj', 'giant']);
    expect(listed.stdout).toContain('Unsatisfiable');
    await lab.lab('machine', 'add', 'big', '--cores', '128', '--memory', '3Gi');
    await untilJob(lab, 'giant', 'is claimed by the new machine', ({ status }) => status?.node === 'big');
    expect((await lab.kubectl(['delete', 'cj', 'giant', '--timeout=90s'])).code).toBe(0);
  }, 240_000);

  it('cancelled while they wait leave the queue at once', async () => {
    await submit(lab, 'cancelled', { script: 'true', resources: { cores: 100 } });
    await untilJob(lab, 'cancelled', 'waits', ({ status }) => status?.waiting !== undefined);
    expect((await lab.kubectl(['delete', 'cj', 'cancelled', '--timeout=30s'])).code).toBe(0);
  }, 90_000);
});
