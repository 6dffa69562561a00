// A job as the simulation knows it beforehand: what the user asks for, and what the guest will truly do.
// The operator sees the first only.

import type { ComputeJobSpec } from '@idlewild/operator/api/compute-job.ts';

/** A ComputeJob's spec as a user writes it; the API server fills in the rest. */
export type SpecAsked = Partial<Omit<ComputeJobSpec, 'resources' | 'retries'>> & {
  readonly resources: Partial<ComputeJobSpec['resources']> & Pick<ComputeJobSpec['resources'], 'cores' | 'memory'>;
  readonly retries?: ComputeJobSpec['retries'];
};

export interface GuestTruth {
  /** From the start marker to the end, ms. For a session: until the user powers the guest off; undefined: never. */
  readonly workMs: number | undefined;
  readonly exitCode: number;
  /** So many first attempts die in the middle of their work. */
  readonly crashes: number;
  /** So many first attempts never come up. */
  readonly silent: number;
}

export interface JobPlan {
  /** Since the beginning of the simulation. */
  readonly atMs: number;
  readonly namespace: string;
  readonly name: string;
  readonly spec: SpecAsked;
  readonly truth: GuestTruth;
  /** The user deletes it so long after its submission. */
  readonly deletedAfterMs?: number | undefined;
}

export interface Workload {
  /** In order of time. */
  readonly jobs: readonly JobPlan[];
  /** Namespaces with their labels (weight, highest priority). */
  readonly namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export function coreMsOf({ spec, truth }: JobPlan): number {
  return spec.resources.cores * (truth.workMs ?? 0);
}
