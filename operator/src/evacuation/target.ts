// Which machine takes a guest that has to leave, or in words why none does.
// Promises: pure; runners-up of the job come first; the guest's own machine is never among them.

import type { ComputeJob } from '../api/compute-job.ts';
import type { VirtualMachineInstance } from '../api/kubevirt.ts';
import { rank } from '../matching/score.ts';
import { obstacleOf, requirementOf, subscribers, type Requirement } from '../matching/subscribe.ts';
import { explain } from '../matching/words.ts';
import type { Amount } from '../model/capacity.ts';
import type { Machine } from '../model/machine.ts';
import { freeOn, type Pool } from '../model/pool.ts';

export interface TargetInput {
  readonly job: ComputeJob;
  readonly vmi: VirtualMachineInstance;
  readonly pool: Pool;
  readonly source: string;
  /** It moves while it runs, and keeps its processor model, vendor and board; else it is as free as at first. */
  readonly live: boolean;
  /** Machines that are not tried now. */
  readonly resting: ReadonlySet<string>;
  readonly nowMs: number;
}

export type Target = { readonly machine: string } | { readonly machine: undefined; readonly words: string };

export function targetFor(input: TargetInput): Target {
  const { job, pool, source, nowMs } = input;
  const wanted = requirementFor(input);
  const preferred = (job.status?.subscribers ?? []).map(({ node }) => node);
  const fitting = pool.machines.filter((machine) => {
    if (machine.name === source || wanted.heldAgainst.has(machine.name)) return false;
    return obstacleOf(machine, freeOn(pool, machine), wanted, pool.cpuModels) === undefined;
  });
  const freeOf = (machine: Machine): Amount => freeOn(pool, machine);
  const [best] = rank(fitting, wanted.image, { nowMs, preferred, freeOf, limit: 1 });
  if (best) return { machine: best.machine.name };
  const others: Pool = { ...pool, machines: pool.machines.filter(({ name }) => name !== source) };
  const { waiting } = explain(wanted, subscribers(others, wanted, { nowMs }), 1);
  const reasons = (waiting.reasons ?? [])
    .filter(({ reason }) => reason !== 'NotApproved')
    .map(({ reason, machines, message }) =>
      reason === 'HeldAgainst'
        ? `${machines} failed to take it a short while ago`
        : `${machines} ${reason} (${message})`,
    );
  const words = reasons.length === 0 ? 'there is no other machine' : `of the other machines ${reasons.join(', ')}`;
  return { machine: undefined, words };
}

function requirementFor({ job, vmi, pool, live, resting }: TargetInput): Requirement {
  const base = requirementOf(job);
  if (!live) return base;
  const source = pool.machine(vmi.status?.nodeName ?? '');
  const running = {
    cpuModel: namedModel(vmi.spec.domain.cpu?.model),
    cpuVendor: source?.cpuVendors[0],
    machineType: vmi.status?.machine?.type,
  };
  return { ...base, running, heldAgainst: resting };
}

function namedModel(model: string | undefined): string | undefined {
  return model === 'host-model' || model === 'host-passthrough' ? undefined : model;
}
