// What is wrong with the networks and interfaces of an instance, in KubeVirt's words.
// Pure. Facts: KubeVirt pkg/network/admitter and recorded answers.
import type { VmiSpec } from '../../model/instance.ts';
import type { Cause } from './verdict.ts';

export function networkRules(spec: VmiSpec, path: string): Cause[] {
  const networks = spec.networks ?? [];
  const interfaces = spec.domain.devices.interfaces ?? [];
  const causes: Cause[] = [];
  if (networks.filter((network) => network.pod !== undefined).length > 1) {
    const field = `${path}.interfaces`;
    const message = `more than one interface is connected to a pod network in ${field}`;
    causes.push({ reason: 'FieldValueDuplicate', message, field });
  }
  for (const [index, each] of interfaces.entries()) {
    const field = `${path}.domain.devices.interfaces[${index}].name`;
    const network = networks.find((candidate) => candidate.name === each.name);
    if (each.masquerade !== undefined && network?.pod === undefined) {
      causes.push({
        reason: 'FieldValueInvalid',
        message: 'Masquerade interface only implemented with pod network',
        field,
      });
    }
    if (!network) causes.push({ reason: 'FieldValueInvalid', message: `${field} '${each.name}' not found.`, field });
  }
  for (const [index, network] of networks.entries()) {
    if (interfaces.some((each) => each.name === network.name)) continue;
    const field = `${path}.networks[${index}].name`;
    causes.push({ reason: 'FieldValueRequired', message: `${field} '${network.name}' not found.`, field });
  }
  return causes;
}
