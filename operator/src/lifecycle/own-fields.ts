// The fields of a virtual machine that are ours, and what brings them back when somebody edited them.
// Promises: pure; no other field is ever part of the patch, so that everybody's edits of the rest stand.

import type { ComputeJob } from '../api/compute-job.ts';
import type { VirtualMachine } from '../api/kubevirt.ts';
import type { Attempt } from '../model/job.ts';
import { attemptLabels } from '../model/names.ts';
import { isSameJson } from '../model/same-json.ts';
import { pinnedTo, poolAffinity } from '../render/virtual-machine.ts';

export interface Restoration {
  /** Names of the fields, for the log. */
  readonly fields: readonly string[];
  /** A merge patch of the virtual machine. */
  readonly patch: Readonly<Record<string, unknown>>;
}

/**
 * Undefined when everything is as it should be. A machine that was halted is none of these: that is somebody's wish to stop it,
 * see decide.ts.
 */
export function restorationOf(vm: VirtualMachine, job: ComputeJob, attempt: Attempt): Restoration | undefined {
  const { name } = job.metadata;
  const { node, number } = attempt;
  const before = known.get(vm);
  if (before?.job === name && before.node === node && before.number === number) return before.restoration;
  const restoration = compared(vm, name, attempt);
  known.set(vm, { job: name, node, number, restoration });
  return restoration;
}

/** Asked at every look at a job, while virtual machines change seldom and are never changed in place. */
const known = new WeakMap<
  VirtualMachine,
  {
    readonly job: string;
    readonly node: string;
    readonly number: number;
    readonly restoration: Restoration | undefined;
  }
>();

function compared(vm: VirtualMachine, job: string, attempt: Attempt): Restoration | undefined {
  const { runStrategy, template } = vm.spec;
  const fields: string[] = [];
  const patch: { metadata?: unknown; spec?: { runStrategy?: string; template?: unknown } } = {};
  // Another strategy would start a guest anew that has ended, and its job's script with it.
  if (runStrategy !== 'Once' && runStrategy !== 'Halted') {
    fields.push('spec.runStrategy');
    patch.spec = { runStrategy: 'Once' };
  }
  const own: Record<string, unknown> = {};
  if (template.spec.evictionStrategy !== 'External') {
    fields.push('spec.template.spec.evictionStrategy');
    own.evictionStrategy = 'External';
  }
  const pinned = pinnedTo(attempt.node);
  const { affinity } = template.spec;
  if (!isSameJson(affinity, pinned) && !isSameJson(affinity, poolAffinity)) {
    fields.push('spec.template.spec.affinity');
    // null takes away what else was put there; the release follows once the guest runs.
    const preferred = { preferredDuringSchedulingIgnoredDuringExecution: null };
    own.affinity = { nodeAffinity: { ...pinned.nodeAffinity, ...preferred }, podAffinity: null, podAntiAffinity: null };
  }
  if (Object.keys(own).length > 0) patch.spec = { ...patch.spec, template: { spec: own } };
  const labels = attemptLabels(job, attempt.number);
  const lost = Object.entries(labels).filter(([key, value]) => vm.metadata.labels?.[key] !== value);
  if (lost.length > 0) {
    fields.push(...lost.map(([key]) => `metadata.labels.${key}`));
    patch.metadata = { labels: Object.fromEntries(lost) };
  }
  return fields.length === 0 ? undefined : { fields, patch };
}
