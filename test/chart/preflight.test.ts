// The looks at the cluster that the chart takes: when they are there, as whom, and with which words to the program.

import { describe, expect, it, jest } from '@jest/globals';
import { render, type Rendered } from './chart.ts';
import { find, podOf } from './workloads.ts';

jest.setTimeout(60_000);

const enabled = ['--set', 'preflight.enabled=true'];
const hooks = ({ metadata }: Rendered): string[] =>
  ((metadata as { annotations?: Record<string, string> }).annotations?.['helm.sh/hook'] ?? '').split(',');
const of = (objects: readonly Rendered[]): Rendered[] =>
  objects.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'preflight');

describe('the look at the cluster', () => {
  it('is a test, and leaves neither an account nor rights when it is over', async () => {
    const objects = of(await render());
    expect(objects.map(({ kind }) => kind).sort()).toEqual(
      ['ClusterRole', 'ClusterRoleBinding', 'Pod', 'Role', 'RoleBinding', 'ServiceAccount'].sort(),
    );
    for (const each of objects) {
      expect(hooks(each)).toEqual(['test']);
      const { annotations } = each.metadata as unknown as { annotations: Record<string, string> };
      expect(annotations['helm.sh/hook-delete-policy']).toBe('before-hook-creation,hook-succeeded');
    }
    const { args, image } = podOf(find(objects, 'Pod', 'idlewild-preflight')).containers[0] ?? {};
    expect([image, args]).toEqual([expect.stringMatching(/\/operator:/), ['preflight', '--namespace=lab-system']]);
  });

  it('comes before an installation and an upgrade when it is asked for', async () => {
    const objects = of(await render(...enabled));
    const job = find(objects, 'Job', 'idlewild-preflight');
    expect(hooks(job)).toEqual(['pre-install', 'pre-upgrade']);
    expect(podOf(job).containers[0]?.args).toEqual(['preflight', '--before-install']);
    for (const [kind, name] of [
      ['ServiceAccount', 'preflight'],
      ['ClusterRole', 'idlewild:preflight'],
      ['ClusterRoleBinding', 'idlewild:preflight'],
    ] as const)
      expect(hooks(find(objects, kind, name))).toEqual(['pre-install', 'pre-upgrade', 'test']);
    // Its namespace is not there before the installation.
    expect(hooks(find(objects, 'Role', 'idlewild:preflight'))).toEqual(['test']);
  });

  it('runs as restricted as the operator', async () => {
    const objects = await render(...enabled);
    const operator = podOf(find(objects, 'Deployment', 'operator'));
    for (const kind of ['Pod', 'Job']) {
      const pod = podOf(find(objects, kind, 'idlewild-preflight'));
      expect(pod.serviceAccountName).toBe('preflight');
      expect(pod.securityContext).toEqual(operator.securityContext);
      expect(pod.containers[0]?.securityContext).toEqual(operator.containers[0]?.securityContext);
    }
  });

  it('is not there without an operator, whose image it is', async () => {
    expect(of(await render('--set', 'operator.enabled=false', ...enabled))).toEqual([]);
  });
});
