// Whether Idlewild is installed as this program needs it: its definition, its rights and its admission policies. Pure.

import { computeJobFields } from '../api/compute-job-fields.ts';
import { computeJobs } from '../api/resources.ts';
import type { Facts } from './facts.ts';
import { fieldsOf } from './fields.ts';
import { fail, judged, named, ok, type Verdict } from './finding.ts';
import { inWords, type Account } from './rights.ts';

const install = 'helm upgrade --install idlewild CHART -n idlewild-system --create-namespace';
const upgrade = 'helm upgrade with crds.install=true, or kubectl apply -f crds/';

/** One binding each, by the same name. */
export const admissionPolicies = [
  'agent-leases.idlewild.dev',
  'agent-nodes.idlewild.dev',
  'jobs.idlewild.dev',
  'revoked-agents.idlewild.dev',
] as const;

export function definition(facts: Facts): Verdict {
  const { group, plural, version } = computeJobs;
  const missing = fail(`there is no ${plural}.${group}`, install);
  return judged(facts.definition, missing, ({ spec }) => {
    const served = spec.versions.find(({ name }) => name === version);
    if (served?.served !== true) return fail(`it does not serve ${version}`, upgrade);
    const there = new Set(fieldsOf(served.schema?.openAPIV3Schema ?? {}));
    const lacking = computeJobFields.filter((field) => !there.has(field));
    if (lacking.length === 0) return ok(`${version}, with all ${computeJobFields.length} fields and values`);
    return fail(
      `it is older than this program, whose words the API server would drop or refuse: it lacks ${named(lacking)}`,
      upgrade,
    );
  });
}

export function policies(facts: Facts): Verdict {
  const none = fail('the cluster knows no ValidatingAdmissionPolicies', 'upgrade Kubernetes');
  return judged(facts.policies, none, (names) =>
    judged(facts.bindings, none, (bindings) => {
      const off = admissionPolicies.filter(
        (name) =>
          !names.includes(name) ||
          !bindings.some(({ spec }) => spec?.policyName === name && spec.validationActions?.includes('Deny') === true),
      );
      if (off.length === 0) return ok(`all ${admissionPolicies.length} are there and deny`);
      return fail(
        `missing, or bound to nothing that denies: ${off.join(', ')}: agents could write what is not theirs`,
        install,
      );
    }),
  );
}

export function rights(account: Account): (facts: Facts) => Verdict {
  return ({ rights: asked }) =>
    judged(asked, fail('the API server answers no questions about rights', install), (all) => {
      const own = all.filter((right) => right.account === account);
      const missing = own.filter(({ allowed }) => !allowed);
      if (missing.length === 0) return ok(`all ${own.length}`);
      return fail(
        `${missing.length} of ${own.length} are missing: ${named(missing.map(inWords), 3)}`,
        `${install}; and see that nobody has changed its roles and bindings`,
      );
    });
}
