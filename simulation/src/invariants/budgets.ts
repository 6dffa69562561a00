// Bounds: the size of a status, and how many writes of the operator a job costs when nothing comes between.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import {
  computeJobs,
  secrets,
  virtualMachineInstanceMigrations,
  virtualMachines,
} from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import type { Write } from '../api/memory-api.ts';
import { operatorName } from '../world/simulation.ts';
import type { Check, CheckContext } from './check.ts';
import { isOver } from './facts.ts';

const mostWrites = 7;
/** A start that takes longer than this is shown step by step, which costs two more. */
const quickStartMs = 10_000;
const mostBytes = 48 * 1024;
const lists = { interruptions: 20, subscribers: 101, conditions: 12 } as const;

interface Account {
  writes: number;
  /** Refreshed words of a job that waits, and refreshed runners-up: bounded by time, not per job. */
  refreshes: number;
  /** It had to leave its machine, and may have ended before it had. */
  moved: boolean;
}

export class BudgetChecks implements Check {
  /** Writes per finished job without interruptions. */
  readonly spent: number[] = [];
  readonly #o: CheckContext;
  readonly #accounts = new Map<string, Account>();
  /** Stored objects are frozen: a status that was measured stays as long as it is. */
  readonly #measured = new WeakSet<object>();

  constructor(o: CheckContext) {
    this.#o = o;
  }

  saw(write: Write): void {
    const { type, kind, object, user } = write;
    const plural = kind.type.plural;
    if (plural === computeJobs.plural) {
      const job = object as unknown as ComputeJob;
      if (type === 'DELETED') this.#accounts.delete(keyOf(object));
      else if (type === 'ADDED') this.#accounts.set(keyOf(object), { writes: 0, refreshes: 0, moved: false });
      else if (user === operatorName) {
        this.#count(keyOf(object), isRefresh(write) || isTrouble(job) ? 'refreshes' : 'writes');
        this.#size(job);
        if (isOver(job) && !isOver(write.previous as unknown as ComputeJob)) this.#settle(job);
      }
      return;
    }
    const counted: readonly string[] = [
      virtualMachines.plural,
      secrets.plural,
      virtualMachineInstanceMigrations.plural,
    ];
    if (user !== operatorName || !counted.includes(plural)) return;
    const job = object.metadata.labels?.['idlewild.dev/job'];
    if (job === undefined) return;
    const key = `${object.metadata.namespace}/${job}`;
    this.#count(key, 'writes');
    const account = this.#accounts.get(key);
    if (account && plural === virtualMachineInstanceMigrations.plural) account.moved = true;
  }

  look(): void {
    for (const job of this.#o.simulation.api.list<ComputeJob>(computeJobs)) {
      const { status } = job;
      if (status === undefined || this.#measured.has(status)) continue;
      this.#measured.add(status);
      const bytes = JSON.stringify(status).length;
      if (bytes > mostBytes) {
        this.#o.accuse('bounded status', `the status of ${keyOf(job)} has ${bytes} bytes`, [`${keyOf(job)} `]);
      }
    }
  }

  #count(job: string, what: 'writes' | 'refreshes'): void {
    const account = this.#accounts.get(job);
    if (account) account[what]++;
  }

  #size(job: ComputeJob): void {
    for (const [list, most] of Object.entries(lists)) {
      const length = (job.status?.[list as keyof typeof lists] ?? []).length;
      if (length > most) {
        this.#o.accuse('bounded status', `${keyOf(job)} has ${length} ${list}`, [`${keyOf(job)} `]);
      }
    }
  }

  #settle(job: ComputeJob): void {
    const { attempts = [], interruptions = [], conditions = [], ladder } = job.status ?? {};
    const { writes, moved } = this.#accounts.get(keyOf(job)) ?? { writes: 0, moved: false };
    const [only] = attempts;
    const interrupted =
      moved ||
      ladder !== undefined ||
      interruptions.length > 0 ||
      conditions.some(({ type }) => type === 'Interrupted');
    if (attempts.length !== 1 || only?.started === undefined || interrupted) return;
    this.spent.push(writes);
    const slow = Date.parse(only.started) - Date.parse(only.claimed ?? '') > quickStartMs;
    const allowed = slow ? mostWrites + 2 : mostWrites;
    if (writes > allowed) {
      this.#o.accuse('write budget', `${keyOf(job)} cost ${writes} writes, ${allowed} are allowed`, [
        `${keyOf(job)} `,
        `${keyOf(job)}-`,
      ]);
    }
  }
}

/** Words about a start that does not go well are no part of a life without interruptions. */
function isTrouble({ status }: ComputeJob): boolean {
  return ['NoRoomOnMachine', 'ImagePullFailed', 'WaitingForEarlier', 'QuotaExceeded'].includes(status?.reason ?? '');
}

function isRefresh({ object, previous }: Write): boolean {
  const [job, before] = [object as unknown as ComputeJob, previous as unknown as ComputeJob];
  const { status } = job;
  if (before.status?.publication === undefined) return false;
  const waits = status?.waiting !== undefined && before.status.waiting !== undefined;
  const sameAttempts = JSON.stringify(status?.attempts) === JSON.stringify(before.status.attempts);
  const running =
    sameAttempts && status?.phase === before.status.phase && status?.subscribers !== before.status.subscribers;
  return sameAttempts && (waits || running);
}
