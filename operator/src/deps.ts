// What every controller is given. Made once in main.ts, or by a test.

import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { KubeClient } from './kube/client.ts';
import type { Clock } from './kube/clock.ts';
import type { LedgerWriter } from './ledger/ledger.ts';
import type { World } from './world/world.ts';
import type { JobWriter } from './world/job-writer.ts';

export interface Deps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  readonly world: World;
  readonly writer: JobWriter;
  /** Random, lower-case hexadecimal, at least 16 characters. */
  readonly newId: () => string;
  /** Records decisions about jobs: the Event, the history and the metric; never throws. */
  readonly ledger: LedgerWriter;
}
