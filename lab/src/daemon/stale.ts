// Cleans up after a lab that was killed: its processes, control groups and sockets. What it knew stays, so that the next start
// comes up with the same machines and jobs.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MachineCgroup } from '../machines/cgroup/cgroup.ts';
import { descendantsOf, isAlive, signal } from '../machines/cgroup/processes.ts';
import type { LabLayout } from './layout.ts';
import type { LabState } from './state.ts';

const endDeadlineMs = 5_000;

/** Must be called with the lab's lock held. Answers the names of the processes that were still alive. */
export async function cleanStale(layout: LabLayout, state: LabState): Promise<string[]> {
  const left = Object.entries(state.processes).filter(([, process]) => isAlive(process));
  for (const [, { pid }] of left) {
    for (const child of [pid, ...descendantsOf(pid)]) signal(child, 'SIGKILL');
  }
  const deadline = performance.now() + endDeadlineMs;
  while (left.some(([, process]) => isAlive(process)) && performance.now() < deadline) await delay(20);
  for (const { name } of state.machines) {
    const group = MachineCgroup.open({ name: join(layout.cgroup, name) });
    await group.kill();
    await group.remove();
  }
  rmSync(layout.runtime, { recursive: true, force: true });
  return left.map(([name]) => name);
}
