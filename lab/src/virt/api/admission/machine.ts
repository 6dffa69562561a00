// Admission of VirtualMachines: defaults at creation, and what a template must hold. Many specs that can never start are accepted
// here, as KubeVirt does; they fail when the instance is created. Pure.
import { RUN_STRATEGIES, type VirtualMachine } from '../../model/instance.ts';
import { withVmDefaults, type FirmwareIdentity } from '../../defaults/vmi-defaults.ts';
import { instanceCauses, invalid, reservedLabelCauses } from './instance-rules.ts';
import { verdictOf, type AdmissionRequest, type Cause, type Verdict } from './verdict.ts';

/** @param identity a fresh firmware identity; a machine that is updated without one gets none. */
export function mutateMachine(request: AdmissionRequest, identity: FirmwareIdentity): Verdict {
  const vm = request.object as VirtualMachine;
  if (vm.metadata.deletionTimestamp) return { kind: 'allowed' };
  const defaulted = withVmDefaults(vm, identity);
  if (request.operation === 'CREATE') return { kind: 'allowed', object: defaulted };
  const { firmware } = vm.spec.template.spec.domain;
  const { firmware: _identity, ...domain } = defaulted.spec.template.spec.domain;
  const spec = { ...defaulted.spec.template.spec, domain: firmware ? { ...domain, firmware } : domain };
  const template = { ...defaulted.spec.template, spec };
  return { kind: 'allowed', object: { ...defaulted, spec: { ...defaulted.spec, template } } };
}

export function validateMachine(request: AdmissionRequest): Verdict {
  const vm = request.object as VirtualMachine;
  // A machine on its way out must not be held by a rule that its spec no longer meets.
  if (vm.metadata.deletionTimestamp) return { kind: 'allowed' };
  const causes = [
    ...strategyRules(vm),
    ...reservedLabelCauses(vm.spec.template.metadata?.labels, 'spec.template.metadata.labels'),
    ...instanceCauses(vm.spec.template.spec, 'spec.template.spec'),
  ];
  const deprecated = vm.spec.running !== undefined && vm.spec.runStrategy === undefined;
  return verdictOf(causes, deprecated ? ['spec.running is deprecated, please use spec.runStrategy instead.'] : []);
}

function strategyRules({ spec }: VirtualMachine): Cause[] {
  if (spec.running !== undefined && spec.runStrategy !== undefined) {
    return [
      invalid(
        'spec.running',
        'Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please use RunStrategy instead',
      ),
    ];
  }
  if (spec.running === undefined && spec.runStrategy === undefined) {
    return [invalid('spec.running', 'RunStrategy must be specified')];
  }
  if (spec.runStrategy !== undefined && !RUN_STRATEGIES.includes(spec.runStrategy)) {
    return [invalid('spec.runStrategy', `Invalid RunStrategy (${String(spec.runStrategy)})`)];
  }
  return [];
}
