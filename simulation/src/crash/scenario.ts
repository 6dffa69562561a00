// What a scenario is: jobs, what happens to them and to the machines, and how it all must end.
// Promises: data and pure looks at the pool, so that it can be played under any death and any fault.

import type { ComputeJobSpec, ComputeJobStatus } from '@idlewild/operator/api/compute-job.ts';
import type { KubeError } from '@idlewild/operator/kube/errors.ts';
import type { TransportRequest } from '@idlewild/operator/kube/transport.ts';
import type { Behaviour } from '../kubevirt/behaviour.ts';
import type { Pool, Rooms } from './pool.ts';

export interface Step {
  /** In words, for whoever reads of a failure. */
  readonly when: string;
  readonly holds: (pool: Pool) => boolean;
  readonly act: (pool: Pool, operator: { kill(): void }) => void;
}

/** Parts of the status that must be so in the end; "gone" when the job must not be there any more. */
export type End = Partial<ComputeJobStatus> | { readonly [field: string]: unknown } | 'gone';

export interface Scenario {
  readonly name: string;
  /** Three machines in two rooms unless told. */
  readonly rooms?: Rooms;
  readonly behaviour?: () => Partial<Behaviour>;
  readonly flags?: readonly string[];
  /** By name in the usual namespace, or by "namespace/name". */
  readonly jobs: Readonly<Record<string, Partial<ComputeJobSpec>>>;
  readonly steps?: readonly Step[];
  readonly ends: Readonly<Record<string, End>>;
  /** Requests of the operator that the server refuses while it lasts. */
  readonly refuses?: (request: TransportRequest, pool: Pool) => KubeError | undefined;
}

/** Whether `actual` has all that `wanted` has; lists must be as long, and agree member by member. */
export function includes(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(actual) || actual.length !== wanted.length) return false;
    return wanted.every((each, index) => includes(actual[index], each));
  }
  if (typeof wanted !== 'object' || wanted === null) return actual === wanted;
  if (typeof actual !== 'object' || actual === null) return false;
  return Object.entries(wanted).every(([name, each]) => includes((actual as Record<string, unknown>)[name], each));
}
