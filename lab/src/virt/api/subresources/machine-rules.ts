// What start, stop, restart and migrate do to a VirtualMachine, or why not, in KubeVirt's words.
// Pure. Facts: KubeVirt pkg/virt-api/rest/{lifecycle,subresource}.go and recorded answers.
import {
  isFinal,
  strategyOf,
  type StateChangeRequest,
  type VirtualMachine,
  type VirtualMachineInstance,
} from '../../model/instance.ts';
import { badRequest, conflict, notFound, type Answer } from './answer.ts';
import type { MachineCall } from './route.ts';

export interface CallBody {
  readonly paused?: boolean;
  readonly gracePeriod?: number | null;
  readonly gracePeriodSeconds?: number | null;
  readonly addedNodeSelector?: Readonly<Record<string, string>>;
  readonly dryRun?: readonly string[];
}

export type MachineAct =
  | { readonly kind: 'refuse'; readonly answer: Answer }
  | { readonly kind: 'setRunStrategy'; readonly runStrategy: 'Always' | 'Halted'; readonly graceSeconds?: number }
  | { readonly kind: 'request'; readonly requests: readonly StateChangeRequest[]; readonly graceSeconds?: number }
  | { readonly kind: 'shorten'; readonly graceSeconds: number }
  | { readonly kind: 'migrate'; readonly addedNodeSelector?: Readonly<Record<string, string>> };

/** The shortest grace that a forced restart leaves. */
const FORCED_GRACE_SECONDS = 1;

export function machineAct(
  call: Exclude<MachineCall, 'evacuate/cancel'>,
  name: string,
  vm: VirtualMachine | undefined,
  vmi: VirtualMachineInstance | undefined,
  body: CallBody,
): MachineAct {
  if (!vm) return { kind: 'refuse', answer: notFound('virtualmachine', name) };
  const no = (message: string): MachineAct => ({ kind: 'refuse', answer: conflict('virtualmachine', name, message) });
  const living = vmi !== undefined && !isFinal(vmi);
  const strategy = strategyOf(vm);
  switch (call) {
    case 'start': {
      if (living) return no('VM is already running');
      if (strategy === 'Halted') return { kind: 'setRunStrategy', runStrategy: 'Always' };
      if (strategy === 'RerunOnFailure' && vmi?.status?.phase === 'Failed') {
        return no('RerunOnFailure does not support starting VM from failed state');
      }
      if (strategy !== 'Manual' && strategy !== 'RerunOnFailure') {
        return no(`${strategy} does not support manual start requests`);
      }
      const start: StateChangeRequest = { action: 'Start', ...(body.paused ? { data: { paused: 'true' } } : {}) };
      return { kind: 'request', requests: vmi ? [{ action: 'Stop', uid: vmi.metadata.uid }, start] : [start] };
    }
    case 'stop': {
      const grace = body.gracePeriod ?? undefined;
      const shorter = grace === undefined ? {} : { graceSeconds: grace };
      if (strategy === 'Always' || strategy === 'Once')
        return { kind: 'setRunStrategy', runStrategy: 'Halted', ...shorter };
      if (!living || !vmi) return no('VM is not running');
      if (strategy !== 'Halted') {
        return { kind: 'request', requests: [{ action: 'Stop', uid: vmi.metadata.uid }], ...shorter };
      }
      const lowers = grace !== undefined && grace < (vmi.spec.terminationGracePeriodSeconds ?? Infinity);
      return lowers
        ? { kind: 'shorten', graceSeconds: grace }
        : no('Halted only supports manual stop requests with a shorter graceperiod');
    }
    case 'restart': {
      const grace = body.gracePeriodSeconds ?? undefined;
      if (grace !== undefined && grace > 0) {
        return { kind: 'refuse', answer: badRequest('For force restart, only gracePeriod=0 is supported for now') };
      }
      if (strategy === 'Halted' || strategy === 'Once') {
        return no(`RunStategy ${strategy} does not support manual restart requests`);
      }
      if (!living || !vmi) return no('VM is not running');
      const requests: StateChangeRequest[] = [{ action: 'Stop', uid: vmi.metadata.uid }, { action: 'Start' }];
      return { kind: 'request', requests, ...(grace === 0 ? { graceSeconds: FORCED_GRACE_SECONDS } : {}) };
    }
    case 'migrate': {
      if (!vmi) return { kind: 'refuse', answer: notFound('virtualmachineinstance', name) };
      if (vmi.status?.phase !== 'Running') return no('VM is not running');
      return { kind: 'migrate', ...(body.addedNodeSelector ? { addedNodeSelector: body.addedNodeSelector } : {}) };
    }
  }
}
