// Whether a call to a VirtualMachineInstance's subresource may go on to its machine; if not, the refusal in KubeVirt's words.
// Pure. Facts: KubeVirt pkg/virt-api/rest/*.go and recorded answers.
import { conditionOf } from '../../../model/meta.ts';
import type { VirtualMachineInstance } from '../../model/instance.ts';
import { asPlainError, badRequest, conflict, notFound, type Answer } from './answer.ts';
import type { InstanceCall } from './route.ts';

type MachineBound = Exclude<InstanceCall, 'evacuate/cancel'>;

/** Undefined when the call is allowed. */
export function refusalOf(
  call: MachineBound,
  name: string,
  vmi: VirtualMachineInstance | undefined,
): Answer | undefined {
  const refusal = vmi ? ruleOf(call, name, vmi) : notFound('virtualmachineinstance', name);
  const asText = call === 'vnc/screenshot' || call === 'guestosinfo';
  return refusal && asText ? asPlainError(refusal) : refusal;
}

function ruleOf(call: MachineBound, name: string, vmi: VirtualMachineInstance): Answer | undefined {
  const running = vmi.status?.phase === 'Running';
  const paused = conditionOf(vmi.status?.conditions, 'Paused')?.status === 'True';
  const no = (message: string): Answer => conflict('virtualmachineinstance', name, message);
  const { autoattachGraphicsDevice, autoattachSerialConsole } = vmi.spec.domain.devices;
  switch (call) {
    case 'console':
      if (autoattachSerialConsole === false) return badRequest('No serial consoles are present.');
      if (vmi.status?.phase === 'Failed') return no('VMI is in failed status');
      return running ? undefined : badRequest('VMI is not running');
    case 'vnc':
    case 'vnc/screenshot':
      if (autoattachGraphicsDevice === false) return badRequest('No graphics devices are present.');
      return running ? undefined : badRequest('VMI is not running');
    case 'guestosinfo':
      if (!running) return no('VMI is not running');
      return conditionOf(vmi.status?.conditions, 'AgentConnected')?.status === 'True'
        ? undefined
        : no('VMI does not have guest agent connected');
    case 'pause':
      if (!running) return no('VM is not running');
      return paused ? no('VMI is already paused') : undefined;
    case 'unpause':
      if (!running) return no('VMI is not running');
      return paused ? undefined : no('VMI is not paused');
    case 'softreboot':
      if (!running) return no('VM is not running');
      return paused ? no('VMI is paused') : undefined;
    case 'reset': {
      const phase = vmi.status?.phase ?? '';
      if (running || phase === 'Scheduled') return undefined;
      const why = `Unable to connect to VirtualMachineInstance because phase is ${phase} instead of Running or Scheduled`;
      return badRequest(`Failed to reset non-running VMI with phase ${phase}: ${why}`);
    }
  }
}
