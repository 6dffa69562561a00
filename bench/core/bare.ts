// A round of the bare client: what a run of the operator wrote, written again by nobody who thinks.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster, Site, State } from './cluster.ts';
import type { Usage } from './program.ts';
import { peakInFlight, type RecordedWrite, type WriteKind } from './requests.ts';

export interface BareResult {
  readonly times: readonly { readonly kind: WriteKind; readonly sentAt: number; readonly answeredAt: number }[];
}

export interface BareRound extends BareResult {
  /** Used by the client's process while it wrote. */
  readonly cpuMs: number;
  readonly before: Usage;
}

let files = 0;

/** @param meanwhile runs with the cluster before the first write, for what the operator's round had beside it. */
export async function writeAgain(
  site: Site,
  state: State,
  writes: readonly RecordedWrite[],
  meanwhile: (cluster: Cluster) => Promise<void> = () => Promise.resolve(),
): Promise<BareRound> {
  const done = writes.filter(({ status }) => status >= 200 && status < 300);
  const file = join(site.dir, `bare-${(files += 1)}.writes`);
  await writeFile(file, done.map((write) => `${JSON.stringify(write)}\n`).join(''));
  const cluster = await site.open(state);
  await meanwhile(cluster);
  const concurrency = String(Math.max(1, peakInFlight(done)));
  const client = cluster.start('bare-client', 'bench/programs/bare-client.ts', [
    ...['--file', file, '--concurrency', concurrency],
  ]);
  await client.hear((message) => 'ready' in message || undefined);
  const before = await client.usage();
  const ended = client.hear((message) => ('times' in message ? (message as BareResult) : undefined));
  client.tell({ go: true });
  const result = await ended;
  const after = await client.usage();
  await cluster.stop();
  return { ...result, before, cpuMs: after.cpuMs - before.cpuMs };
}
