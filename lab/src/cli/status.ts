// `status` and `down`: ask the running lab.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ask, NotRunning } from '../daemon/control.ts';
import { layoutOf } from '../daemon/layout.ts';
import { renderPicture, type LabView } from '../daemon/picture.ts';
import { cleanStale } from '../daemon/stale.ts';
import { readState, writeState } from '../daemon/state.ts';
import { tryLock } from '../images/file-lock.ts';
import { identityOf, isAlive } from '../machines/cgroup/processes.ts';

export const dirOption = { dir: { type: 'string', default: '.lab' } } as const;

export async function statusCommand(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { ...dirOption, json: { type: 'boolean', default: false } } });
  const view = await ask<LabView>(layoutOf(values.dir).controlSocket, { op: 'status' });
  if (values.json) console.log(JSON.stringify(view, null, 2));
  else for (const line of renderPicture(view, process.stdout.columns ?? 160)) console.log(line);
}

const downDeadlineMs = 60_000;

/** Ends the lab and waits until it is gone. What a killed lab left behind is cleaned too. */
export async function downCommand(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: dirOption });
  const layout = layoutOf(values.dir);
  try {
    const { pid } = await ask<{ pid: number }>(layout.controlSocket, { op: 'down' });
    const process = identityOf(pid);
    const deadline = performance.now() + downDeadlineMs;
    while (process !== undefined && isAlive(process)) {
      if (performance.now() > deadline)
        throw new Error(`the lab (pid ${pid}) does not end; its logs are in ${layout.logs}`);
      await delay(50);
    }
    console.log('the lab has ended');
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error;
    const state = existsSync(layout.dir) ? readState(layout.stateFile) : undefined;
    if (state === undefined) return console.log(`no lab runs in ${layout.dir}`);
    const lock = await tryLock(join(layout.dir, 'lab.lock'));
    if (lock === undefined) throw new Error('the lab is starting or ending; try again in a moment', { cause: error });
    const left = await cleanStale(layout, state);
    writeState(layout.stateFile, { ...state, processes: {} });
    lock.release();
    console.log(
      left.length > 0 ? `cleaned up after a lab that was killed: ${left.join(', ')}` : `no lab runs in ${layout.dir}`,
    );
  }
}
