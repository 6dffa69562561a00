// Nothing is left behind: not by a deleted job or namespace, not by a lab that ended, not after a kill -9 of everything.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  emulators,
  inPhase,
  leftovers,
  untilNothingIsLeft,
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
  lab = await startLab({ machines: 2 });
}, 300_000);
afterAll(async () => {
  await lab.stop();
}, 60_000);

/** Process ids whose command line names the lab's directory. */
function processesOf(dir: string): number[] {
  const pids = readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid));
  return pids.filter((pid) => {
    try {
      return pid > 0 && pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir);
    } catch {
      return false;
    }
  });
}

const noEmulators = async () => [...(await emulators(lab)).values()].every((guests) => guests.length === 0);

describe('nothing is left', () => {
  it('of a running job that is deleted', async () => {
    await submit(lab, 'doomed', { script: 'sleep 600', files: [{ path: '/x', content: 'y', mode: '0644' }] });
    await untilJob(lab, 'doomed', 'runs', inPhase('Running'));
    expect((await lab.kubectl(['delete', 'cjob', 'doomed', '--timeout=90s'])).code).toBe(0);
    await untilNothingIsLeft(lab, 'default');
    await until('no emulator is left', noEmulators, seldom);
  }, 180_000);

  it('of a namespace that is deleted with jobs running and waiting in it', async () => {
    await lab.kubectl(['create', 'namespace', 'brief']);
    await submit(lab, 'one', { script: 'sleep 600' }, 'brief');
    await submit(lab, 'two', { script: 'true', resources: { cores: 100 } }, 'brief');
    await untilJob(lab, 'one', 'runs', inPhase('Running'), { namespace: 'brief' });
    expect((await lab.kubectl(['delete', 'namespace', 'brief', '--timeout=120s'])).code).toBe(0);
    expect(await leftovers(lab, 'brief')).toEqual([]);
    await until('no emulator is left', noEmulators, seldom);
  }, 240_000);

  it('running after a kill -9 of everything; the lab comes up with the same jobs, which then finish', async () => {
    await submit(lab, 'before', { script: 'echo kept' });
    await untilJob(lab, 'before', 'succeeds', inPhase('Succeeded'));
    await submit(lab, 'during', { script: 'sleep 4; echo finished' });
    await untilJob(lab, 'during', 'runs', inPhase('Running'));
    const uid = (await lab.kubectl(['get', 'cjob', 'before', '-o', 'jsonpath={.metadata.uid}'])).stdout;
    for (const pid of processesOf(lab.dir)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // A guest dies with its machine, possibly before its turn here.
      }
    }
    await until('all processes are gone', async () => processesOf(lab.dir).length === 0, { timeoutMs: 20_000 });
    await lab.up();
    expect(
      (await lab.kubectl(['get', 'cjob', 'before', '-o', 'jsonpath={.metadata.uid} {.status.phase}'])).stdout,
    ).toBe(`${uid} Succeeded`);
    const during = await untilJob(lab, 'during', 'finishes', inPhase('Succeeded', 'Failed'), { timeoutMs: 180_000 });
    expect(during.status?.phase).toBe('Succeeded');
    expect(await output(lab, 'during')).toContain('finished');
    expect((await lab.kubectl(['delete', 'cjob', '--all', '--timeout=90s'])).code).toBe(0);
    await untilNothingIsLeft(lab, 'default');
    await until('no emulator is left', noEmulators, seldom);
  }, 300_000);

  it('of the lab itself when it is told to end', async () => {
    await submit(lab, 'last', { script: 'sleep 600' });
    await untilJob(lab, 'last', 'runs', inPhase('Running'));
    expect((await lab.lab('down')).code).toBe(0);
    await until('all processes are gone', async () => processesOf(lab.dir).length === 0, { timeoutMs: 30_000 });
    await lab.up();
    await untilJob(lab, 'last', 'runs again', inPhase('Running'), { timeoutMs: 120_000 });
    expect((await lab.kubectl(['delete', 'cjob', 'last', '--timeout=90s'])).code).toBe(0);
  }, 300_000);
});
