// Leases, priority classes and disruption budgets: small objects by which others agree.
import type { ApiObject, FieldError, ServedResource } from '../registry/types.ts';
import { forbidden, invalid } from '../schema/errors.ts';
import { asString, member } from '../schema/json.ts';
import { ageColumn, defineKind } from './kind.ts';

export const leases: ServedResource = defineKind({
  group: 'coordination.k8s.io',
  plural: 'leases',
  kind: 'Lease',
  definition: 'io.k8s.api.coordination.v1.Lease',
  namespaced: true,
  columns: [
    { name: 'Holder', type: 'string', value: (lease) => asString(member(lease, 'spec', 'holderIdentity')) },
    ageColumn,
  ],
  validate(lease): FieldError[] {
    const errors: FieldError[] = [];
    const seconds = member(lease, 'spec', 'leaseDurationSeconds');
    const transitions = member(lease, 'spec', 'leaseTransitions');
    if (typeof seconds === 'number' && seconds <= 0)
      errors.push(invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0'));
    if (typeof transitions === 'number' && transitions < 0)
      errors.push(invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
    return errors;
  },
});

export const priorityClasses: ServedResource = defineKind({
  group: 'scheduling.k8s.io',
  plural: 'priorityclasses',
  singular: 'priorityclass',
  kind: 'PriorityClass',
  definition: 'io.k8s.api.scheduling.v1.PriorityClass',
  namespaced: false,
  shortNames: ['pc'],
  generation: true,
  columns: [
    { name: 'Value', type: 'integer', jsonPath: '.value' },
    { name: 'Global-Default', type: 'boolean', value: (priority) => priority['globalDefault'] === true },
    ageColumn,
    {
      name: 'PreemptionPolicy',
      type: 'string',
      value: (priority) => asString(priority['preemptionPolicy']) || 'PreemptLowerPriority',
    },
  ],
  validate: (priority, old) =>
    old && old['value'] !== priority['value'] ? [forbidden('value', 'may not be changed in an update.')] : [],
});

function amount(budget: ApiObject, name: string): string {
  const value = member(budget, 'spec', name);
  return value === undefined ? 'N/A' : String(value);
}

export const disruptionBudgets: ServedResource = defineKind({
  group: 'policy',
  plural: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  definition: 'io.k8s.api.policy.v1.PodDisruptionBudget',
  namespaced: true,
  shortNames: ['pdb'],
  status: true,
  generation: true,
  columns: [
    { name: 'Min Available', type: 'string', value: (budget) => amount(budget, 'minAvailable') },
    { name: 'Max Unavailable', type: 'string', value: (budget) => amount(budget, 'maxUnavailable') },
    {
      name: 'Allowed Disruptions',
      type: 'integer',
      value: (budget) => Number(member(budget, 'status', 'disruptionsAllowed') ?? 0),
    },
    ageColumn,
  ],
  // Nothing may be disrupted until somebody has counted.
  prepareCreate(budget) {
    budget['status'] = { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 };
  },
  validate(budget): FieldError[] {
    const both =
      member(budget, 'spec', 'minAvailable') !== undefined && member(budget, 'spec', 'maxUnavailable') !== undefined;
    return both ? [invalid('spec', '', 'minAvailable and maxUnavailable cannot be both set')] : [];
  },
});
