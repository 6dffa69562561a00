// Which machine takes a guest that has to leave, or in words why none does.
// Promises: pure (the verdicts that are handed in answer what their definition says); runners-up of the job come first; the
// guest's own machine is never among them; costs no walk over the machines unless there are words to be told.

import type { ComputeJob } from '../api/compute-job.ts';
import type { VirtualMachineInstance } from '../api/kubevirt.ts';
import { rank } from '../matching/score.ts';
import { requirementOf, type Requirement } from '../matching/subscribe.ts';
import { withOwn } from '../matching/tally.ts';
import type { RequirementClass, Verdicts } from '../matching/verdicts.ts';
import { explainTally, isOfPool } from '../matching/words.ts';
import type { Machine } from '../model/machine.ts';
import type { Pool } from '../model/pool.ts';

export interface TargetInput {
  readonly job: ComputeJob;
  readonly vmi: VirtualMachineInstance;
  readonly pool: Pool;
  /** Of `pool`. */
  readonly verdicts: Verdicts;
  readonly source: string;
  /** It moves while it runs, and keeps its processor model, vendor and board; else it is as free as at first. */
  readonly live: boolean;
  /** Machines that are not tried now. */
  readonly resting: ReadonlySet<string>;
  /** The machine has not been heard for a while, and may be lost soon. */
  readonly isSilent: (machine: string) => boolean;
  readonly nowMs: number;
  /** The words will be told. */
  readonly explain: boolean;
}

export interface NoTarget {
  readonly machine: undefined;
  /** While no machine fits this, no further look is of use. */
  readonly wants: RequirementClass;
  /** Undefined when nobody asked for them. */
  readonly words: string | undefined;
  /** A machine would do if it were heard again, of which no event tells. */
  readonly silent: boolean;
}

interface KeptOut {
  readonly machine: Machine;
  readonly reason: 'HeldAgainst' | 'NotReady';
}

export type Target = { readonly machine: string } | NoTarget;

/** Whether there is one at all, for a guest whose turn has not come: costs no ranking of all that fit. */
export function hasTarget(input: TargetInput): boolean {
  const { source, verdicts, isSilent } = input;
  const wanted = requirementFor(input);
  for (const { name } of verdicts.fitting(verdicts.classOf(wanted))) {
    if (name !== source && !wanted.heldAgainst.has(name) && !isSilent(name)) return true;
  }
  return false;
}

export function targetFor(input: TargetInput): Target {
  const { job, source, nowMs, verdicts, explain, isSilent } = input;
  const wanted = requirementFor(input);
  const wants = verdicts.classOf(wanted);
  const others = verdicts.fittingCount(wants) === 0 ? [] : [...verdicts.fitting(wants)];
  const [keptOut, fitting] = [[] as KeptOut[], [] as Machine[]];
  for (const machine of others) {
    if (machine.name === source) continue;
    if (wanted.heldAgainst.has(machine.name)) keptOut.push({ machine, reason: 'HeldAgainst' });
    else if (isSilent(machine.name)) keptOut.push({ machine, reason: 'NotReady' });
    else fitting.push(machine);
  }
  const preferred = (job.status?.subscribers ?? []).map(({ node }) => node);
  const freeOf = ({ name }: Machine) => verdicts.freeOn(name);
  const [best] = rank(fitting, wanted.image, { nowMs, preferred, freeOf, limit: 1 });
  if (best) return { machine: best.machine.name };
  const words = explain ? wordsFor(wanted, wants, keptOut, input) : undefined;
  return { machine: undefined, wants, words, silent: keptOut.some(({ reason }) => reason === 'NotReady') };
}

function wordsFor(
  wanted: Requirement,
  wants: RequirementClass,
  keptOut: readonly KeptOut[],
  { verdicts, source }: TargetInput,
): string {
  const tally = withOwn(verdicts.verdictWithout(wants, source), keptOut);
  const { waiting } = explainTally({ wanted, tally, position: 1 });
  const reasons = (waiting.reasons ?? [])
    .filter(({ reason }) => isOfPool(reason))
    .map(({ reason, machines, message }) =>
      reason === 'HeldAgainst'
        ? `${machines} failed to take it a short while ago`
        : `${machines} ${reason} (${message})`,
    );
  return reasons.length === 0 ? 'there is no other machine' : `of the other machines ${reasons.join(', ')}`;
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
