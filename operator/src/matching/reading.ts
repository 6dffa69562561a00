// What the metrics ask of the queue when somebody reads them.
// Promises: only looks; costs nothing while nobody asks.

import type { Deps } from '../deps.ts';
import { sizeOf } from '../queue/floor.ts';
import type { Register } from '../queue/register.ts';
import { dominantShare } from '../queue/usage.ts';
import type { QueueReading } from './metrics.ts';

const hourMs = 3_600_000;

export function readingOf(register: Register, { clock, world }: Pick<Deps, 'clock' | 'world'>): QueueReading {
  return {
    waiting: () => {
      const byReason = new Map<string, number>();
      for (const { job } of register.line.values()) {
        const reason = job.status?.waiting === undefined ? 'NotTold' : (job.status.reason ?? 'NotTold');
        byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
      }
      return byReason;
    },
    usage: function* () {
      const pool = sizeOf(world.pool());
      for (const namespace of register.usage.namespaces()) {
        yield [namespace, dominantShare(register.usage.of(namespace, clock.now()), pool) / hourMs];
      }
    },
  };
}
