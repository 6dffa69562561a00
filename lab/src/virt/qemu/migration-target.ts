// The receiving end of a live migration.
// Promise: the guest runs here only after its state has arrived whole and nobody else can write its disks: QEMU is started
// stopped, leaves its disks untouched until told to run (late-block-activate), and the disk server is ended before that.
import { diskNode } from './argv.ts';
import type { GuestPaths, GuestSpec } from './guest-spec.ts';
import type { MigrationSockets } from './migration-source.ts';
import type { Qmp } from './qmp.ts';

export interface ArrivalOptions {
  /** Leave the guest paused, as it was. */
  readonly paused?: boolean;
  /** How long the whole migration may take, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Opens the two sockets: one for the guest's memory, one that serves its writable disks. */
export async function openForArrival(qmp: Qmp, spec: GuestSpec, paths: GuestPaths): Promise<MigrationSockets> {
  const capabilities = ['events', 'late-block-activate'].map((capability) => ({ capability, state: true }));
  await qmp.execute('migrate-set-capabilities', { capabilities });
  await qmp.execute('nbd-server-start', { addr: { type: 'unix', data: { path: paths.nbdSocket } } });
  for (const disk of spec.disks) {
    const node = diskNode(disk);
    await qmp.execute('block-export-add', {
      type: 'nbd',
      id: `export-${disk.name}`,
      'node-name': node,
      name: node,
      writable: true,
    });
  }
  await qmp.execute('migrate-incoming', { uri: `unix:${paths.migrateSocket}` });
  return { migrateSocket: paths.migrateSocket, nbdSocket: paths.nbdSocket };
}

/** Waits for the guest and starts it. Throws QmpError `closed` when QEMU gave up (it ends when the source cancels). */
export async function awaitArrival(qmp: Qmp, options: ArrivalOptions): Promise<{ readonly resumedAtMs: number }> {
  const completed = qmp.waitFor(
    (event) => event.name === 'MIGRATION' && event.data['status'] === 'completed',
    options.timeoutMs,
    options.signal,
  );
  // It may have arrived before anybody waited.
  const { status } = await qmp.execute<{ status?: string }>('query-migrate');
  const arrivedAtMs = status === 'completed' ? undefined : (await completed).atMs;
  await qmp.execute('nbd-server-stop');
  if (options.paused === true) return { resumedAtMs: arrivedAtMs ?? 0 };
  const resumed = qmp.waitFor(({ name }) => name === 'RESUME', 5000);
  await qmp.execute('cont');
  return { resumedAtMs: (await resumed).atMs };
}
