// Asks for a guest's past until it fits to what comes live, for a while. Promises: an answer in time, whatever the portal does; the
// one who asks learns when something may be missing.

import type { ConsoleLog } from '@idlewild/operator/portal/console-schemas.ts';
import { replayOf, type Replay, type Seen } from './replay.ts';

export interface Past extends Pick<Replay, 'text' | 'gap'> {
  /** Logs that were read. */
  readonly pods: readonly string[];
}

export interface PastOptions {
  readonly seen: Seen;
  readonly read: () => Promise<ConsoleLog>;
  /** What has come live by now. */
  readonly live: () => string;
}

/** What a guest prints is in its log so much later, usually. */
const lagMs = 300;
const mostTries = 4;
const patienceMs = 2_500;

/** Never rejects: a past that cannot be read is a gap. */
export async function pastOf({ seen, read, live }: PastOptions): Promise<Past> {
  let last: Past = { text: '', gap: true, pods: seen.pods };
  const reading = async (): Promise<void> => {
    for (let tries = 0; tries < mostTries; tries++) {
      await pause(lagMs);
      const { logs, missing } = await read();
      const { text, gap, joined } = replayOf(seen, logs, live());
      const pods = [...new Set([...seen.pods, ...logs.map(({ pod }) => pod)])];
      last = { text, gap: gap || missing || !joined, pods };
      if (joined) return;
    }
  };
  // Nobody to tell but the one who asks, and they hear of it as a gap.
  const tried = reading().catch(() => undefined);
  await Promise.race([tried, pause(patienceMs)]);
  return last;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
