// More jobs than machines: they wait in order, say why, and start as soon as a machine is free.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { inPhase, startLab, submit, until, untilJob, type LabCluster } from '../src/cluster.ts';

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
    const described = await lab.kubectl(['describe', 'cjob', 'third']);
    expect(described.stdout).toContain('InsufficientCores');

    const ended = [];
    for (const name of names)
      ended.push(await untilJob(lab, name, 'succeeds', inPhase('Succeeded'), { timeoutMs: 120_000 }));
    const started = ended.map(({ status }) => status?.startTime ?? '');
    expect(started).toEqual([...started].sort());
    expect(ended.every(({ status }) => status?.waiting === undefined)).toBe(true);
  }, 300_000);

  it('are served by priority, then by what their namespaces have used, and all say the same everywhere', async () => {
    expect((await lab.kubectl(['create', 'namespace', 'neighbours'])).code).toBe(0);
    const whole = { resources: { cores: 2 } };
    await submit(lab, 'blocker', { script: 'sleep 15', walltime: '40s', ...whole });
    await untilJob(lab, 'blocker', 'is claimed', ({ status }) => status?.node !== undefined);
    for (const name of ['flood-1', 'flood-2']) await submit(lab, name, { script: 'sleep 1', ...whole });
    await submit(lab, 'urgent', { script: 'sleep 1', priority: 'Urgent', ...whole });
    await submit(lab, 'modest', { script: 'sleep 1', ...whole }, 'neighbours');
    const estimated = ({ status }: ComputeJob) => status?.waiting?.estimate !== undefined;
    const urgent = await untilJob(lab, 'urgent', 'is told when it will start', estimated);
    expect(urgent.status?.waiting?.position).toBe(1);
    const claimed = urgent.status?.conditions?.find(({ type }) => type === 'Claimed');
    expect(claimed).toMatchObject({ status: 'False', message: urgent.status?.waiting?.message });
    const described = await until('kubectl describe shows the event', async () => {
      const { stdout } = await lab.kubectl(['describe', 'cjob', 'urgent']);
      return /Events:[^]*1 machine is 2 cores short/.test(stdout) ? stdout : undefined;
    });
    expect(described).toContain('1st in line');

    const order = await Promise.all(
      [
        ['urgent', 'default'],
        ['modest', 'neighbours'],
        ['flood-1', 'default'],
        ['flood-2', 'default'],
      ].map(async ([name = '', namespace = '']) => {
        const ended = await untilJob(lab, name, 'succeeds', inPhase('Succeeded'), { namespace, timeoutMs: 180_000 });
        return { name, claimed: ended.status?.attempts?.[0]?.claimed ?? '' };
      }),
    );
    const byClaim = [...order].sort((a, b) => (a.claimed < b.claimed ? -1 : 1)).map(({ name }) => name);
    expect(byClaim).toEqual(['urgent', 'modest', 'flood-1', 'flood-2']);
  }, 300_000);

  it('that no machine could ever satisfy is told apart from one that only has to wait', async () => {
    await submit(lab, 'giant', { script: 'true', resources: { cores: 64 } });
    const giant = await untilJob(lab, 'giant', 'says so', ({ status }) => status?.reason === 'Unsatisfiable');
    expect(giant.status?.message).toMatch(/64 cores/);
    const listed = await lab.kubectl(['get', 'cjob', 'giant']);
    expect(listed.stdout).toContain('Unsatisfiable');
    await lab.lab('machine', 'add', 'big', '--cores', '128', '--memory', '3Gi');
    await untilJob(lab, 'giant', 'is claimed by the new machine', ({ status }) => status?.node === 'big');
    expect((await lab.kubectl(['delete', 'cjob', 'giant', '--timeout=90s'])).code).toBe(0);
  }, 240_000);

  it('cancelled while they wait leave the queue at once', async () => {
    await submit(lab, 'cancelled', { script: 'true', resources: { cores: 100 } });
    await untilJob(lab, 'cancelled', 'waits', ({ status }) => status?.waiting !== undefined);
    expect((await lab.kubectl(['delete', 'cjob', 'cancelled', '--timeout=30s'])).code).toBe(0);
  }, 90_000);
});
