// A cluster as preflight reads it: one that is ready in every respect, and what can be otherwise about it.

import { computeJobFields } from '@idlewild/operator/api/compute-job-fields.ts';
import type { Lease, Node } from '@idlewild/operator/api/kubernetes.ts';
import { findingsOf } from '@idlewild/operator/preflight/decide.ts';
import type { Definition, Facts, KubeVirt, Schema } from '@idlewild/operator/preflight/facts.ts';
import { seen, type Finding } from '@idlewild/operator/preflight/finding.ts';
import { admissionPolicies } from '@idlewild/operator/preflight/installation.ts';
import { rightsNeeded } from '@idlewild/operator/preflight/rights.ts';
import { aMachine } from './node.ts';

const at = (second: number): string => `2026-01-01T12:00:0${second}.000000Z`;
const terms = JSON.stringify({ switchAfterSeconds: 7.5, killSeconds: 0.5, checkSeconds: 0.6, boot: 'b' });
export const lease = (name: string, second: number, holder = `${name}_0`): Lease => ({
  metadata: { name, annotations: { 'idlewild.dev/fence': terms } },
  spec: { holderIdentity: holder, leaseDurationSeconds: 10, renewTime: at(second) },
});
export const armed = { labels: { 'idlewild.dev/fence': 'armed' } };
export const pcs = ['pc-1', 'pc-2'].map((name) => aMachine(name, armed));

const tolerations = ['owner-present', 'lost', 'volatile'].map((taint) => ({
  key: `idlewild.dev/${taint}`,
  operator: 'Exists' as const,
}));
type Configuration = NonNullable<NonNullable<KubeVirt['spec']>['configuration']>;
export const kubeVirt = (configuration: Configuration = {}, rest: Partial<KubeVirt> = {}): Partial<Facts> => ({
  kubeVirts: seen([
    {
      metadata: { name: 'kubevirt', namespace: 'kubevirt' },
      spec: { configuration, workloads: { nodePlacement: { tolerations } } },
      status: { phase: 'Deployed', observedKubeVirtVersion: 'v1.9.0' },
      ...rest,
    },
  ]),
});
export const nodes = (...list: Node[]): Partial<Facts> => ({ nodes: seen(list) });
export const leases = (before: readonly Lease[], after: readonly Lease[]): Partial<Facts> => ({
  renewals: seen({ before, after, apartMs: 6_000 }),
});

/** A schema that has exactly these fields, the inverse of what the check makes of one. */
function schemaOf(fields: readonly string[]): Schema {
  const root: Record<string, unknown> = {};
  for (const field of fields) {
    const [path = '', value] = field.split('=');
    let schema = root;
    for (const step of path.split('.')) {
      const [name = '', ...lists] = step.split('[]');
      const properties = (schema['properties'] ??= {}) as Record<string, Record<string, unknown>>;
      schema = properties[name] ??= {};
      for (const _ of lists) schema = (schema['items'] ??= {}) as Record<string, unknown>;
    }
    if (value !== undefined) schema['enum'] = [...((schema['enum'] as string[] | undefined) ?? []), value];
  }
  return root;
}
export const definition = (fields: readonly string[], served = true): Partial<Facts> => ({
  definition: seen<Definition>({
    metadata: { name: 'computejobs.idlewild.dev' },
    spec: { versions: [{ name: 'v1alpha1', served, schema: { openAPIV3Schema: schemaOf(fields) } }] },
  }),
});
export const binding = (name: string, validationActions = ['Deny']) => ({
  metadata: { name },
  spec: { policyName: name, validationActions },
});
const rights = rightsNeeded('idlewild-system');

export const ready: Facts = {
  version: seen('v1.34.1'),
  ...(kubeVirt() as Pick<Facts, 'kubeVirts'>),
  nodes: seen(
    pcs.map(({ metadata, ...rest }) => ({
      ...rest,
      metadata: {
        ...metadata,
        annotations: { ...metadata.annotations, 'projectcalico.org/IPv4Address': '10.0.0.1/24' },
      },
    })),
  ),
  ...(definition(computeJobFields) as Pick<Facts, 'definition'>),
  ...(leases([lease('pc-1', 0), lease('pc-2', 0)], [lease('pc-1', 6), lease('pc-2', 5)]) as Pick<Facts, 'renewals'>),
  policies: seen(admissionPolicies),
  bindings: seen(admissionPolicies.map((name) => binding(name))),
  rights: seen(rights.map((right) => ({ ...right, allowed: true }))),
};

/** What one check says of a cluster that is ready but for `facts`. */
export const finding = (facts: Partial<Facts>, check: string): Finding | undefined =>
  findingsOf({ ...ready, ...facts }, { installed: true }).find((each) => each.check === check);

export const forbidden = { kind: 'unknown', why: 'nodes is forbidden: User "ann" cannot list' } as const;
export const absent = { kind: 'absent' } as const;
export const without = (verb: string, resource: string, namespace?: string) =>
  seen(
    rights.map((right) => ({
      ...right,
      allowed: right.verb !== verb || right.resource !== resource || right.namespace !== namespace,
    })),
  );

/** A row of a table of findings. */
export type FindingCase = [
  what: string,
  facts: Partial<Facts>,
  check: string,
  level: 'warn' | 'fail' | 'unknown',
  words: RegExp,
  remedy: RegExp,
];
