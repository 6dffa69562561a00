// What is found in a cluster that is ready, and in clusters that lack one thing each; machines.test.ts has what concerns machines.

import { describe, expect, it } from '@jest/globals';
import {
  absent,
  binding,
  definition,
  finding,
  forbidden,
  kubeVirt,
  nodes,
  ready,
  without,
  type FindingCase,
} from '../../../test/builders/cluster-facts.ts';
import { aMachine } from '../../../test/builders/node.ts';
import { computeJobFields } from '../api/compute-job-fields.ts';
import { findingsOf } from './decide.ts';
import type { Toleration } from '../api/kubernetes.ts';
import type { Facts } from './facts.ts';
import { seen } from './finding.ts';
import { admissionPolicies } from './installation.ts';

const tolerating = (...tolerations: Toleration[]) => ({ nodePlacement: { tolerations } });

describe('a cluster', () => {
  it('that is ready is found to be so in every respect', () => {
    expect(findingsOf(ready, { installed: true }).filter(({ level }) => level !== 'ok')).toEqual([]);
  });

  it.each<FindingCase>([
    ['with an old Kubernetes', { version: seen('v1.31.9+k3s1') }, 'Kubernetes', 'fail', /too old/, /1\.32 or later/],
    ['that says nonsense', { version: seen('main') }, 'Kubernetes', 'warn', /"main"/, /1\.32 or later/],
    ['without KubeVirt', { kubeVirts: absent }, 'KubeVirt', 'fail', /not installed/, /quickstart/],
    [
      'with the operator of KubeVirt only',
      { kubeVirts: seen([]) },
      'KubeVirt',
      'fail',
      /not installed/,
      /KubeVirt object/,
    ],
    [
      'whose KubeVirt is still on its way',
      kubeVirt(
        {},
        {
          status: {
            phase: 'Deploying',
            conditions: [{ type: 'Available', status: 'False', message: 'Deploying version v1.9.0' }],
          },
        },
      ),
      'KubeVirt',
      'fail',
      /Deploying: Deploying version v1\.9\.0/,
      /wait until it is Deployed/,
    ],
    [
      'whose KubeVirt is degraded',
      kubeVirt(
        {},
        {
          status: { phase: 'Deployed', conditions: [{ type: 'Degraded', status: 'True', message: 'no virt-api' }] },
        },
      ),
      'KubeVirt',
      'warn',
      /degraded: no virt-api/,
      /describe kubevirt kubevirt/,
    ],
    [
      'with an old KubeVirt',
      kubeVirt({}, { status: { phase: 'Deployed', observedKubeVirtVersion: 'v1.5.2' } }),
      'KubeVirt version',
      'fail',
      /v1\.5\.2 is too old/,
      /1\.6 or later/,
    ],
    [
      'whose Kubernetes refuses what its KubeVirt writes',
      {
        ...kubeVirt({}, { status: { phase: 'Deployed', observedKubeVirtVersion: 'v1.8.2' } }),
        version: seen('v1.36.0'),
      },
      'KubeVirt version',
      'fail',
      /v1\.8\.2 cannot run every image on Kubernetes 1\.36 or later/,
      /1\.8\.4 or later/,
    ],
    [
      'whose KubeVirt says no version',
      kubeVirt({}, { status: { phase: 'Deployed' } }),
      'KubeVirt version',
      'warn',
      /does not say/,
      /1\.6 or later/,
    ],
    [
      'that emulates',
      kubeVirt({ developerConfiguration: { useEmulation: true } }),
      'emulation',
      'warn',
      /useEmulation is on/,
      /"useEmulation":false/,
    ],
    [
      'whose guests take no change',
      kubeVirt({ vmRolloutStrategy: 'Stage' }),
      'live update',
      'fail',
      /vmRolloutStrategy is Stage/,
      /kubectl -n kubevirt patch kubevirt kubevirt .*"vmRolloutStrategy":"LiveUpdate"/,
    ],
    [
      'whose upgrades end guests',
      kubeVirt({}, { spec: { workloadUpdateStrategy: { workloadUpdateMethods: ['LiveMigrate', 'Evict'] } } }),
      'upgrades',
      'warn',
      /has Evict/,
      /"workloadUpdateMethods":\["LiveMigrate"\]/,
    ],
    [
      'whose virt-handler does not come back to owners at work',
      kubeVirt({}, { spec: { workloads: tolerating({ key: 'example.com/lab', operator: 'Exists' }) } }),
      'virt-handler',
      'warn',
      /no idlewild\.dev\/owner-present, idlewild\.dev\/lost, idlewild\.dev\/volatile: /,
      /"workloads":.*\[{"key":"example\.com\/lab","operator":"Exists"},{"key":"idlewild\.dev\/owner-present","operator":"Exists"}/,
    ],
    [
      'whose virt-handler tolerates one of three, and another only as long as pods live',
      kubeVirt(
        {},
        {
          spec: {
            workloads: tolerating(
              { key: 'idlewild.dev/lost', effect: 'NoSchedule' },
              { key: 'idlewild.dev/volatile', operator: 'Exists', effect: 'NoExecute' },
            ),
          },
        },
      ),
      'virt-handler',
      'warn',
      /no idlewild\.dev\/owner-present, idlewild\.dev\/volatile: /,
      /-p '{"spec"/,
    ],
    [
      'that lets fewer guests move at a time than the operator',
      kubeVirt({ migrations: { parallelMigrationsPerCluster: 2 } }),
      'migrations',
      'warn',
      /2 at a time in all and 2 from a machine/,
      /operator\.flags\.migrations=2,operator\.flags\.migrations-per-machine=2/,
    ],
    [
      'that copies after the move',
      kubeVirt({ migrations: { allowPostCopy: true } }),
      'migrations',
      'warn',
      /is lost when either/,
      /"allowPostCopy":false/,
    ],
    [
      'whose migrations travel in the clear',
      kubeVirt({ migrations: { disableTLS: true } }),
      'migrations',
      'warn',
      /in the clear/,
      /"disableTLS":false/,
    ],
    [
      'whose machines cannot mount disks',
      nodes({
        ...aMachine('pc-3'),
        status: { nodeInfo: { containerRuntimeVersion: 'containerd://2.0.5-k3s1' } as never },
      }),
      'disks',
      'warn',
      /since 2\.1: not on pc-3/,
      /upgrade Kubernetes there, or .*"disabledFeatureGates":\["ImageVolume"\]/,
    ],
    ['without the definition', { definition: absent }, 'definition', 'fail', /no computejobs\.idlewild\.dev/, /helm/],
    [
      'whose definition lacks a field',
      definition(computeJobFields.filter((field) => !field.startsWith('spec.network'))),
      'definition',
      'fail',
      /older than this program.*it lacks spec\.network, spec\.network=None/,
      /crds\.install=true/,
    ],
    [
      'whose definition does not serve the version',
      definition(computeJobFields, false),
      'definition',
      'fail',
      /does not serve v1alpha1/,
      /crds\.install=true/,
    ],
    [
      'in which the operator may not delete pods',
      { rights: without('delete', 'pods') },
      "operator's rights",
      'fail',
      /1 of \d+ are missing: delete pods$/,
      /helm upgrade --install/,
    ],
    [
      'in which the agents may not renew',
      { rights: without('update', 'leases', 'idlewild-machines') },
      "agents' rights",
      'fail',
      /update leases in idlewild-machines/,
      /roles and bindings/,
    ],
    [
      'in which nobody answers about rights',
      { rights: { kind: 'unknown', why: 'forbidden' } },
      "portal's rights",
      'unknown',
      /forbidden/,
      /somebody who may/,
    ],
    [
      'without a policy',
      { policies: seen(admissionPolicies.slice(1)) },
      'admission policies',
      'fail',
      /agent-leases\.idlewild\.dev: agents could write/,
      /helm/,
    ],
    [
      'with a policy that only warns',
      { bindings: seen(admissionPolicies.map((name) => binding(name, ['Warn']))) },
      'admission policies',
      'fail',
      /bound to nothing that denies: agent-leases.*revoked/,
      /helm/,
    ],
    [
      'that knows no such policies',
      { policies: absent },
      'admission policies',
      'fail',
      /knows no/,
      /upgrade Kubernetes/,
    ],
    [
      'with k3s',
      { ...nodes(aMachine('pc-1')), version: seen('v1.34.1+k3s1') },
      'network policies',
      'warn',
      /unless/,
      /try it/,
    ],
    [
      'with plain flannel',
      nodes({ metadata: { name: 'a', annotations: { 'flannel.alpha.coreos.com/public-ip': '10.0.0.1' } } }),
      'network policies',
      'warn',
      /flannel alone enforces none/,
      /Calico, Cilium/,
    ],
    ['with another network', nodes(aMachine('pc-1')), 'network policies', 'warn', /nobody can tell/, /isolation\.md/],
  ])('%s is told so, with what helps', (_what, facts, check, level, words, remedy) => {
    expect(finding(facts, check)).toMatchObject({
      level,
      words: expect.stringMatching(words),
      remedy: expect.stringMatching(remedy),
    });
  });

  it.each([
    ['v1.35.3', 'v1.8.2'],
    ['v1.35.3', 'v1.6.0'],
    ['v1.36.0', 'v1.8.4'],
    ['v1.36.0', 'v1.8.10-7-gabcdef0'],
    ['v1.36.2+k3s1', 'v1.9.0'],
    ['v1.36.2', 'v1.9.0-rc.0'],
    ['v1.37.0', 'v2.0.0'],
    ['v1.37.0', '1.10'],
  ])('with Kubernetes %s and KubeVirt %s runs every image', (version, observedKubeVirtVersion) => {
    const facts = {
      ...kubeVirt({}, { status: { phase: 'Deployed', observedKubeVirtVersion } }),
      version: seen(version),
    };
    expect(finding(facts, 'KubeVirt version')).toMatchObject({ level: 'ok', words: observedKubeVirtVersion });
  });

  it('whose virt-handler tolerates everything has it wherever guests are', () => {
    const facts = kubeVirt({}, { spec: { workloads: tolerating({ operator: 'Exists' }) } });
    expect(finding(facts, 'virt-handler')).toMatchObject({ level: 'ok' });
  });

  it('without KubeVirt is told so once', () => {
    const findings = findingsOf({ ...ready, kubeVirts: absent }, { installed: false });
    expect(findings.map(({ check, level }) => `${check}: ${level}`)).toEqual([
      'Kubernetes: ok',
      'network policies: ok',
      'KubeVirt: fail',
    ]);
  });

  it('whose Nodes may not be read is told so once for each thing that nobody can tell of', () => {
    const findings = findingsOf({ ...ready, nodes: forbidden }, { installed: true });
    expect(findings.filter(({ level }) => level === 'unknown').map(({ check }) => check)).toEqual([
      'network policies',
      'disks',
      'machines',
    ]);
  });

  it('before Idlewild is there is not asked for it', () => {
    const empty: Facts = { ...ready, definition: absent, renewals: absent, policies: seen([]), rights: forbidden };
    const findings = findingsOf(empty, { installed: false });
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
    expect(findings.map(({ check }) => check)).toContain('live update');
  });
});
