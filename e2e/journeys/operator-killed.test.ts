// The operator dies at random moments during twenty jobs, a drain and a power-off: every job still ends right, none ever has
// two live virtual machines, and nothing is left behind. The moments come from a seed, which a failure prints.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as resources from '@idlewild/operator/api/resources.ts';
import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import {
  emulators,
  inPhase,
  job,
  untilNothingIsLeft,
  seldom,
  startLab,
  submit,
  until,
  untilJob,
  type LabCluster,
} from '../src/cluster.ts';
import { random } from '../src/random.ts';

const seed = Number(process.env.IDLEWILD_SEED ?? 20261121);
/** Enough to hit every kind of moment, and few enough that a slow machine comes to an end. */
const mostKills = 16;
/** The work goes on until the operator has died this often, however fast the machine is. */
const leastKills = 4;
const jobs = Array.from({ length: 20 }, (_, index) => ({ name: `job-${index + 1}`, exit: index % 7 === 3 ? 3 : 0 }));

let lab: LabCluster;
beforeAll(async () => {
  lab = await startLab({ machines: 4 });
}, 300_000);
afterAll(async () => {
  await lab.stop();
}, 60_000);

async function operatorPid(): Promise<number | undefined> {
  const status = await lab.lab('status', '--json');
  return (JSON.parse(status.stdout) as { operator?: { pid?: number } }).operator?.pid;
}

/** Jobs of which two guests are alive at this moment on machines that are not lost. */
async function twins(lost: ReadonlySet<string>): Promise<string[]> {
  const { items } = await lab.client.list<VirtualMachineInstance>(resources.virtualMachineInstances, {
    namespace: 'default',
  });
  const alive = items
    .filter(({ status }) => ['Scheduled', 'Running'].includes(status?.phase ?? '') && !lost.has(status?.nodeName ?? ''))
    .map(({ metadata }) => metadata.labels?.['idlewild.dev/job'] ?? metadata.name);
  return alive.filter((name, index) => alive.indexOf(name) !== index);
}

/** Twenty jobs, a drain and a power-off, then one job after the other until `enough`; ends when every job has. */
async function work(lost: Set<string>, enough: () => boolean): Promise<void> {
  for (const { name, exit } of jobs)
    await submit(lab, name, { script: `sleep ${1 + (exit % 2)}; echo ${name}; exit ${exit}` });
  await untilJob(lab, 'job-2', 'runs or has run', inPhase('Running', 'Succeeded'), { timeoutMs: 180_000 });
  const draining = lab.kubectl(['drain', 'pc-1', '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=240s']);
  await untilJob(lab, 'job-6', 'runs or has run', inPhase('Running', 'Succeeded'), { timeoutMs: 240_000 });
  lost.add('pc-2');
  await lab.lab('machine', 'off', 'pc-2');
  expect((await draining).code).toBe(0);
  await lab.kubectl(['uncordon', 'pc-1']);
  for (const { name } of jobs)
    await untilJob(lab, name, 'finishes', inPhase('Succeeded', 'Failed'), { timeoutMs: 400_000 });
  while (!enough()) {
    const name = `job-${jobs.length + 1}`;
    jobs.push({ name, exit: 0 });
    await submit(lab, name, { script: `sleep 1; echo ${name}` });
    await untilJob(lab, name, 'finishes', inPhase('Succeeded', 'Failed'), { timeoutMs: 400_000 });
  }
}

describe(`an operator that is killed at random moments (seed ${seed})`, () => {
  it('brings at least twenty jobs with a drain and a power-off among them to their right ends and leaves nothing', async () => {
    const next = random(seed);
    let over = false;
    let kills = 0;
    const doubled: string[] = [];
    const lost = new Set<string>();
    const killing = async () => {
      while (!over && kills < mostKills) {
        const pid = await until('the operator runs', operatorPid, seldom);
        const at = performance.now() + 500 + next() ** 2 * 12_000;
        await until('the moment to kill', async () => {
          doubled.push(...(await twins(lost)));
          return over || performance.now() >= at;
        });
        if (over) break;
        process.kill(pid, 'SIGKILL');
        kills += 1;
        await until('another operator', async () => over || (await operatorPid()) !== pid, seldom);
      }
    };
    const working = async () => {
      try {
        await work(lost, () => kills >= leastKills);
      } finally {
        over = true;
      }
    };
    await Promise.all([working(), killing()]);

    expect(doubled).toEqual([]);
    for (const { name, exit } of jobs) {
      const { status } = await job(lab, name);
      expect({ name, phase: status?.phase, exitCode: status?.exitCode }).toEqual({
        name,
        phase: exit === 0 ? 'Succeeded' : 'Failed',
        exitCode: exit,
      });
    }
    await lab.lab('machine', 'on', 'pc-2');
    expect((await lab.kubectl(['delete', 'cjob', '--all', '--timeout=120s'])).code).toBe(0);
    await untilNothingIsLeft(lab, 'default');
    await until(
      'no emulator is left',
      async () => [...(await emulators(lab)).values()].every((guests) => guests.length === 0),
      { ...seldom, timeoutMs: 60_000 },
    );
  }, 900_000);
});
