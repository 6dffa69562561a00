// A machine whose power is cut while a job runs on it: the job runs again elsewhere, and nothing of it is left behind.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { emulators, inPhase, seldom, startLab, submit, until, untilJob, type LabCluster } from '../src/cluster.ts';

let lab: LabCluster;
beforeAll(async () => {
  lab = await startLab({ machines: 3 });
}, 300_000);
afterAll(async () => {
  await lab.stop();
}, 60_000);

describe('lab machine off', () => {
  it('makes the job run again on another machine, says what was lost, and the old attempt is gone when the machine is back', async () => {
    await submit(lab, 'survivor', { script: 'sleep 12; echo done', resources: { disk: '32Mi' } });
    const running = await untilJob(lab, 'survivor', 'runs', inPhase('Running'));
    const lost = running.status?.node ?? '';
    expect((await lab.lab('machine', 'off', lost)).code).toBe(0);
    const again = await untilJob(
      lab,
      'survivor',
      'runs again',
      ({ status }) => status?.attempt === 2 && status.phase === 'Running',
      {
        timeoutMs: 120_000,
      },
    );
    expect(again.status?.node).not.toBe(lost);
    expect(again.status?.attempts?.[0]).toMatchObject({ number: 1, node: lost, reason: 'MachineLost' });
    expect(again.status?.attempts?.[0]?.secondsLost).toBeGreaterThan(0);
    const done = await untilJob(lab, 'survivor', 'finishes', inPhase('Succeeded', 'Failed'));
    expect(done.status).toMatchObject({ phase: 'Succeeded', exitCode: 0, attempt: 2 });

    expect((await lab.lab('machine', 'on', lost)).code).toBe(0);
    let state = '';
    await until(
      'the machine is ready again',
      async () => {
        const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.spec.taints}';
        const node = await lab.kubectl(['get', 'node', lost, '-o', path]);
        state = node.code === 0 ? node.stdout.trim() : node.stderr;
        return state === 'True';
      },
      { seen: () => state },
    );
    expect((await emulators(lab)).get(lost)).toEqual([]);
    expect((await lab.kubectl(['get', 'vm,vmi', 'survivor-1'])).stdout).toBe('');
    await until('no file of a guest is left on it', async () => {
      const files = await readdir(join(lab.dir, 'machines', lost), { recursive: true });
      return !files.some((file) => file.includes('survivor-1') || file.endsWith('.qcow2'));
    });
  }, 300_000);
});

describe('a machine that hangs or is cut from the network', () => {
  it.each([
    ['hang', 'resume'],
    ['cut', 'uncut'],
  ])(
    'by %s is replaced, and is clean after %s',
    async (fault, remedy) => {
      const name = `after-${fault}`;
      await submit(lab, name, { script: 'sleep 15; echo done' });
      const running = await untilJob(lab, name, 'runs', inPhase('Running'));
      const lost = running.status?.node ?? '';
      await lab.lab('machine', fault, lost);
      await untilJob(lab, name, 'is claimed again', ({ status }) => status?.attempt === 2, { timeoutMs: 120_000 });
      await lab.lab('machine', remedy, lost);
      await untilJob(lab, name, 'succeeds', inPhase('Succeeded'), { timeoutMs: 120_000 });
      await until('the old guest is gone', async () => (await emulators(lab)).get(lost)?.length === 0, {
        ...seldom,
        timeoutMs: 60_000,
      });
      let taints = '';
      await until(
        'the machine takes jobs again',
        async () => {
          const read = await lab.kubectl(['get', 'node', lost, '-o', 'jsonpath={.spec.taints}']);
          taints = read.code === 0 ? read.stdout : read.stderr;
          return taints === '';
        },
        { ...seldom, timeoutMs: 240_000, seen: () => taints },
      );
    },
    600_000,
  );
});
