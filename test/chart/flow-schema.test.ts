// That the API server takes the renewals of agents' Leases for what they are: guests end without them.

import { describe, expect, it, jest } from '@jest/globals';
import { parseOptions } from '@idlewild/agent/options.ts';
import { render, type Rendered } from './chart.ts';
import { find, podOf } from './workloads.ts';

jest.setTimeout(60_000);

const served = ['--api-versions', 'flowcontrol.apiserver.k8s.io/v1'];

interface Rule {
  readonly subjects?: readonly unknown[];
  readonly resourceRules?: readonly unknown[];
}

describe('the Leases of agents', () => {
  it('are served among those of nodes, as far as the rights of the agent for them go', async () => {
    const objects = await render(...served);
    const { spec } = find(objects, 'FlowSchema', 'idlewild-agent-leases') as Rendered & {
      readonly spec: {
        readonly priorityLevelConfiguration: { readonly name: string };
        readonly rules: readonly Rule[];
      };
    };
    expect(spec.priorityLevelConfiguration.name).toBe('node-high');
    const pod = podOf(find(objects, 'DaemonSet', 'agent-desktop'));
    const name = pod.serviceAccountName ?? '';
    const { 'lease-namespace': namespace } = parseOptions(pod.containers[0]?.args ?? []);
    const role = objects.find(
      ({ kind, metadata }) =>
        kind === 'Role' &&
        metadata.name === 'idlewild:agent' &&
        (metadata as { readonly namespace?: string }).namespace === namespace,
    );
    expect(spec.rules).toEqual([
      {
        subjects: [{ kind: 'ServiceAccount', serviceAccount: { name, namespace: 'lab-system' } }],
        resourceRules: (role?.['rules'] as readonly object[]).map((rule) => ({ ...rule, namespaces: [namespace] })),
      },
    ]);
  });

  it('are nobody’s affair without agents', async () => {
    const objects = await render(...served, '--set', 'agent.enabled=false');
    expect(objects.filter(({ kind }) => kind === 'FlowSchema')).toEqual([]);
  });
});
