// What is wrong with the spec of an instance, in KubeVirt's words: the same rules for a VirtualMachine's template and an instance.
// Pure. Facts: KubeVirt pkg/virt-api/webhooks/validating-webhook/admitters/vmi-create-admitter.go and recorded answers.
import { parseQuantity } from '@idlewild/operator/api/quantity.ts';
import type { VmiSpec } from '../../model/instance.ts';
import { diskRules } from './disk-rules.ts';
import { networkRules } from './network-rules.ts';
import { notALabel } from './names.ts';
import { volumeRules } from './volume-rules.ts';
import type { Cause } from './verdict.ts';

const EVICTION_STRATEGIES: readonly string[] = ['None', 'LiveMigrate', 'LiveMigrateIfPossible', 'External'];
const RESERVED_LABELS = [
  'kubevirt.io/created-by',
  'kubevirt.io/migrationJobUID',
  'kubevirt.io/nodeName',
  'kubevirt.io/migrationTargetNodeName',
  'kubevirt.io/schedulable',
  'kubevirt.io/install-strategy',
] as const;

/** @param path where the spec is: "spec" or "spec.template.spec". */
export function instanceCauses(spec: VmiSpec, path: string): readonly Cause[] {
  return [
    ...machineRules(spec, path),
    ...hostnameRules(spec, path),
    ...diskRules(spec, path),
    ...volumeRules(spec, path),
    ...networkRules(spec, path),
    ...resourceRules(spec, path),
    ...placementRules(spec, path),
    ...probeRules(spec, path),
  ];
}

export function invalid(field: string, message: string): Cause {
  return { reason: 'FieldValueInvalid', message, field };
}

function machineRules(spec: VmiSpec, path: string): Cause[] {
  const type = spec.domain.machine?.type;
  const field = `${path}.domain.machine.type`;
  const causes: Cause[] = [];
  if (type && !/^(pc-)?q35/.test(type)) {
    causes.push(invalid(field, `${field} is not supported: ${type} (allowed values: [q35* pc-q35*])`));
  }
  if (spec.evictionStrategy && !EVICTION_STRATEGIES.includes(spec.evictionStrategy)) {
    const place = `${path}.evictionStrategy`;
    causes.push(invalid(place, `${place} is set with an unrecognized option: ${String(spec.evictionStrategy)}`));
  }
  if ((spec.domain.devices['hostDevices'] as unknown[] | undefined)?.length) {
    causes.push(invalid(`${path}.HostDevices`, 'Host Devices feature gate is not enabled in kubevirt-config'));
  }
  return causes;
}

function hostnameRules(spec: VmiSpec, path: string): Cause[] {
  const problem = spec.hostname ? notALabel(spec.hostname) : undefined;
  const field = `${path}.hostname`;
  return problem ? [invalid(field, `${field} does not conform to the kubernetes DNS_LABEL rules : ${problem}`)] : [];
}

function resourceRules(spec: VmiSpec, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const kind of ['requests', 'limits'] as const) {
    for (const [name, quantity] of Object.entries(spec.domain.resources?.[kind] ?? {})) {
      const field = `${path}.domain.resources.${kind}.${name}`;
      if (parseQuantity(quantity) < 0n) {
        causes.push(invalid(field, `${field} '${quantity}': must be greater than or equal to 0.`));
      }
    }
  }
  return causes;
}

function placementRules(spec: VmiSpec, path: string): Cause[] {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms.flatMap((term, t) =>
    (term.matchExpressions ?? []).flatMap((expression, e) => {
      const needsValues = expression.operator === 'In' || expression.operator === 'NotIn';
      if (!needsValues || (expression.values?.length ?? 0) > 0) return [];
      const list = 'nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
      const field = `${path}.${list}[${t}].matchExpressions[${e}].values`;
      return [invalid(field, `${field}: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`)];
    }),
  );
}

const HANDLERS = ['httpGet', 'tcpSocket', 'exec', 'guestAgentPing'] as const;

function probeRules(spec: VmiSpec, path: string): Cause[] {
  const causes: Cause[] = [];
  const podNetwork = spec.networks?.some((network) => network.pod !== undefined) ?? false;
  for (const kind of ['readinessProbe', 'livenessProbe'] as const) {
    const probe = spec[kind] as Readonly<Record<string, unknown>> | undefined;
    if (!probe) continue;
    const field = `${path}.${kind}`;
    const set = HANDLERS.filter((handler) => probe[handler] !== undefined);
    if (set.length !== 1) causes.push(invalid(field, `${field} must have exactly one probe type set`));
    for (const handler of ['httpGet', 'tcpSocket'] as const) {
      if (probe[handler] === undefined || podNetwork) continue;
      causes.push(invalid(`${field}.${handler}`, `${field}.${handler} is only allowed if the Pod Network is attached`));
    }
  }
  if (spec.startStrategy === 'Paused' && spec['livenessProbe'] !== undefined) {
    const message =
      `either ${path}.startStrategy or ${path}.livenessProbe should be provided.` +
      'Pausing VMI with LivenessProbe is not supported';
    causes.push(invalid(`${path}.startStrategy`, message));
  }
  return causes;
}

/** Labels that only KubeVirt may set; `field` says where they were found. */
export function reservedLabelCauses(labels: Readonly<Record<string, string>> | undefined, field: string): Cause[] {
  if (!RESERVED_LABELS.some((label) => labels?.[label] !== undefined)) return [];
  const message = 'creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited';
  return [{ reason: 'FieldValueNotSupported', message, field }];
}

/** True when an update changes a label that only KubeVirt may change. */
export function changesReservedLabels(
  before: Readonly<Record<string, string>> | undefined,
  after: Readonly<Record<string, string>> | undefined,
): boolean {
  return RESERVED_LABELS.some((label) => before?.[label] !== after?.[label]);
}
