// How tests wait for what they cannot command: for a condition, for the end of a process, for the removal of a control group.
// Promises: nothing sleeps longer than a poll once its condition holds; what did not come true in time is said by name. For tests and
// measurements only.
import type { ChildProcess } from 'node:child_process';
import { rmdirSync } from 'node:fs';

const pollMs = 5;

/**
 * Resolves with what `look` first gives that is neither undefined nor false. Rejects after `withinMs` with `what` was waited for,
 * which is the text of the condition unless told; an error of `look` itself is passed on at once.
 */
export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what = String(look),
  withinMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Whether a process has ended, by itself or by a signal. */
export const isOver = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Removes the control group of that path: it is busy until its last process has been reaped. */
export async function removed(group: string): Promise<void> {
  await until(() => {
    try {
      rmdirSync(group);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
      throw error;
    }
  }, `${group} is left by its last process`);
}
