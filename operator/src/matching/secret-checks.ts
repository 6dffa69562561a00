// Whether the Secrets that waiting jobs' files come from are there. Secrets are not watched, so they are asked for.
// Promises: a few questions at a time; what is missing is asked for again with growing pauses, and few times in a second
// however many jobs miss something; what was found is not asked for again while the job waits (the attempt reads it once more
// anyway). Never holds what is in a Secret.

import type { ComputeJob } from '../api/compute-job.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { KubeError } from '../kube/errors.ts';
import { filesOf, hasSecretFiles } from '../lifecycle/files.ts';
import type { Blocked } from './own-wait.ts';

interface Check {
  readonly job: ComputeJob;
  state: 'asking' | 'waiting' | 'found';
  /** What is missing, in words; undefined before the first answer. */
  message?: string | undefined;
  failures: number;
  dueMs: number;
}

const atATime = 4;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** Between two questions that were asked before, whosever they are. */
const repeatEveryMs = 200;

export interface SecretChecksOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Somebody may be served who could not be before, or has something else to say. */
  readonly onNews: () => void;
  /** There may be something to ask. */
  readonly onAnswer: () => void;
}

export class SecretChecks {
  readonly #o: SecretChecksOptions;
  /** By job uid, those first that were asked for the longest ago. */
  readonly #checks = new Map<string, Check>();
  #asking = 0;
  #repeatAtMs = 0;

  constructor(options: SecretChecksOptions) {
    this.#o = options;
  }

  /** The job waits; its Secrets matter from now on. */
  watch(job: ComputeJob): void {
    const uid = job.metadata.uid ?? '';
    if (!hasSecretFiles(job)) return;
    const known = this.#checks.get(uid);
    if (known && known.job.spec === job.spec) return;
    if (known && JSON.stringify(known.job.spec.files) === JSON.stringify(job.spec.files)) return;
    this.#checks.set(uid, { job, state: 'waiting', failures: 0, dueMs: 0 });
  }

  forget(uid: string): void {
    this.#checks.delete(uid);
  }

  blocked(): Map<string, Blocked> {
    const blocked = new Map<string, Blocked>();
    for (const [uid, { state, message }] of this.#checks) {
      if (state === 'found') continue;
      blocked.set(uid, message === undefined ? { kind: 'busy' } : { kind: 'missing', message });
    }
    return blocked;
  }

  /** Asks for what is due. @returns when the next is due, in ms; undefined when nothing is, or an answer will tell. */
  ask(): number | undefined {
    const now = this.#o.clock.monotonic();
    let nextMs: number | undefined;
    for (const check of [...this.#checks.values()]) {
      if (check.state !== 'waiting') continue;
      const dueMs = check.failures === 0 ? now : Math.max(check.dueMs, this.#repeatAtMs);
      if (dueMs > now) nextMs = Math.min(nextMs ?? Infinity, dueMs - now);
      else if (this.#asking < atATime) {
        if (check.failures > 0) this.#repeatAtMs = now + repeatEveryMs;
        void this.#ask(check);
      }
    }
    return nextMs;
  }

  async #ask(check: Check): Promise<void> {
    const { client, clock, onNews, onAnswer } = this.#o;
    const { message: before } = check;
    check.state = 'asking';
    this.#asking += 1;
    try {
      const files = await filesOf(client, check.job);
      check.state = files.kind === 'files' ? 'found' : 'waiting';
      check.message = files.kind === 'missing' ? files.message : undefined;
    } catch (error) {
      check.state = 'waiting';
      // Others pass by themselves and are asked again; this one somebody has to mend.
      if (error instanceof KubeError && error.kind === 'forbidden') {
        check.message = 'the operator is not allowed to read the Secrets that its files come from';
      }
    }
    this.#asking -= 1;
    if (check.state === 'waiting') {
      check.dueMs = clock.monotonic() + Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(10, check.failures));
      check.failures += 1;
    } else if (before !== undefined) this.#foundWhat(before, check.job);
    this.#toTheEnd(check);
    if (check.state === 'found' || check.message !== before) onNews();
    else onAnswer();
  }

  /** Whoever else of the namespace misses the same need not wait for its turn. */
  #foundWhat(missed: string, { metadata: { namespace } }: ComputeJob): void {
    for (const check of this.#checks.values()) {
      if (check.message === missed && check.job.metadata.namespace === namespace) check.failures = 0;
    }
  }

  #toTheEnd(check: Check): void {
    const uid = check.job.metadata.uid ?? '';
    if (this.#checks.get(uid) !== check) return;
    this.#checks.delete(uid);
    this.#checks.set(uid, check);
  }
}
