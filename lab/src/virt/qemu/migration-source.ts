// The sending end of a live migration with local disks.
// Order: copy every writable disk to the target until the copy keeps up, then the memory, stop the guest, end the copies while
// nothing writes, hand over. Promise: until the hand-over any failure or abort leaves the guest running here.
import { setTimeout as delay } from 'node:timers/promises';
import { diskNode } from './argv.ts';
import type { GuestSpec } from './guest-spec.ts';
import type { Qmp } from './qmp.ts';
import type { QmpEvent } from './qmp-message.ts';

/** Unix sockets of the target; a forwarder may stand between. */
export interface MigrationSockets {
  readonly migrateSocket: string;
  readonly nbdSocket: string;
}

export interface MigrationProgress {
  readonly phase: 'disks' | 'memory';
  readonly transferredBytes: number;
  readonly remainingBytes: number;
}

export interface MigrationOptions {
  readonly signal?: AbortSignal;
  /** The guest is stopped for the last copy when that is expected to take at most this long, ms. */
  readonly maxDowntimeMs?: number;
  /** Upper bound of the transfer rate, bytes a second. */
  readonly maxBytesPerSecond?: number;
  /** How long the whole migration may take, ms; then it is called off. */
  readonly timeoutMs?: number;
  readonly onProgress?: (progress: MigrationProgress) => void;
}

export interface MigrationResult {
  readonly totalMs: number;
  /** How long the guest stood still, as the source counts it: until the state was handed over, ms. */
  readonly downtimeMs: number;
  /** When the guest stopped here, ms since the epoch; with the target's resumedAtMs this gives the true stand-still. */
  readonly stoppedAtMs: number;
  /** Memory and disks, bytes. */
  readonly transferredBytes: number;
}

/** Why a migration did not succeed. */
export class MigrationError extends Error {
  /** The target may be running the guest: it must not run at the source again. Otherwise it goes on at the source. */
  readonly handedOver: boolean;

  constructor(message: string, handedOver: boolean, cause: unknown) {
    super(message, { cause });
    this.name = 'MigrationError';
    this.handedOver = handedOver;
  }
}

interface MigrationInfo {
  readonly status?: string;
  readonly 'error-desc'?: string;
  readonly ram?: { readonly transferred: number; readonly remaining: number };
}

interface BlockJob {
  readonly device: string;
  readonly offset: number;
  readonly len: number;
}

const defaults = { maxDowntimeMs: 300, maxBytesPerSecond: 1 << 30, timeoutMs: 120_000 } as const;
const pollMs = 100;
/** A guest that stands still for its copy is let go on after this, ms. */
const longestStandStillMs = 30_000;
const cancelTimeoutMs = 10_000;

/** Moves the guest. Throws MigrationError. */
export async function migrateGuest(
  qmp: Qmp,
  spec: GuestSpec,
  target: MigrationSockets,
  options: MigrationOptions & { readonly wasRunning: boolean },
): Promise<MigrationResult> {
  const started = performance.now();
  const timeoutMs = options.timeoutMs ?? defaults.timeoutMs;
  const late = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? late : AbortSignal.any([options.signal, late]);
  const jobs = spec.disks.map((disk) => ({
    job: `mirror-${disk.name}`,
    node: diskNode(disk),
    target: `target-${disk.name}`,
  }));
  let handedOver = false;
  try {
    await configure(qmp, options);
    for (const { job, node, target: targetNode } of jobs) {
      signal.throwIfAborted();
      const ready = qmp.waitFor(
        isJobEvent(job, ['BLOCK_JOB_READY', 'BLOCK_JOB_COMPLETED', 'BLOCK_JOB_ERROR']),
        timeoutMs,
        signal,
      );
      await qmp.execute('blockdev-add', {
        driver: 'nbd',
        'node-name': targetNode,
        server: { type: 'unix', path: target.nbdSocket },
        export: node,
      });
      await qmp.execute('blockdev-mirror', { 'job-id': job, device: node, target: targetNode, sync: 'top' });
      const event = await whileReporting(ready, () => reportDisks(qmp, options));
      if (event.name !== 'BLOCK_JOB_READY') throw new Error(`copying ${node} failed: ${describe(event)}`);
    }
    const diskBytes = (await queryJobs(qmp)).reduce((sum, { offset }) => sum + offset, 0);

    // Emulation now and then loses track of a page that is written while memory is copied (seen as a kernel oops on arrival,
    // QEMU 7.2), so an emulated guest stands still for the copy: some tenths of a second more, and nothing lost.
    const still = spec.accel === 'tcg' && options.wasRunning;
    const memoryMs = still ? Math.min(longestStandStillMs, timeoutMs) : timeoutMs;
    const ended = qmp.waitFor(isMigrationStatus('pre-switchover', 'failed', 'cancelled'), memoryMs, signal);
    const stopped = qmp.waitFor(({ name }) => name === 'STOP', timeoutMs, signal);
    if (still) await qmp.execute('stop');
    await qmp.execute('migrate', { uri: `unix:${target.migrateSocket}` });
    await expectStatus(qmp, await whileReporting(ended, () => reportMemory(qmp, options)), 'pre-switchover');
    await reportMemory(qmp, options);
    const stoppedAtMs = options.wasRunning ? (await stopped).atMs : 0;

    for (const { job } of jobs) await endMirror(qmp, job, timeoutMs, signal);
    signal.throwIfAborted();
    const completed = qmp.waitFor(isMigrationStatus('completed', 'failed', 'cancelled'), timeoutMs);
    // From here the target may run the guest: an abort comes too late, and the answer alone counts.
    handedOver = true;
    await qmp.execute('migrate-continue', { state: 'pre-switchover' });
    const end = await completed;
    handedOver = end.data['status'] === 'completed';
    await expectStatus(qmp, end, 'completed');
    const info = await qmp.execute<MigrationInfo>('query-migrate');
    return {
      totalMs: Math.round(performance.now() - started),
      downtimeMs: options.wasRunning ? Math.max(0, end.atMs - stoppedAtMs) : 0,
      stoppedAtMs,
      transferredBytes: diskBytes + (info.ram?.transferred ?? 0),
    };
  } catch (error) {
    const message = `migrate guest ${spec.id}: ${reasonOf(signal, error)}`;
    if (handedOver || qmp.closed) throw new MigrationError(message, handedOver, error);
    await callOff(qmp, jobs, options.wasRunning).catch((undoing: unknown) => {
      throw new MigrationError(`${message}; calling it off failed: ${String(undoing)}`, false, error);
    });
    throw new MigrationError(message, false, error);
  }
}

async function configure(qmp: Qmp, options: MigrationOptions): Promise<void> {
  const capabilities = ['events', 'pause-before-switchover'].map((capability) => ({ capability, state: true }));
  await qmp.execute('migrate-set-capabilities', { capabilities });
  await qmp.execute('migrate-set-parameters', {
    'downtime-limit': options.maxDowntimeMs ?? defaults.maxDowntimeMs,
    'max-bandwidth': options.maxBytesPerSecond ?? defaults.maxBytesPerSecond,
  });
}

/** With the guest stopped the copy is whole: ending the job then leaves the target's disk equal to ours. */
async function endMirror(qmp: Qmp, job: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const ended = qmp.waitFor(isJobEvent(job, ['BLOCK_JOB_COMPLETED', 'BLOCK_JOB_CANCELLED']), timeoutMs, signal);
  await qmp.execute('block-job-cancel', { device: job });
  const event = await ended;
  if (event.name !== 'BLOCK_JOB_COMPLETED' || event.data['error'] !== undefined) {
    throw new Error(`copying ended early: ${describe(event)}`);
  }
}

/** Undoes what is under way. The guest goes on if it did before, whatever else cannot be undone: the target never got its state. */
async function callOff(qmp: Qmp, jobs: readonly { job: string; target: string }[], wasRunning: boolean): Promise<void> {
  try {
    await cancelMigration(qmp);
  } finally {
    if (wasRunning) await goOn(qmp);
  }
  try {
    await dropCopies(qmp, jobs);
  } finally {
    if (wasRunning) await goOn(qmp);
  }
}

async function cancelMigration(qmp: Qmp): Promise<void> {
  const { status } = await qmp.execute<MigrationInfo>('query-migrate');
  if (status === undefined || ['completed', 'failed', 'cancelled', 'none'].includes(status)) return;
  const ended = qmp.waitFor(isMigrationStatus('failed', 'cancelled'), cancelTimeoutMs);
  await qmp.execute('migrate_cancel');
  await ended;
}

async function dropCopies(qmp: Qmp, jobs: readonly { job: string; target: string }[]): Promise<void> {
  for (const { job } of jobs) await dropMirror(qmp, job);
  const nodes = await qmp.execute<{ 'node-name'?: string }[]>('query-named-block-nodes', { flat: true });
  for (const { target } of jobs) {
    if (nodes.some((node) => node['node-name'] === target)) await qmp.execute('blockdev-del', { 'node-name': target });
  }
}

/** QEMU tells of the end before it has put back the state of before, which was stopped: one look is not enough. */
async function goOn(qmp: Qmp): Promise<void> {
  for (let steady = 0, looks = 0; steady < 3 && looks < 50; looks++) {
    const { running } = await qmp.execute<{ running: boolean }>('query-status');
    steady = running ? steady + 1 : 0;
    if (!running) await qmp.execute('cont');
    await delay(pollMs);
  }
}

/** Ends a copy whose target does not matter any more. The copy may end by itself at any moment: its target dies too. */
async function dropMirror(qmp: Qmp, job: string): Promise<void> {
  const isActive = async (): Promise<boolean> => (await queryJobs(qmp)).some(({ device }) => device === job);
  const ended = qmp.waitFor(isJobEvent(job, ['BLOCK_JOB_COMPLETED', 'BLOCK_JOB_CANCELLED']), cancelTimeoutMs);
  if (!(await isActive())) return;
  try {
    await qmp.execute('block-job-cancel', { device: job, force: true });
  } catch (error) {
    if (await isActive()) throw error;
    return;
  }
  await ended;
}

/** Awaits the event, and meanwhile reports in steady intervals. */
async function whileReporting(event: Promise<QmpEvent>, report: () => Promise<void>): Promise<QmpEvent> {
  for (;;) {
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, pollMs, undefined)));
    const first = await Promise.race([event, pause]).finally(() => clearTimeout(timer));
    if (first !== undefined) return first;
    await report();
  }
}

async function reportDisks(qmp: Qmp, { onProgress }: MigrationOptions): Promise<void> {
  if (onProgress === undefined) return;
  const jobs = await queryJobs(qmp);
  const done = jobs.reduce((sum, { offset }) => sum + offset, 0);
  const all = jobs.reduce((sum, { len }) => sum + len, 0);
  onProgress({ phase: 'disks', transferredBytes: done, remainingBytes: all - done });
}

async function reportMemory(qmp: Qmp, { onProgress }: MigrationOptions): Promise<void> {
  if (onProgress === undefined) return;
  const { ram } = await qmp.execute<MigrationInfo>('query-migrate');
  if (ram !== undefined)
    onProgress({ phase: 'memory', transferredBytes: ram.transferred, remainingBytes: ram.remaining });
}

async function expectStatus(qmp: Qmp, event: QmpEvent, wanted: string): Promise<void> {
  const status = String(event.data['status']);
  if (status === wanted) return;
  const info = await qmp.execute<MigrationInfo>('query-migrate');
  throw new Error(`QEMU says ${status}: ${info['error-desc'] ?? 'no reason given'}`);
}

function queryJobs(qmp: Qmp): Promise<BlockJob[]> {
  return qmp.execute<BlockJob[]>('query-block-jobs');
}

function isJobEvent(job: string, names: readonly string[]): (event: QmpEvent) => boolean {
  return (event) => names.includes(event.name) && event.data['device'] === job;
}

function isMigrationStatus(...wanted: readonly string[]): (event: QmpEvent) => boolean {
  return (event) => event.name === 'MIGRATION' && wanted.includes(String(event.data['status']));
}

function describe(event: QmpEvent): string {
  return `${event.name} ${JSON.stringify(event.data)}`;
}

function reasonOf(signal: AbortSignal, error: unknown): string {
  const reason: unknown = signal.aborted ? signal.reason : error;
  return reason instanceof Error ? reason.message : String(reason);
}
